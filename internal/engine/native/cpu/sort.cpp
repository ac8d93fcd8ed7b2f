// adjoint:flags -O3
// Sorting along an axis, by keys whose order as unsigned integers is that of the values.
//
// NaN comes last and equal values keep their order, as in MLX, bit for bit: that is all
// -0 and 0, and NaN of every kind, which have one key and are put back as they came.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "cpu/copy.h"
#include "cpu/eager.h"
#include "cpu/pool.h"
#include "ext/tiles.h"
#include "mlx/ops.h"

namespace adj::cpu {

using namespace mlx::core;

namespace {

// A Key orders numbers of so many bits; they are floating, signed or not.
enum class Kind { floating, whole, natural };

template <class Bits, Kind kind, int exponent = 0> struct Key {
  using Word = Bits;
  static constexpr Bits sign = Bits(1) << (8 * sizeof(Bits) - 1), last = ~Bits(0);
  static constexpr Bits endless = Bits((Bits(1) << exponent) - 1) << (8 * sizeof(Bits) - 1 - exponent);
  static constexpr bool loses = kind == Kind::floating;

  static uint32_t of(Bits x) {
    if constexpr (kind == Kind::natural) {
      return x;
    } else if constexpr (kind == Kind::whole) {
      return Bits(x ^ sign);
    } else {
      Bits size = x & Bits(~sign);
      Bits key = x & sign ? Bits(~x) : Bits(x | sign);
      return size > endless ? last : size == 0 ? sign : key;
    }
  }
  static Bits value(uint32_t k) {
    Bits key = k;
    if constexpr (kind == Kind::natural) {
      return key;
    } else if constexpr (kind == Kind::whole) {
      return key ^ sign;
    } else {
      return key & sign ? Bits(key ^ sign) : Bits(~key);
    }
  }
  // lost says that the key of x does not give it back.
  static bool lost(Bits x) {
    return loses & ((x & Bits(~sign)) > endless || x == sign);
  }
};

// by_digits sorts n words by the 32 bits from low on, and returns where they end up: in
// a or in b.
template <int bits, class W> W* by_digits(W* a, W* b, size_t n, int low) {
  constexpr int passes = (32 + bits - 1) / bits;
  constexpr size_t digits = size_t(1) << bits;
  auto digit = [=](W x, int pass) { return size_t(x >> (low + pass * bits)) & (digits - 1); };
  static thread_local uint32_t counts[passes][digits];
  std::memset(counts, 0, sizeof counts);
  for (size_t i = 0; i < n; i++) {
    for (int p = 0; p < passes; p++) {
      counts[p][digit(a[i], p)]++;
    }
  }
  for (int p = 0; p < passes; p++) {
    auto* count = counts[p];
    if (count[digit(a[0], p)] == n) {
      continue; // all have the same digit
    }
    uint32_t at = 0;
    for (size_t d = 0; d < digits; d++) {
      at += std::exchange(count[d], at);
    }
    for (size_t i = 0; i < n; i++) {
      b[count[digit(a[i], p)]++] = a[i];
    }
    std::swap(a, b);
  }
  return a;
}

// by_ranks sorts a few words by counting, for each, those that go before it.
constexpr size_t few = 64;

template <class W> ADJ_CLONES void by_ranks(const W* a, W* b, size_t n) {
  W ranks[few] = {};
  for (size_t j = 0; j < n; j++) {
    W x = a[j];
    ADJ_LOOP
    for (size_t i = 0; i < j; i++) {
      ranks[i] += x < a[i];
    }
    ADJ_LOOP
    for (size_t i = j + 1; i < n; i++) {
      ranks[i] += x <= a[i];
    }
  }
  for (size_t i = 0; i < n; i++) {
    b[ranks[i]] = a[i];
  }
}

template <class W> W* sorted(W* a, W* b, size_t n, int low) {
  constexpr size_t many = 1 << 15;
  if (n < few) {
    by_ranks(a, b, n);
    return b;
  }
  return n < many ? by_digits<8>(a, b, n, low) : by_digits<11>(a, b, n, low);
}

// A Lane is an axis of a row-contiguous array: n elements that lie behind apart, in
// each of count places, which are behind to a block.
struct Lane {
  Lane(const array& a, int axis) : n(a.shape(axis)) {
    for (int i = axis + 1; i < (int)a.ndim(); i++) {
      behind *= a.shape(i);
    }
    count = a.size() / n;
  }
  size_t n, behind = 1, count;
};

// Where lanes lie beside each other, so many are done at a time: a cache line.
constexpr size_t beside = 16;

// elements calls f(i, j, place) for element i of each lane j of m, the first of which
// begins at first.
template <class F> void elements(const Lane& l, size_t first, size_t m, F&& f) {
  if (l.behind == 1) {
    for (size_t i = 0; i < l.n; i++) {
      f(i, size_t(0), first + i);
    }
    return;
  }
  for (size_t i = 0; i < l.n; i++) {
    for (size_t j = 0; j < m; j++) {
      f(i, j, first + i * l.behind + j);
    }
  }
}

// lanes shares out f(first, m, words): m lanes beside each other of which the first
// begins at first, and memory for 2·beside·n words.
template <class W, class F> void lanes(const Lane& l, F&& f) {
  constexpr size_t grain = 1 << 13;
  size_t wide = std::min(beside, l.behind), groups = (l.behind + wide - 1) / wide;
  split(l.count / l.behind * groups, std::max<size_t>(1, grain / (l.n * wide)), [&](size_t begin, size_t end) {
    std::unique_ptr<W[]> words(new W[2 * wide * l.n]);
    for (size_t u = begin; u < end; u++) {
      size_t left = u % groups * wide;
      f(u / groups * l.n * l.behind + left, std::min(wide, l.behind - left), words.get());
    }
  });
}

template <class K> void sort_lanes(const Lane& l, const void* from, void* to) {
  using T = typename K::Word;
  auto* x = static_cast<const T*>(from);
  auto* y = static_cast<T*>(to);
  lanes<uint32_t>(l, [&](size_t first, size_t m, uint32_t* keys) {
    size_t n = l.n;
    uint32_t losses = 0;
    elements(l, first, m, [&](size_t i, size_t j, size_t at) {
      keys[j * n + i] = K::of(x[at]);
      losses |= K::lost(x[at]);
    });
    // The zeros and NaN of each lane, in the order in which they come.
    std::vector<T> lost[beside];
    if (losses) {
      elements(l, first, m, [&](size_t i, size_t j, size_t at) {
        if (keys[j * n + i] == K::sign || keys[j * n + i] == K::last) {
          lost[j].push_back(x[at]);
        }
      });
    }
    uint32_t* lane[beside];
    for (size_t j = 0; j < m; j++) {
      lane[j] = sorted(keys + j * n, keys + m * n + j * n, n, 0);
    }
    elements(l, first, m, [&](size_t i, size_t j, size_t at) { y[at] = K::value(lane[j][i]); });
    for (size_t j = 0; losses && j < m; j++) {
      auto place = [&](uint32_t key) { return size_t(std::lower_bound(lane[j], lane[j] + n, key) - lane[j]); };
      size_t zero = place(K::sign), nan = place(K::last);
      for (auto v : lost[j]) {
        y[first + (K::of(v) == K::last ? nan : zero)++ * l.behind + j] = v;
      }
    }
  });
}

template <class K> void argsort_lanes(const Lane& l, const void* from, void* to) {
  using T = typename K::Word;
  auto* x = static_cast<const T*>(from);
  auto* y = static_cast<uint32_t*>(to);
  lanes<uint64_t>(l, [&](size_t first, size_t m, uint64_t* keys) {
    size_t n = l.n;
    elements(l, first, m, [&](size_t i, size_t j, size_t at) { keys[j * n + i] = (uint64_t)K::of(x[at]) << 32 | i; });
    uint64_t* lane[beside];
    for (size_t j = 0; j < m; j++) {
      lane[j] = sorted(keys + j * n, keys + m * n + j * n, n, 32);
    }
    elements(l, first, m, [&](size_t i, size_t j, size_t at) { y[at] = lane[j][i]; });
  });
}

using Sorting = void (*)(const Lane& l, const void* from, void* to);
struct Kernels {
  Sorting sort = nullptr, argsort = nullptr;
};

template <class K> constexpr Kernels kernels{sort_lanes<K>, argsort_lanes<K>};

Kernels kernels_of(Dtype d) {
  switch (d.val()) {
    case Dtype::Val::bool_:
    case Dtype::Val::uint8: return kernels<Key<uint8_t, Kind::natural>>;
    case Dtype::Val::uint16: return kernels<Key<uint16_t, Kind::natural>>;
    case Dtype::Val::uint32: return kernels<Key<uint32_t, Kind::natural>>;
    case Dtype::Val::int8: return kernels<Key<uint8_t, Kind::whole>>;
    case Dtype::Val::int16: return kernels<Key<uint16_t, Kind::whole>>;
    case Dtype::Val::int32: return kernels<Key<uint32_t, Kind::whole>>;
    case Dtype::Val::float16: return kernels<Key<uint16_t, Kind::floating, 5>>;
    case Dtype::Val::bfloat16: return kernels<Key<uint16_t, Kind::floating, 8>>;
    case Dtype::Val::float32: return kernels<Key<uint32_t, Kind::floating, 8>>;
    default: return {};
  }
}

Eval stock_sort, stock_argsort;

template <class P, bool indices, Eval& stock>
void sorting(Primitive* p, const std::vector<array>& inputs, std::vector<array>& outputs) {
  auto& out = outputs[0];
  auto kernels = kernels_of(inputs[0].dtype());
  if (!kernels.sort || out.size() == 0 || out.ndim() == 0) {
    stock(p, inputs, outputs);
    return;
  }
  auto s = p->stream();
  int axis = static_cast<P*>(p)->state();
  axis += axis < 0 ? (int)out.ndim() : 0;
  auto in = inputs[0].flags().row_contiguous ? inputs[0] : contiguous(inputs[0], s);
  out.set_data(allocator::malloc(out.nbytes()));
  perform(s, [l = Lane(in, axis), kernel = indices ? kernels.argsort : kernels.sort, x = in.data<char>(), y = out.data<char>()] {
    kernel(l, x, y);
  });
}

// What is partitioned is in the order that argpartition says, which derivatives go by.
// MLX's partition takes equal values, and rows that share their memory, in another one.
Eval stock_partition;

void partition(Primitive* p, const std::vector<array>& inputs, std::vector<array>& outputs) {
  auto& out = outputs[0];
  if (out.size() == 0 || out.ndim() == 0) {
    return stock_partition(p, inputs, outputs);
  }
  auto s = p->stream();
  auto [kth, axis] = static_cast<Partition*>(p)->state();
  axis += axis < 0 ? (int)out.ndim() : 0;
  auto in = inputs[0].flags().row_contiguous ? inputs[0] : contiguous(inputs[0], s);
  std::vector<array> order{array(in.shape(), uint32, nullptr, {})};
  argpartition(in, kth, axis, s).primitive().eval_cpu({in}, order);
  out.set_data(allocator::malloc(out.nbytes()));
  perform(s, [in, at = order[0], y = out.data<char>(), l = Lane(in, axis)] {
    size_t width = in.itemsize();
    auto* x = in.data<char>();
    auto* from = at.data<uint32_t>();
    for (size_t k = 0; k < l.count; k++) {
      size_t first = k / l.behind * l.behind * l.n + k % l.behind;
      for (size_t i = 0; i < l.n; i++) {
        size_t to = first + i * l.behind;
        std::memcpy(y + to * width, x + (first + from[to] * l.behind) * width, width);
      }
    }
  });
}

} // namespace

void take_sorting() {
  auto x = array({1.0f, 2.0f});
  stock_partition = take(mlx::core::partition(x, 1), "Partition", cpu::partition);
  stock_sort = take(mlx::core::sort(x), "Sort", sorting<Sort, false, stock_sort>);
  stock_argsort = take(mlx::core::argsort(x), "ArgSort", sorting<ArgSort, true, stock_argsort>);
}

} // namespace adj::cpu
