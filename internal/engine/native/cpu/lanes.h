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

// A run of values is combined in so many lanes, and a long one run by run.
constexpr size_t lanes = 64, block = 4096;

// A Vector of values of W is combined by halves, each below the other one first: from
// memory a half would have to wait for the whole to be there.
template <class W> struct Vector {
  static constexpr size_t n = 16;
  using Index = std::conditional_t<sizeof(W) == 8, int64_t, int32_t>;
  using V __attribute__((vector_size(n * sizeof(W)))) = W;
  using I __attribute__((vector_size(n * sizeof(W)))) = Index;

  template <size_t by, size_t... i> static ADJ_ALWAYS V lower(V v, std::index_sequence<i...>) {
#if defined(__clang__)
    return __builtin_shufflevector(v, v, ((i + by) % n)...);
#else
    return __builtin_shuffle(v, I{Index((i + by) % n)...});
#endif
  }
  template <class Op> static ADJ_ALWAYS V both(V a, V b) {
    W x[n], y[n];
    std::memcpy(x, &a, sizeof a);
    std::memcpy(y, &b, sizeof b);
    ADJ_LOOP
    for (size_t l = 0; l < n; l++) {
      x[l] = Op::f(x[l], y[l]);
    }
    std::memcpy(&a, x, sizeof a);
    return a;
  }
  template <class Op> static ADJ_ALWAYS W whole(const W* x) {
    constexpr auto all = std::make_index_sequence<n>();
    V part[lanes / n];
    std::memcpy(part, x, sizeof part);
    static_assert(lanes == 4 * n);
    V v = both<Op>(both<Op>(part[0], part[2]), both<Op>(part[1], part[3]));
    v = both<Op>(v, lower<8>(v, all));
    v = both<Op>(v, lower<4>(v, all));
    v = both<Op>(v, lower<2>(v, all));
    v = both<Op>(v, lower<1>(v, all));
    return v[0];
  }
};

// fetch_ahead fetches what is needed soon after the lanes from x on.
template <class T> ADJ_ALWAYS void fetch_ahead(const T* x) {
  constexpr size_t ahead = 2048, line = 64; // bytes
  for (size_t b = 0; b < lanes * sizeof(T); b += line) {
    __builtin_prefetch(reinterpret_cast<const char*>(x) + ahead + b);
  }
}

// combined combines at(i) for n values of W. Before some of them it calls soon(i).
template <class Op, class W, class At, class Soon> ADJ_ALWAYS W combined(size_t n, At at, Soon soon) {
  size_t i = 1;
  W r = at(0);
  if (n >= 2 * lanes) {
    alignas(64) W acc[lanes];
    for (size_t l = 0; l < lanes; l++) {
      acc[l] = at(l);
    }
    for (i = lanes; i + lanes <= n; i += lanes) {
      soon(i);
      ADJ_LOOP
      for (size_t l = 0; l < lanes; l++) {
        acc[l] = Op::f(acc[l], at(i + l));
      }
    }
    r = Vector<W>::template whole<Op>(acc);
  }
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
