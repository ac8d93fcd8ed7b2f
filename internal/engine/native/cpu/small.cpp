// adjoint:flags -O3
#include "cpu/small.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#include "cpu/pool.h"
#include "ext/tiles.h"

namespace adj::cpu {

namespace {

#define ALWAYS inline __attribute__((always_inline))

constexpr int lanes = 16;
typedef float Lanes __attribute__((vector_size(lanes * sizeof(float))));

ALWAYS Lanes load(const float* from) {
  Lanes v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

// block computes a block of so many rows of the result, and of one or two vectors: the
// elements of a lie by_row and by_k apart.
template <int rows, int wide>
ALWAYS void block(
    const float* a, ptrdiff_t by_row, ptrdiff_t by_k, const float* b, ptrdiff_t ldb, float* c, ptrdiff_t ldc, int k,
    float alpha, float beta) {
  Lanes sum[rows][wide] = {};
  for (int i = 0; i < k; i++, a += by_k, b += ldb) {
    Lanes y[wide];
    for (int j = 0; j < wide; j++) {
      y[j] = load(b + j * lanes);
    }
    for (int r = 0; r < rows; r++) {
      for (int j = 0; j < wide; j++) {
        sum[r][j] += a[r * by_row] * y[j];
      }
    }
  }
  for (int r = 0; r < rows; r++, c += ldc) {
    for (int j = 0; j < wide; j++) {
      Lanes z = alpha * sum[r][j];
      if (beta != 0) {
        z += beta * load(c + j * lanes);
      }
      std::memcpy(c + j * lanes, &z, sizeof z);
    }
  }
}

// columns computes one or two vectors of all rows.
template <int wide> ADJ_CLONES void columns(const Product<float>& p, const float* b, ptrdiff_t ldb, float* c, ptrdiff_t ldc) {
  constexpr int most = 8;
  ptrdiff_t by_row = p.ta ? 1 : p.lda, by_k = p.ta ? p.lda : 1;
  int r = 0;
  for (; r + most <= p.m; r += most) {
    block<most, wide>(p.a + r * by_row, by_row, by_k, b, ldb, c + r * ldc, ldc, p.k, p.alpha, p.beta);
  }
  for (; r < p.m; r++) {
    block<1, wide>(p.a + r * by_row, by_row, by_k, b, ldb, c + r * ldc, ldc, p.k, p.alpha, p.beta);
  }
}

// What is_small allows of the matrix that a narrow last vector of columns comes from.
constexpr int deep = 256;

// few computes less than a vector of columns.
void few(const Product<float>& p, const float* b, float* c, int n) {
  alignas(64) float y[deep * lanes] = {}, z[lanes];
  for (int i = 0; i < p.k; i++) {
    std::memcpy(y + i * lanes, b + (ptrdiff_t)i * p.ldb, n * sizeof(float));
  }
  auto one = p;
  one.m = 1;
  for (int r = 0; r < p.m; r++, c += p.ldc) {
    std::memcpy(z, c, n * sizeof(float));
    one.a = p.a + (ptrdiff_t)r * (p.ta ? 1 : p.lda);
    columns<1>(one, y, lanes, z, 0);
    std::memcpy(c, z, n * sizeof(float));
  }
}

// lower and total keep a vector in registers: by those of lanes.h, which take values from
// memory, a matrix of short rows times a vector takes much longer (hess 1.09 times).
template <int by, size_t... i> ALWAYS Lanes lower(Lanes v, std::index_sequence<i...>) {
#if defined(__clang__)
  return __builtin_shufflevector(v, v, ((i + by) % lanes)...);
#else
  typedef int Index __attribute__((vector_size(sizeof(Lanes))));
  return __builtin_shuffle(v, Index{int((i + by) % lanes)...});
#endif
}

ALWAYS float total(Lanes v) {
  constexpr auto all = std::make_index_sequence<lanes>();
  v += lower<8>(v, all);
  v += lower<4>(v, all);
  v += lower<2>(v, all);
  v += lower<1>(v, all);
  return v[0];
}

// dots computes the products of some rows of a and a vector.
ADJ_CLONES void dots(const Product<float>& p, const float* b, int begin, int end) {
  int whole = p.k / lanes * lanes;
  for (int r = begin; r < end; r++) {
    const float* a = p.a + (ptrdiff_t)r * p.lda;
    Lanes sum = {};
    for (int i = 0; i < whole; i += lanes) {
      sum += load(a + i) * load(b + i);
    }
    float s = total(sum);
    for (int i = whole; i < p.k; i++) {
      s += a[i] * b[i];
    }
    float* c = p.c + (ptrdiff_t)r * p.ldc;
    *c = p.alpha * s + (p.beta != 0 ? p.beta * *c : 0);
  }
}

// turned is the same product the other way round.
Product<float> turned(const Product<float>& p) {
  return {!p.tb, !p.ta, p.n, p.m, p.k, p.alpha, p.b, p.ldb, p.a, p.lda, p.beta, p.c, p.ldc};
}

// A vector of so many elements may lie in a column of a matrix.
constexpr int longest = 4096;

} // namespace

bool multiply_small(const Product<float>& p) {
  if (p.n == 1 && p.ldc == 1) {
    // The result is a row as well.
    return p.m > 1 && p.ta ? multiply_small(turned(p)) : multiply_vector(p);
  }
  constexpr double most = 1 << 16;
  if (p.tb || p.n < 2 || p.k > deep || (p.n % lanes != 0 && p.n > lanes) || (double)p.m * p.n * p.k > most) {
    return false;
  }
  int j = 0;
  for (; j + 2 * lanes <= p.n; j += 2 * lanes) {
    columns<2>(p, p.b + j, p.ldb, p.c + j, p.ldc);
  }
  if (j + lanes <= p.n) {
    columns<1>(p, p.b + j, p.ldb, p.c + j, p.ldc);
    j += lanes;
  }
  if (j < p.n) {
    few(p, p.b + j, p.c + j, p.n - j);
  }
  return true;
}

bool multiply_vector(const Product<float>& p) {
  if (p.n != 1) {
    auto q = turned(p);
    q.ldc = 1;
    return p.m == 1 && multiply_vector(q);
  }
  ptrdiff_t step = p.tb ? 1 : p.ldb;
  if (p.ta || (step != 1 && p.k > longest)) {
    return false;
  }
  float near[longest];
  const float* b = p.b;
  if (step != 1) {
    for (int i = 0; i < p.k; i++) {
      near[i] = p.b[i * step];
    }
    b = near;
  }
  constexpr size_t worth = 1 << 15; // elements that are worth waking a thread
  split(p.m, std::max<size_t>(1, worth / std::max(1, p.k)), [&](size_t begin, size_t end) { dots(p, b, begin, end); });
  return true;
}

} // namespace adj::cpu
