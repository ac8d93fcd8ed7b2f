// What reductions are made of, whichever way their axes lie.
#pragma once
#include <algorithm>
#include <type_traits>
#include <vector>

#include "ext/arithmetic.h"
#include "mlx/primitives.h"

namespace adj::cpu {

struct SumOf {
  template <class T> static T f(T a, T b) { return a + b; }
};
struct ProdOf {
  template <class T> static T f(T a, T b) { return a * b; }
};
using MaxOf = tiles::arithmetic::Maximum;
using MinOf = tiles::arithmetic::Minimum;

// Wide is what values of T are combined in.
template <class T> using Wide = std::conditional_t<
    std::is_same_v<T, mlx::core::float16_t> || std::is_same_v<T, mlx::core::bfloat16_t>, float,
    std::conditional_t<std::is_same_v<T, bool>, int32_t, T>>;

// A thread is worth waking for so many values.
constexpr size_t reduced_grain = 1 << 15;

// A Span is some axes of an array that lie together, all of them reduced or none.
struct Span {
  int64_t size, stride;
  bool reduced;
};

// spans are those of an array, without axes of one element.
inline std::vector<Span> spans(const mlx::core::array& in, const std::vector<int>& axes) {
  std::vector<Span> list;
  for (int i = 0; i < (int)in.ndim(); i++) {
    if (in.shape(i) == 1) {
      continue;
    }
    bool reduced = std::find(axes.begin(), axes.end(), i) != axes.end();
    Span a{in.shape(i), in.strides(i), reduced};
    if (!list.empty() && list.back().reduced == reduced && list.back().stride == a.size * a.stride) {
      list.back() = {list.back().size * a.size, a.stride, reduced};
    } else {
      list.push_back(a);
    }
  }
  return list;
}

// reducing returns what get, called with an operation and a value of the dtype, gives for
// a reduction that keeps its dtype, or null.
template <class F, class Get> F reducing(mlx::core::Reduce::ReduceType type, mlx::core::Dtype d, Get get) {
  using namespace mlx::core;
  auto of = [&](auto op) -> F {
    switch (d.val()) {
      case Dtype::Val::float16: return get(op, float16_t());
      case Dtype::Val::bfloat16: return get(op, bfloat16_t());
      case Dtype::Val::float32: return get(op, float());
      case Dtype::Val::float64: return get(op, double());
      case Dtype::Val::int32: return get(op, int32_t());
      default: return nullptr;
    }
  };
  switch (type) {
    case Reduce::Sum: return of(SumOf());
    case Reduce::Prod: return of(ProdOf());
    case Reduce::Max: return of(MaxOf());
    case Reduce::Min: return of(MinOf());
    default: return nullptr;
  }
}

} // namespace adj::cpu
