// Kernels of a function of one number or of two.
#pragma once
#include <algorithm>
#include <type_traits>

#include "ext/tiles.h"

namespace adj::tiles {

// What may give other last bits for one number than for several, such as the functions of
// the C library.
struct Calls {};

template <class Op, class T> ADJ_CLONES void ones(T* out, const T* x, size_t n) {
  ADJ_LONG_LOOP
  for (size_t i = 0; i < n; i++) {
    out[i] = Op::f(x[i]);
  }
}

template <class Op, class T, class R> ADJ_CLONES void twos(R* out, const T* x, const T* y, size_t n) {
  ADJ_LONG_LOOP
  for (size_t i = 0; i < n; i++) {
    out[i] = Op::f(x[i], y[i]);
  }
}

// vectors is how many of n elements are computed by whole vectors. The rest becomes one,
// too, so that a number gives the same wherever it stands.
constexpr size_t width = 16;
template <class Op> constexpr size_t vectors(size_t n) {
  return std::is_base_of_v<Calls, Op> ? n / width * width : n;
}

template <class Op, class T> void one(void* dst, const void* a, const void*, const void*, size_t n) {
  auto* x = static_cast<const T*>(a);
  auto* out = static_cast<T*>(dst);
  size_t most = vectors<Op>(n);
  ones<Op>(out, x, most);
  if (most < n) {
    T rest[width] = {};
    std::copy(x + most, x + n, rest);
    ones<Op>(rest, rest, width);
    std::copy(rest, rest + (n - most), out + most);
  }
}

template <class Op, class T> void two(void* dst, const void* a, const void* b, const void*, size_t n) {
  auto* x = static_cast<const T*>(a);
  auto* y = static_cast<const T*>(b);
  using R = decltype(Op::f(T(), T()));
  static_assert(std::is_same_v<R, T> || std::is_same_v<R, bool>);
  auto* out = static_cast<R*>(dst);
  size_t most = vectors<Op>(n);
  twos<Op>(out, x, y, most);
  if (most < n) {
    T rest[width] = {}, other[width] = {};
    R r[width];
    std::copy(x + most, x + n, rest);
    std::copy(y + most, y + n, other);
    twos<Op>(r, rest, other, width);
    std::copy(r, r + (n - most), out + most);
  }
}

} // namespace adj::tiles
