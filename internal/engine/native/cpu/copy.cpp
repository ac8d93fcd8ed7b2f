// adjoint:flags -O3
// Copies between layouts: by runs of memory where both sides have them, by tiles
// where one side's runs lie across the other's.
#include "cpu/copy.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "cpu/bytes.h"
#include "cpu/pool.h"
#include "ext/tiles.h"

namespace adj::cpu {

using namespace mlx::core;

namespace {

// A thread is worth waking for so many bytes; so long is a cache line.
constexpr size_t grain = 1 << 15, line = 64;

// An Axis of a copy has strides in bytes.
struct Axis {
  size_t size;
  ptrdiff_t to, from;
};
using Axes = SmallVector<Axis, 10>;

// A Walk goes through all places of some axes, the last axis first.
class Walk {
 public:
  Walk(const Axes& axes, size_t i) : axes_(axes), at_(axes.size(), size_t(0)) {
    for (size_t k = axes.size(); k-- > 0; i /= axes[k].size) {
      at_[k] = i % axes[k].size;
      to += at_[k] * axes[k].to;
      from += at_[k] * axes[k].from;
    }
  }
  void next() {
    for (size_t k = axes_.size(); k-- > 0;) {
      auto& a = axes_[k];
      to += a.to;
      from += a.from;
      if (++at_[k] < a.size) {
        return;
      }
      to -= a.size * a.to;
      from -= a.size * a.from;
      at_[k] = 0;
    }
  }
  ptrdiff_t to = 0, from = 0;

 private:
  const Axes& axes_;
  SmallVector<size_t, 10> at_;
};

size_t volume(const Axes& axes) {
  size_t n = 1;
  for (auto& a : axes) {
    n *= a.size;
  }
  return n;
}

// each_row shares out f(to, from, begin, end) for all rows of n items, which are cut
// where they are long.
template <class F> void each_row(const Axes& outer, size_t n, size_t bytes, F&& f) {
  size_t piece = std::min(n, std::max<size_t>(1, grain / bytes)), pieces = (n + piece - 1) / piece;
  split(volume(outer) * pieces, std::max<size_t>(1, grain / (piece * bytes)), [&](size_t begin, size_t end) {
    size_t p = begin % pieces;
    Walk w(outer, begin / pieces);
    for (size_t u = begin; u < end; u++) {
      f(w.to, w.from, p * piece, std::min(n, (p + 1) * piece));
      if (++p == pieces) {
        p = 0;
        w.next();
      }
    }
  });
}

template <size_t unit> ADJ_CLONES void fill(char* to, const char* from, size_t n) {
  typename Word<unit>::type value;
  std::memcpy(&value, from, unit);
  for (size_t i = 0; i < n; i++) {
    std::memcpy(to + i * unit, &value, unit);
  }
}

template <size_t unit> void strided(char* to, const char* from, const Axes& outer, const Axis& a) {
  each_row(outer, a.size, unit, [=](ptrdiff_t t, ptrdiff_t f, size_t begin, size_t end) {
    auto *x = from + f + begin * a.from;
    auto *y = to + t + begin * a.to;
    size_t n = end - begin;
    if (a.to == unit && a.from == 0) {
      fill<unit>(y, x, n);
    } else if (a.to == unit) {
      for (size_t i = 0; i < n; i++) {
        move<unit>(y + i * unit, x + i * a.from);
      }
    } else {
      for (size_t i = 0; i < n; i++) {
        move<unit>(y + i * a.to, x + i * a.from);
      }
    }
  });
}

void runs(char* to, const char* from, const Axes& outer, const Axis& a, size_t unit) {
  each_row(outer, a.size, unit, [=](ptrdiff_t t, ptrdiff_t f, size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) {
      move(to + t + i * a.to, from + f + i * a.from, unit);
    }
  });
}

// A Square of lanes × lanes elements is transposed in registers by as many rounds of
// interleaving as lanes has bits.
template <size_t unit> struct Square {
  static constexpr size_t lanes = 16 / unit;
  using T = typename Word<unit>::type;
  using Vector __attribute__((vector_size(16))) = T;

  template <size_t first, size_t... i> static Vector zip(Vector a, Vector b, std::index_sequence<i...>) {
#if defined(__clang__)
    return __builtin_shufflevector(a, b, (first + i / 2 + i % 2 * lanes)...);
#else
    return __builtin_shuffle(a, b, Vector{T(first + i / 2 + i % 2 * lanes)...});
#endif
  }
  static void transpose(char* to, ptrdiff_t to_stride, const char* from, ptrdiff_t from_stride) {
    constexpr auto all = std::make_index_sequence<lanes>();
    Vector v[lanes], w[lanes];
    for (size_t i = 0; i < lanes; i++) {
      std::memcpy(&v[i], from + i * from_stride, 16);
    }
    for (size_t round = 1; round < lanes; round *= 2) {
      for (size_t i = 0; i < lanes / 2; i++) {
        w[2 * i] = zip<0>(v[i], v[i + lanes / 2], all);
        w[2 * i + 1] = zip<lanes / 2>(v[i], v[i + lanes / 2], all);
      }
      for (size_t i = 0; i < lanes; i++) {
        v[i] = w[i];
      }
    }
    for (size_t i = 0; i < lanes; i++) {
      std::memcpy(to + i * to_stride, &v[i], 16);
    }
  }
};
template <> struct Square<16> {
  static constexpr size_t lanes = 1;
  static void transpose(char* to, ptrdiff_t, const char* from, ptrdiff_t) {
    move<16>(to, from);
  }
};

// tile transposes what is a cache line wide in both directions. Each line of the
// source is read at once and each of the destination written at once, since lines
// that are a power of two apart drive each other out of the cache.
template <size_t unit> ADJ_CLONES void tile(char* to, ptrdiff_t to_stride, const char* from, ptrdiff_t from_stride) {
  constexpr size_t side = line / unit, lanes = Square<unit>::lanes;
  alignas(line) char in[side][line], out[side][line];
  for (size_t i = 0; i < side; i++) {
    move<line>(in[i], from + i * from_stride);
  }
  for (size_t i = 0; i < side; i += lanes) {
    for (size_t j = 0; j < side; j += lanes) {
      Square<unit>::transpose(&out[i][j * unit], line, &in[j][i * unit], line);
    }
  }
  for (size_t i = 0; i < side; i++) {
    move<line>(to + i * to_stride, out[i]);
  }
}

// block transposes n × m elements: m that are next to each other in the source for
// each of n that are so in the destination.
template <size_t unit>
void block(char* to, ptrdiff_t to_stride, const char* from, ptrdiff_t from_stride, size_t n, size_t m) {
  constexpr size_t side = line / unit;
  for (size_t j = 0; j < m; j += side) {
    for (size_t i = 0; i < n; i += side) {
      auto* y = to + i * unit + j * to_stride;
      auto* x = from + i * from_stride + j * unit;
      if (i + side <= n && j + side <= m) {
        tile<unit>(y, to_stride, x, from_stride);
        continue;
      }
      size_t high = std::min(side, m - j), wide = std::min(side, n - i);
      for (size_t r = 0; r < high; r++) {
        for (size_t c = 0; c < wide; c++) {
          move<unit>(y + r * to_stride + c * unit, x + c * from_stride + r * unit);
        }
      }
    }
  }
}

template <size_t unit>
void transposed(char* to, const char* from, const Axes& outer, const Axis& reading, const Axis& writing) {
  constexpr size_t side = 4 * line / unit;
  size_t n = (writing.size + side - 1) / side, m = (reading.size + side - 1) / side;
  size_t bytes = std::min(writing.size, side) * std::min(reading.size, side) * unit;
  split(volume(outer) * n * m, std::max<size_t>(1, grain / bytes), [&](size_t begin, size_t end) {
    for (size_t u = begin; u < end; u++) {
      Walk w(outer, u / (n * m));
      size_t i = u % n * side, j = u / n % m * side;
      block<unit>(to + w.to + i * writing.to + j * reading.to, reading.to,
          from + w.from + i * writing.from + j * reading.from, writing.from, std::min(side, writing.size - i),
          std::min(side, reading.size - j));
    }
  });
}

// Fewer elements than this are better copied one by one than in tiles.
constexpr size_t least = 8;

template <size_t unit> void elements(char* to, const char* from, const Axes& axes) {
  int reading = -1, writing = -1;
  for (size_t i = 0; i < axes.size(); i++) {
    reading = axes[i].from == unit ? i : reading;
    writing = axes[i].to == unit ? i : writing;
  }
  int inner = writing >= 0 ? writing : reading >= 0 ? reading : (int)axes.size() - 1;
  bool tiles = reading >= 0 && writing >= 0 && reading != writing && axes[writing].from != 0;
  if (tiles && std::min(axes[reading].size, axes[writing].size) < least) {
    tiles = false;
    inner = axes[reading].size > axes[writing].size ? reading : writing;
  }
  Axes outer;
  for (int i = 0; i < (int)axes.size(); i++) {
    if (i != inner && !(tiles && i == reading)) {
      outer.push_back(axes[i]);
    }
  }
  if (tiles) {
    transposed<unit>(to, from, outer, axes[reading], axes[writing]);
  } else {
    strided<unit>(to, from, outer, axes[inner]);
  }
}

} // namespace

void copy(
    void* to, const Strides& to_strides, const void* from, const Strides& from_strides, const Shape& shape,
    size_t itemsize) {
  Axes axes;
  ptrdiff_t size = itemsize;
  for (size_t i = 0; i < shape.size(); i++) {
    Axis a{size_t(shape[i]), to_strides[i] * size, from_strides[i] * size};
    if (a.size == 0) {
      return;
    }
    if (a.size == 1) {
      continue;
    }
    if (auto* b = axes.empty() ? nullptr : &axes.back();
        b && b->to == (ptrdiff_t)a.size * a.to && b->from == (ptrdiff_t)a.size * a.from) {
      *b = {b->size * a.size, a.to, a.from};
    } else {
      axes.push_back(a);
    }
  }
  auto* y = static_cast<char*>(to);
  auto* x = static_cast<const char*>(from);
  size_t unit = itemsize;
  if (!axes.empty() && axes.back().to == size && axes.back().from == size) {
    unit *= axes.back().size;
    axes.pop_back();
  }
  if (axes.empty()) {
    constexpr size_t part = 1 << 18;
    split(unit, part, [=](size_t begin, size_t end) { std::memcpy(y + begin, x + begin, end - begin); });
    return;
  }
  if (of_size(unit, [&](auto size) { elements<size()>(y, x, axes); })) {
    return;
  }
  Axis inner = axes.back();
  axes.pop_back();
  runs(y, x, axes, inner, unit);
}

void copy(const array& in, array& out, const Strides& strides, int64_t offset, const Stream& s) {
  perform(s, [shape = in.shape(), to = strides, from = in.strides(), y = out.data<char>() + offset * (int64_t)out.itemsize(),
           x = in.data<char>(), size = in.itemsize()] { copy(y, to, x, from, shape, size); });
}

void start(const array& in, array& out, bool whole, const Stream& s) {
  if (whole && is_donatable(in, out)) {
    out.copy_shared_buffer(in);
    return;
  }
  if (whole) {
    out.set_data(allocator::malloc(in.nbytes()), in.data_size(), in.strides(), in.flags());
  } else {
    out.set_data(allocator::malloc(out.nbytes()));
  }
  copy(in, out, out.strides(), 0, s);
}

array contiguous(const array& in, const Stream& s) {
  array out(in.shape(), in.dtype(), nullptr, {});
  out.set_data(allocator::malloc(out.nbytes()));
  copy(in, out, out.strides(), 0, s);
  mlx::core::cpu::get_command_encoder(s).add_temporary(out);
  return out;
}

} // namespace adj::cpu
