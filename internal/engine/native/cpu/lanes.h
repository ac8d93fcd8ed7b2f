// Values combined in lanes, so that they become vectors.
//
// How they are put together goes by their number alone: whoever combines as many values
// that are equal gets the same bits.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>
#include <vector>

#include "ext/tiles.h"

namespace adj::cpu {

#define ADJ_ALWAYS inline __attribute__((always_inline))

// A run of values is combined in so many lanes at most, and a long one run by run.
constexpr size_t lanes = 64, block = 4096;

// A Few values of W are a vector of every processor's.
template <class W> struct Few {
  static constexpr size_t n = 16 / sizeof(W);
  using Index = std::conditional_t<sizeof(W) == 8, int64_t, int32_t>;
  using V __attribute__((vector_size(16))) = W;
  using I __attribute__((vector_size(16))) = Index;

  // lower moves the lanes from by on below the others.
  template <size_t by, size_t... i> static ADJ_ALWAYS V lower(V v, std::index_sequence<i...>) {
#if defined(__clang__)
    return __builtin_shufflevector(v, v, ((i + by) % n)...);
#else
    return __builtin_shuffle(v, I{Index((i + by) % n)...});
#endif
  }
  // halved combines the upper half of v with the lower one, until one value is left: from
  // memory a half would have to wait for the whole to be there.
  template <class Op, size_t half = n / 2> static ADJ_ALWAYS W halved(V v) {
    V other = lower<half>(v, std::make_index_sequence<n>());
    W x[n], y[n];
    std::memcpy(x, &v, sizeof v);
    std::memcpy(y, &other, sizeof other);
    ADJ_LOOP
    for (size_t l = 0; l < n; l++) {
      x[l] = Op::f(x[l], y[l]);
    }
    std::memcpy(&v, x, sizeof v);
    if constexpr (half > 1) {
      return halved<Op, half / 2>(v);
    }
    return v[0];
  }
};

// halved leaves in y what comes of combining the upper half of n values with the lower
// one, until m are left.
template <class Op, size_t n, size_t m, class W> ADJ_ALWAYS void halved(const W* x, W* y) {
  W z[n / 2];
  ADJ_LOOP
  for (size_t l = 0; l < n / 2; l++) {
    z[l] = Op::f(x[l], x[l + n / 2]);
  }
  if constexpr (n / 2 <= m) {
    std::memcpy(y, z, sizeof z);
  } else {
    halved<Op, n / 2, m>(z, y);
  }
}

// fetch_ahead fetches what is needed soon after the lanes from x on.
template <class T> ADJ_ALWAYS void fetch_ahead(const T* x) {
  constexpr size_t ahead = 2048, line = 64; // bytes
  for (size_t b = 0; b < lanes * sizeof(T); b += line) {
    __builtin_prefetch(reinterpret_cast<const char*>(x) + ahead + b);
  }
}

// combined combines at(i) for n values of W: many at a time, what is left some at a time,
// and the rest one by one. Before many of them it calls soon(i).
template <class Op, class W, class At, class Soon> ADJ_ALWAYS W combined(size_t n, At at, Soon soon) {
  // The compiler may make vectors of one integer after the other by itself.
  constexpr size_t some = std::is_floating_point_v<W> ? lanes / 4 : lanes;
  alignas(64) W acc[some];
  size_t i = 1;
  W r = at(0);
  if (n < 2 * some) {
    for (; i < n; i++) {
      r = Op::f(r, at(i));
    }
    return r;
  }
  if (some < lanes && n >= 2 * lanes) {
    alignas(64) W wide[lanes];
    for (size_t l = 0; l < lanes; l++) {
      wide[l] = at(l);
    }
    for (i = lanes; i + lanes <= n; i += lanes) {
      soon(i);
      ADJ_LOOP
      for (size_t l = 0; l < lanes; l++) {
        wide[l] = Op::f(wide[l], at(i + l));
      }
    }
    halved<Op, lanes, some>(wide, acc);
  } else {
    for (size_t l = 0; l < some; l++) {
      acc[l] = at(l);
    }
    i = some;
  }
  for (; i + some <= n; i += some) {
    if (some == lanes) {
      soon(i);
    }
    ADJ_LOOP
    for (size_t l = 0; l < some; l++) {
      acc[l] = Op::f(acc[l], at(i + l));
    }
  }
  W few[Few<W>::n];
  halved<Op, some, Few<W>::n>(acc, few);
  typename Few<W>::V v;
  std::memcpy(&v, few, sizeof v);
  r = Few<W>::template halved<Op>(v);
  for (; i < n; i++) {
    r = Op::f(r, at(i));
  }
  return r;
}

// by_blocks combines what each(begin, n) returns for successive blocks of n values, which
// more combines if there are several.
template <class W, class Each, class More> W by_blocks(size_t n, Each each, More more) {
  if (n <= block) {
    return each(0, n);
  }
  std::vector<W> part((n + block - 1) / block);
  for (size_t i = 0; i < part.size(); i++) {
    part[i] = each(i * block, std::min(block, n - i * block));
  }
  return more(part.data(), part.size());
}

} // namespace adj::cpu
