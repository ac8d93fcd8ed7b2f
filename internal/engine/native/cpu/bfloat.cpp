// adjoint:flags -O3
// Products of bfloat16 matrices by the processor's dot products (AVX512_BF16).
//
// An instruction multiplies sixteen pairs of numbers and adds each pair to a float32. So a
// factor is laid out in panels of 32 columns, in which two rows stand side by side; in
// the other one a pair is a number of 32 bits as it lies, unless it lies by columns. An
// element is the sum of its pairs in their order, however the product is cut.
#include "cpu/half.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <utility>

#include "cpu/copy.h"
#include "cpu/pool.h"

namespace adj::cpu {

using namespace mlx::core;

#if defined(__x86_64__)

namespace {

#define ADJ_DOTS __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))

// A tile of most rows and wide columns of the result is in registers. A panel of a depth
// fits the first cache, with as many rows of the other factor; some panels, and a stack
// of those rows, fit the second.
constexpr int most = 12, wide = 32, deep = 512, panels = 4, tall = 4 * wide;

constexpr auto interleaved = [] {
  std::array<uint16_t, 2 * wide> x{};
  for (int i = 0; i < wide; i++) {
    x[2 * i] = i, x[2 * i + 1] = wide + i;
  }
  return x;
}();

// pack leaves pairs of rows of a panel side by side, with zeros where it has less than
// wide columns or an odd number of rows.
ADJ_DOTS void pack(uint32_t* to, const uint16_t* from, ptrdiff_t by_row, int rows, int cols) {
  auto low = _mm512_loadu_si512(interleaved.data()), high = _mm512_loadu_si512(interleaved.data() + wide);
  __mmask32 some = ~uint32_t(0) >> (wide - cols);
  for (int r = 0; r < rows; r += 2, from += 2 * by_row, to += wide) {
    auto x = _mm512_maskz_loadu_epi16(some, from);
    auto y = r + 1 < rows ? _mm512_maskz_loadu_epi16(some, from + by_row) : _mm512_setzero_si512();
    _mm512_storeu_si512(to, _mm512_permutex2var_epi16(x, low, y));
    _mm512_storeu_si512(to + wide / 2, _mm512_permutex2var_epi16(x, high, y));
  }
}

// multiply adds the product of some rows and a panel to sums, or begins them. The pairs of
// a lie by_pair numbers apart.
template <int rows>
ADJ_DOTS void multiply(
    float* sums, const uint16_t* a, ptrdiff_t by_row, ptrdiff_t by_pair, const uint32_t* b, int depth, bool begin) {
  using Pairs = __m512bh;
  __m512 sum[rows][2];
  for (int r = 0; r < rows; r++) {
    for (int j = 0; j < 2; j++) {
      sum[r][j] = begin ? _mm512_setzero_ps() : _mm512_loadu_ps(sums + r * wide + 16 * j);
    }
  }
  int k = 0;
  for (; k + 1 < depth; k += 2, a += by_pair, b += wide) {
    auto low = (Pairs)_mm512_loadu_si512(b), high = (Pairs)_mm512_loadu_si512(b + 16);
    for (int r = 0; r < rows; r++) {
      uint32_t pair;
      std::memcpy(&pair, a + r * by_row, sizeof pair);
      auto x = (Pairs)_mm512_set1_epi32(pair);
      sum[r][0] = _mm512_dpbf16_ps(sum[r][0], x, low);
      sum[r][1] = _mm512_dpbf16_ps(sum[r][1], x, high);
    }
  }
  if (k < depth) { // one without another to its side
    auto low = (Pairs)_mm512_loadu_si512(b), high = (Pairs)_mm512_loadu_si512(b + 16);
    for (int r = 0; r < rows; r++) {
      auto x = (Pairs)_mm512_set1_epi32(a[r * by_row]);
      sum[r][0] = _mm512_dpbf16_ps(sum[r][0], x, low);
      sum[r][1] = _mm512_dpbf16_ps(sum[r][1], x, high);
    }
  }
  for (int r = 0; r < rows; r++) {
    for (int j = 0; j < 2; j++) {
      _mm512_storeu_ps(sums + r * wide + 16 * j, sum[r][j]);
    }
  }
}

using Multiply = void (*)(
    float* sums, const uint16_t* a, ptrdiff_t by_row, ptrdiff_t by_pair, const uint32_t* b, int depth, bool begin);

template <size_t... i> constexpr std::array<Multiply, sizeof...(i)> of_rows(std::index_sequence<i...>) {
  return {multiply<i + 1>...};
}
constexpr auto multiply_rows = of_rows(std::make_index_sequence<most>());

// store rounds alpha times the sums of a tile, and what more is added.
ADJ_DOTS void store(
    uint16_t* out, ptrdiff_t by_row, const float* sums, const float* more, int rows, int cols, float alpha) {
  auto scale = _mm512_set1_ps(alpha);
  for (int r = 0; r < rows; r++, out += by_row) {
    for (int j = 0; j < cols; j += 16) {
      __mmask16 some = cols - j >= 16 ? 0xffff : (1 << (cols - j)) - 1;
      auto x = _mm512_mul_ps(_mm512_loadu_ps(sums + r * wide + j), scale);
      if (more) {
        x = _mm512_add_ps(x, _mm512_loadu_ps(more + r * wide + j));
      }
      _mm256_mask_storeu_epi16(out + j, some, (__m256i)_mm512_cvtneps_pbh(x));
    }
  }
}

// A Job is a product whose units are some panels of a result, and some of its rows.
struct Job {
  const HalfProduct& p;
  int height = 1 << 10; // rows of a unit
  static constexpr int width = panels * wide; // columns of it

  // Scratch is the memory of a thread, by the vectors that are read from it.
  struct Scratch {
    template <class T> struct alignas(64) Vector {
      T x[64 / sizeof(T)];
    };
    template <class T> class Memory {
     public:
      explicit Memory(size_t n) : vectors_(n ? new Vector<T>[(n * sizeof(T) + 63) / 64] : nullptr) {}
      operator T*() const {
        return vectors_ ? vectors_[0].x : nullptr;
      }

     private:
      std::unique_ptr<Vector<T>[]> vectors_;
    };
    explicit Scratch(const Job& j)
        : packed(width * (deep / 2)), rows(j.p.a.transposed ? tall * (deep / 2) : 0),
          cols(j.p.b.transposed ? wide * deep : 0), sums(j.p.k > deep ? j.height * width : most * wide) {}
    Memory<uint32_t> packed, rows;
    Memory<uint16_t> cols;
    Memory<float> sums;
  };

  void operator()() {
    // Where there are few units they have fewer rows: each is worth packing the panels.
    constexpr int least = 8 * most;
    size_t across = (p.n + width - 1) / width, wanted = 4 * threads();
    size_t down = std::max<size_t>((p.m + height - 1) / height, std::min<size_t>(p.m / least, wanted / (p.count * across)));
    if (down > 1) {
      height = ((p.m + down - 1) / down + most - 1) / most * most;
      down = (p.m + height - 1) / height;
    }
    height = std::min(height, p.m);
    constexpr double worth = 4e6; // operations that are worth waking a thread
    size_t grain = std::max(1.0, worth / (2.0 * height * std::min(p.n, width) * p.k));
    split(p.count * down * across, grain, [&](size_t begin, size_t end) {
      Scratch s(*this);
      for (size_t u = begin; u < end; u++) {
        unit(u / across / down, u / across % down * height, u % across * width, s);
      }
    });
  }

  void unit(size_t i, int row, int col, Scratch& s) const {
    int rows = std::min(height, p.m - row), cols = std::min(width, p.n - col);
    int stack = s.rows ? tall : tall / most * most;
    for (int d = 0; d < p.k; d += deep) {
      int depth = std::min(deep, p.k - d);
      for (int j = 0; j < cols; j += wide) {
        panel(i, d, depth, col + j, std::min(wide, cols - j), s.packed + j * (deep / 2), s);
      }
      for (int top = 0; top < rows; top += stack) {
        int high = std::min(stack, rows - top);
        auto* a = reinterpret_cast<const uint16_t*>(p.a.at(i)) + (row + top) * p.a.by_row + d * p.a.by_col;
        for (int r = 0; s.rows && r < high; r += wide) {
          pack(s.rows + r * (deep / 2), a + r * p.a.by_row, p.a.by_col, depth, std::min(wide, high - r));
        }
        for (int j = 0; j < cols; j += wide) {
          for (int r = 0, some; r < high; r += some) {
            some = std::min(most, high - r);
            auto* x = a + r * p.a.by_row;
            ptrdiff_t by_row = p.a.by_row, by_pair = 2;
            if (s.rows) {
              some = std::min(some, wide - r % wide);
              x = reinterpret_cast<const uint16_t*>(s.rows + r / wide * wide * (deep / 2) + r % wide);
              by_row = 2, by_pair = 2 * wide;
            }
            auto* sums = s.sums + (p.k > deep ? (top + r) * width + j * some : 0);
            multiply_rows[some - 1](sums, x, by_row, by_pair, s.packed + j * (deep / 2), depth, d == 0);
            if (d + depth == p.k) {
              finish(i, row + top + r, some, col + j, std::min(wide, cols - j), sums);
            }
          }
        }
      }
    }
  }

  void panel(size_t i, int row, int rows, int col, int cols, uint32_t* to, Scratch& s) const {
    auto by_row = p.b.by_row, by_col = p.b.by_col;
    auto* b = reinterpret_cast<const uint16_t*>(p.b.at(i)) + row * by_row + col * by_col;
    if (s.cols && rows % 2 == 0 && cols == wide && by_col % 2 == 0) {
      copy(to, {wide, 1}, b, {1, by_col / 2}, {rows / 2, wide}, 4); // pairs as they lie
      return;
    }
    if (s.cols) {
      copy(s.cols, {cols, 1}, b, {by_row, by_col}, {rows, cols}, 2);
      b = s.cols, by_row = cols;
    }
    pack(to, b, by_row, rows, cols);
  }

  void finish(size_t i, int row, int rows, int col, int cols, const float* sums) const {
    float more[most * wide];
    if (p.c) {
      auto* c = reinterpret_cast<const bfloat16_t*>(p.c->at(i)) + row * p.c->by_row + col * p.c->by_col;
      for (int r = 0; r < rows; r++) {
        for (int j = 0; j < wide; j++) {
          more[r * wide + j] = j < cols ? p.beta * float(c[r * p.c->by_row + j * p.c->by_col]) : 0;
        }
      }
    }
    auto* out = reinterpret_cast<uint16_t*>(p.out) + ((ptrdiff_t)i * p.m + row) * p.n + col;
    store(out, p.n, sums, p.c ? more : nullptr, rows, cols, p.alpha);
  }
};

} // namespace

bool has_dots() {
  static const bool has = __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  return has;
}

void multiply_by_dots(const HalfProduct& p) {
  Job{p}();
}

#else

bool has_dots() {
  return false;
}
void multiply_by_dots(const HalfProduct&) {}

#endif

} // namespace adj::cpu
