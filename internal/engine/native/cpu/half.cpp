// adjoint:flags -O3
// Products of half precision matrices, in float32 by OpenBLAS, rounded once.
//
// A thread computes a block of the result at a time. It converts only the blocks of the
// factors that it multiplies next, so they stay in its cache. The blocks go by the sizes
// alone, and with them the bits of the result.
#include <algorithm>
#include <memory>
#include <optional>

#include "cpu/blas.h"
#include "cpu/copy.h"
#include "cpu/eager.h"
#include "cpu/pool.h"
#include "ext/tiles.h"
#include "mlx/ops.h"

namespace adj::cpu {

using namespace mlx::core;

namespace {

constexpr int tall = 128, wide = 256, deep = 256; // the rows, columns, and depth of a block

// Matrices are those in the last two axes of an array, one of a batch behind the other.
struct Matrices {
  explicit Matrices(const array& a)
      : data(a.data<char>()), shape(a.shape().begin(), a.shape().end() - 2),
        strides(a.strides().begin(), a.strides().end() - 2), by_row(a.strides(-2)), by_col(a.strides(-1)) {
    transposed = by_col != 1 || (a.shape(-1) == 1 && by_row == 1);
  }

  // known says whether the rows or the columns of a are runs of memory.
  static bool known(const array& a) {
    return a.strides(-1) == 1 || a.strides(-2) == 1;
  }

  const char* at(size_t i) const {
    int64_t to = 0;
    for (size_t k = shape.size(); k-- > 0; i /= shape[k]) {
      to += (i % shape[k]) * strides[k];
    }
    return data + 2 * to;
  }

  // load leaves a block in memory as it is stored: by rows, or by columns.
  void load(Kernel convert, float* to, const char* from, int row, int rows, int col, int cols) const {
    from += 2 * (row * by_row + col * by_col);
    int runs = transposed ? cols : rows, length = transposed ? rows : cols;
    for (int i = 0; i < runs; i++) {
      convert(to + (ptrdiff_t)i * length, from + 2 * i * (transposed ? by_col : by_row), nullptr, nullptr, length);
    }
  }

  const char* data;
  Shape shape;
  Strides strides;
  int64_t by_row, by_col;
  bool transposed;
};

// A Job is what one evaluation computes: alpha·a·b, and beta·c where there is c.
struct Job {
  Dtype dtype;
  Matrices a, b;
  std::optional<Matrices> c;
  char* out;
  size_t count;
  int m, n, k;
  float alpha, beta;

  void operator()() const {
    // Where there are few blocks they are narrower, for more threads.
    size_t down = (m + tall - 1) / tall;
    int width = count * down * n >= 8 * wide ? wide : wide / 4;
    size_t across = (n + width - 1) / width;
    constexpr double worth = 1e6; // operations that are worth waking a thread
    size_t grain = std::max(1.0, worth / (2.0 * std::min(m, tall) * std::min(n, width) * k));
    Single single;
    split(count * down * across, grain, [&](size_t begin, size_t end) {
      std::unique_ptr<float[]> memory(new float[tall * deep + wide * deep + tall * wide]);
      for (size_t u = begin; u < end; u++) {
        block(u / across / down, u / across % down * tall, u % across * width, width, memory.get());
      }
    });
  }

  void block(size_t i, int row, int col, int width, float* x) const {
    auto *y = x + tall * deep, *z = y + wide * deep;
    int rows = std::min(tall, m - row), cols = std::min(width, n - col);
    auto load = load_kernel(dtype);
    if (c) {
      begin(z, c->at(i), row, rows, col, cols);
    }
    auto *p = a.at(i), *q = b.at(i);
    for (int d = 0; d < k; d += deep) {
      int some = std::min(deep, k - d);
      a.load(load, x, p, row, rows, d, some);
      b.load(load, y, q, d, some, col, cols);
      multiply_here(Product<float>{
          a.transposed, b.transposed, rows, cols, some, alpha, x, a.transposed ? rows : some, y,
          b.transposed ? some : cols, d > 0 || c ? 1.0f : 0.0f, z, cols});
    }
    for (int r = 0; r < rows; r++) {
      store_kernel(dtype)(
          out + 2 * ((i * m + row + r) * n + col), z + (ptrdiff_t)r * cols, nullptr, nullptr, cols);
    }
  }

  // begin leaves beta·c in z.
  void begin(float* z, const char* from, int row, int rows, int col, int cols) const {
    auto load = load_kernel(dtype);
    for (int r = 0; r < rows; r++, z += cols) {
      auto* x = from + 2 * ((row + r) * c->by_row + col * c->by_col);
      if (c->by_col == 1) {
        load(z, x, nullptr, nullptr, cols);
      } else {
        for (int j = 0; j < cols; j++) {
          load(z + j, x + 2 * j * c->by_col, nullptr, nullptr, 1);
        }
      }
      for (int j = 0; j < cols; j++) {
        z[j] *= beta;
      }
    }
  }
};

Eval stock_matmul, stock_addmm;

bool ours(const std::vector<array>& in, const array& out) {
  bool half = out.dtype() == float16 || out.dtype() == bfloat16;
  return half && has_blas() && out.size() > 0 && in[0].shape(-1) > 0 &&
      std::all_of(in.begin(), in.end(), [&](auto& a) { return a.dtype() == out.dtype(); });
}

void evaluate(const std::vector<array>& in, array& out, const Stream& s, float alpha, float beta) {
  auto a = Matrices::known(in[0]) ? in[0] : contiguous(in[0], s);
  auto b = Matrices::known(in[1]) ? in[1] : contiguous(in[1], s);
  int m = a.shape(-2), k = a.shape(-1), n = b.shape(-1);
  out.set_data(allocator::malloc(out.nbytes()));
  perform(s, Job{
      out.dtype(), Matrices(a), Matrices(b), in.size() > 2 && beta != 0 ? std::optional<Matrices>(in[2]) : std::nullopt,
      out.data<char>(), out.size() / ((size_t)m * n), m, n, k, alpha, beta});
}

void matmul(Primitive* p, const std::vector<array>& inputs, std::vector<array>& outputs) {
  if (!ours(inputs, outputs[0])) {
    stock_matmul(p, inputs, outputs);
    return;
  }
  evaluate(inputs, outputs[0], p->stream(), 1, 0);
}

void addmm(Primitive* p, const std::vector<array>& inputs, std::vector<array>& outputs) {
  if (!ours(inputs, outputs[0])) {
    stock_addmm(p, inputs, outputs);
    return;
  }
  auto [alpha, beta] = static_cast<AddMM*>(p)->state();
  evaluate(inputs, outputs[0], p->stream(), alpha, beta);
}

} // namespace

void take_half_products() {
  auto x = zeros({2, 2}, bfloat16);
  stock_matmul = take(mlx::core::matmul(x, x), "Matmul", matmul);
  stock_addmm = take(mlx::core::addmm(x, x, x), "AddMM", addmm);
}

} // namespace adj::cpu
