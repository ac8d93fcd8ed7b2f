// adjoint:flags -O3 -fno-math-errno -fno-trapping-math -ffp-contract=off
// Sums, products, extremes over axes.
//
// How a sum is put together goes by the sizes alone, so its bits do not depend on the
// number of threads. Half precision is added up in float32.
#include <algorithm>
#include <cmath>
#include <memory>
#include <type_traits>

#include "cpu/eager.h"
#include "cpu/lanes.h"
#include "cpu/matrices.h"
#include "cpu/pool.h"
#include "cpu/reductions.h"
#include "cpu/task.h"
#include "ext/fused.h"
#include "ext/tiles.h"

namespace adj::cpu {

using namespace mlx::core;

namespace {

// run combines n values. What is far comes from memory, before it is needed.
template <class Op, class T, bool far = false> ADJ_CLONES Wide<T> run(const T* x, size_t n) {
  using W = Wide<T>;
  return combined<Op, W>(n, [=](size_t i) { return W(x[i]); }, [=](size_t i) {
    if constexpr (far) {
      fetch_ahead(x + i);
    }
  });
}

// near combines so many values of each of count rows with out, which stays in registers.
template <size_t wide, class Op, class T>
inline __attribute__((always_inline)) void near(Wide<T>* out, const T* x, int64_t stride, size_t count) {
  Wide<T> sum[wide];
  std::copy_n(out, wide, sum);
  for (size_t r = 0; r < count; r++, x += stride) {
    ADJ_LOOP
    for (size_t i = 0; i < wide; i++) {
      sum[i] = Op::f(sum[i], Wide<T>(x[i]));
    }
  }
  std::copy_n(sum, wide, out);
}

// onto combines the n values of each of count rows with out.
template <class Op, class T>
ADJ_CLONES void onto(Wide<T>* out, const T* x, int64_t stride, size_t count, size_t n) {
  constexpr size_t wide = 16;
  if (n <= 4 * wide) {
    for (; n >= wide; n -= wide, out += wide, x += wide) {
      near<wide, Op>(out, x, stride, count);
    }
  }
  for (size_t r = 0; r < count; r++, x += stride) {
    ADJ_LOOP
    for (size_t i = 0; i < n; i++) {
      out[i] = Op::f(out[i], Wide<T>(x[i]));
    }
  }
}

template <class From, class To> ADJ_CLONES void convert(To* out, const From* x, size_t n) {
  ADJ_LOOP
  for (size_t i = 0; i < n; i++) {
    out[i] = To(x[i]);
  }
}

// A Plan is how the axes of a reduction lie in memory: outer ones that are kept,
// then those that are reduced, then inner ones that are kept and contiguous.
struct Plan {
  Places places; // of the outer ones
  size_t outer = 1, count = 1, inner = 1;
  int64_t stride = 0; // between values, or rows of them, that are combined
  size_t row = 0; // so many successive values are combined first, see in_two_steps
};

// plan returns false for a reduction whose axes lie in another way.
bool plan(const array& in, const std::vector<int>& axes, Plan& p) {
  auto list = spans(in, axes);
  size_t n = list.size();
  if (n > 0 && !list[n - 1].reduced) {
    if (list[n - 1].stride != 1) {
      return false;
    }
    p.inner = list[--n].size;
  }
  if (n == 0 || !list[n - 1].reduced || (p.inner == 1 && list[n - 1].stride != 1)) {
    return false;
  }
  p.count = list[n - 1].size;
  p.stride = list[--n].stride;
  Shape shape;
  Strides strides;
  for (size_t i = 0; i < n; i++) {
    if (list[i].reduced) {
      return false;
    }
    shape.push_back(list[i].size);
    strides.push_back(list[i].stride);
    p.outer *= list[i].size;
  }
  p.places = {shape, strides};
  return true;
}

constexpr size_t grain = reduced_grain;

// whole combines n values, a long run of them block by block.
template <class Op, bool far, class T> T whole(const T* x, size_t n) {
  return by_blocks<T>(n, [=](size_t begin, size_t some) { return run<Op, T, far>(x + begin, some); }, run<Op, T>);
}

template <class Op, class T> void rows(const Plan& p, const T* x, T* out) {
  using W = Wide<T>;
  if constexpr (std::is_same_v<T, W>) {
    if (p.row > 0) {
      size_t each = p.count / p.row;
      std::unique_ptr<T[]> part(new T[p.outer * each]);
      split(p.outer * each, std::max<size_t>(1, grain / p.row), [&](size_t begin, size_t end) {
        for (size_t i = begin; i < end; i++) {
          part[i] = whole<Op, true>(x + p.places.at(i / each) + i % each * p.row, p.row);
        }
      });
      Plan then{Places({(int)p.outer}, {(int64_t)each}), p.outer, each, 1, 1};
      return rows<Op>(then, part.get(), out);
    }
  }
  size_t blocks = (p.count + block - 1) / block;
  if (blocks == 1) {
    split(p.outer, std::max<size_t>(1, grain / p.count), [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; i++) {
        out[i] = T(run<Op, T, true>(x + p.places.at(i), p.count));
      }
    });
    return;
  }
  std::unique_ptr<W[]> part(new W[p.outer * blocks]);
  split(p.outer * blocks, grain / block, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) {
      size_t from = i % blocks * block;
      part[i] = run<Op, T, true>(x + p.places.at(i / blocks) + from, std::min(block, p.count - from));
    }
  });
  for (size_t i = 0; i < p.outer; i++) {
    out[i] = T(run<Op>(&part[i * blocks], blocks));
  }
}

template <class Op, class T> void columns(const Plan& p, const T* x, T* out) {
  using W = Wide<T>;
  constexpr size_t wide = 512, tall = 256; // a strip of columns, a stack of rows
  size_t strips = (p.inner + wide - 1) / wide, stacks = (p.count + tall - 1) / tall;
  size_t units = p.outer * stacks * strips;
  bool direct = std::is_same_v<T, W> && stacks == 1;
  std::unique_ptr<W[]> part(direct ? nullptr : new W[p.outer * stacks * p.inner]);
  auto* sums = direct ? reinterpret_cast<W*>(out) : part.get();
  size_t each_unit = std::min(tall, p.count) * std::min(wide, p.inner);
  split(units, std::max<size_t>(1, grain / each_unit), [&](size_t begin, size_t end) {
    for (size_t u = begin; u < end; u++) {
      size_t strip = u % strips, stack = u / strips % stacks, o = u / strips / stacks;
      size_t col = strip * wide, row = stack * tall, n = std::min(wide, p.inner - col);
      auto* from = x + p.places.at(o) + (int64_t)row * p.stride + col;
      auto* to = sums + (o * stacks + stack) * p.inner + col;
      convert(to, from, n);
      onto<Op>(to, from + p.stride, p.stride, std::min(tall, p.count - row) - 1, n);
    }
  });
  if (direct) {
    return;
  }
  split(p.outer * strips, std::max<size_t>(1, grain / (stacks * std::min(wide, p.inner))), [&](size_t begin, size_t end) {
    for (size_t u = begin; u < end; u++) {
      size_t strip = u % strips, o = u / strips, col = strip * wide, n = std::min(wide, p.inner - col);
      auto* to = sums + o * stacks * p.inner + col;
      onto<Op>(to, to + p.inner, p.inner, stacks - 1, n);
      convert(out + o * p.inner + col, to, n);
    }
  });
}

template <class Op, class T> void reduce(const Plan& p, const void* x, void* out) {
  auto* from = static_cast<const T*>(x);
  auto* to = static_cast<T*>(out);
  p.inner == 1 ? rows<Op>(p, from, to) : columns<Op>(p, from, to);
}

using Reducing = void (*)(const Plan& p, const void* x, void* out);

Reducing kernel_of(Reduce::ReduceType type, Dtype in, Dtype out) {
  return in != out ? nullptr : reducing<Reducing>(type, in, [](auto op, auto value) -> Reducing { return reduce<decltype(op), decltype(value)>; });
}

Eval stock;

void evaluate(Primitive* primitive, const std::vector<array>& inputs, std::vector<array>& outputs) {
  auto& in = inputs[0];
  auto& out = outputs[0];
  auto [type, axes] = static_cast<Reduce*>(primitive)->state();
  auto kernel = kernel_of(type, in.dtype(), out.dtype());
  Plan p;
  if (!kernel || in.size() == 0 || !plan(in, axes, p)) {
    stock(primitive, inputs, outputs);
    return;
  }
  if (in_two_steps(in.shape(), axes, in.dtype())) {
    p.row = in.shape(-1);
  }
  out.set_data(allocator::malloc(out.nbytes()));
  auto task = [kernel, p = std::move(p), x = in.data<char>(), y = out.data<char>()] { kernel(p, x, y); };
  perform(primitive->stream(), std::move(task));
}

} // namespace

// fold is rows on this thread.
template <class Op, class T> void fold(void* dst, const void* a, const void*, size_t count, size_t n) {
  auto* x = static_cast<const T*>(a);
  auto* out = static_cast<T*>(dst);
  for (size_t r = 0; r < count; r++) {
    out[r] = whole<Op, false>(x + r * n, n);
  }
}

template <class T> RowKernel fold_of(std::string_view op) {
  return op == "Sum" ? fold<SumOf, T> : op == "Prod" ? fold<ProdOf, T> : op == "Max" ? fold<MaxOf, T>
      : op == "Min" ? fold<MinOf, T> : RowKernel(nullptr);
}

void take_reductions() {
  stock = take(sum(array({1.0f, 2.0f}), true), "Sum", evaluate);
}

} // namespace adj::cpu

namespace adj {

RowKernel fold_kernel(std::string_view op, mlx::core::Dtype d) {
  using namespace mlx::core;
  return d == float32 ? cpu::fold_of<float>(op) : d == float64 ? cpu::fold_of<double>(op) : nullptr;
}

} // namespace adj
