// adjoint:flags -O3
// Products of half precision matrices, in float32 by OpenBLAS, rounded once. Those of
// bfloat16 are made by bfloat.cpp where the processor can.
//
// A thread computes a block of the result at a time. It converts only the blocks of the
// factors that it multiplies next, so they stay in its cache. The blocks go by the sizes
// alone, and with them the bits of the result.
#include <algorithm>
#include <memory>
#include <optional>

#include "cpu/blas.h"
#include "cpu/eager.h"
#include "cpu/half.h"
#include "cpu/pool.h"
#include "cpu/task.h"
#include "ext/tiles.h"
#include "mlx/ops.h"

namespace adj::cpu {

using namespace mlx::core;

namespace {

constexpr int tall = 128, wide = 256, deep = 256; // the rows, columns, and depth of a block

// load leaves a block of a factor in memory as it is stored: by rows, or by columns.
void load(Kernel convert, float* to, const HalfMatrices& x, const char* from, int row, int rows, int col, int cols) {
  from += 2 * (row * x.by_row + col * x.by_col);
  int runs = x.transposed ? cols : rows, length = x.transposed ? rows : cols;
  for (int i = 0; i < runs; i++) {
    convert(to + (ptrdiff_t)i * length, from + 2 * i * (x.transposed ? x.by_col : x.by_row), nullptr, nullptr, length);
  }
}

// A Job computes a product in float32.
struct Job : HalfProduct {
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
    auto convert = load_kernel(dtype);
    if (c) {
      begin(z, c->at(i), row, rows, col, cols);
    }
    auto *p = a.at(i), *q = b.at(i);
    for (int d = 0; d < k; d += deep) {
      int some = std::min(deep, k - d);
      load(convert, x, a, p, row, rows, d, some);
      load(convert, y, b, q, d, some, col, cols);
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
  return half && (has_blas() || (out.dtype() == bfloat16 && has_dots())) && out.size() > 0 && in[0].shape(-1) > 0 &&
      std::all_of(in.begin(), in.end(), [&](auto& a) { return a.dtype() == out.dtype(); });
}

void evaluate(const std::vector<array>& in, array& out, const Stream& s, float alpha, float beta) {
  auto a = dense(in[0], s), b = dense(in[1], s);
  int m = a.shape(-2), k = a.shape(-1), n = b.shape(-1);
  // A product with a vector converts as much as it lays out.
  constexpr int least = 6;
  bool dots = out.dtype() == bfloat16 && has_dots() && (!has_blas() || std::min(m, n) >= least);
  out.set_data(allocator::malloc(out.nbytes()));
  HalfProduct p{
      out.dtype(), HalfMatrices(a), HalfMatrices(b),
      in.size() > 2 && beta != 0 ? std::optional<HalfMatrices>(in[2]) : std::nullopt, out.data<char>(),
      out.size() / ((size_t)m * n), m, n, k, alpha, beta};
  if (dots) {
    perform(s, [p = std::move(p)] { multiply_by_dots(p); });
  } else {
    perform(s, Job{std::move(p)});
  }
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
