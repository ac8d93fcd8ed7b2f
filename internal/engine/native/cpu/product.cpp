// Products of matrices, batches of them, and sums with them.
//
// What MLX copies first is read where it lies: matrices whose rows or columns are
// contiguous, at any distance, and one matrix for all of a batch. A batch is shared out
// by its matrices, a single large product by its panels.
#include <algorithm>
#include <cstring>
#include <optional>

#include "cpu/blas.h"
#include "cpu/eager.h"
#include "cpu/matrices.h"
#include "cpu/pool.h"
#include "cpu/small.h"
#include "cpu/task.h"
#include "mlx/ops.h"

namespace adj::cpu {

using namespace mlx::core;

namespace {

void multiply_one(const Product<float>& p) {
  if (!multiply_small(p)) {
    multiply_here(p);
  }
}
void multiply_one(const Product<double>& p) {
  multiply_here(p);
}

// A Summand is what a result begins with.
template <class T> struct Summand {
  const T* data = nullptr;
  int64_t by_row = 0, by_col = 1;

  void fill(const Product<T>& p, ptrdiff_t offset) const {
    for (int i = 0; i < p.m; i++) {
      auto* from = data + offset + i * by_row;
      auto* to = p.c + (ptrdiff_t)i * p.ldc;
      if (by_col == 1) {
        std::memcpy(to, from, p.n * sizeof(T));
      } else {
        for (int j = 0; j < p.n; j++) {
          to[j] = from[j * by_col];
        }
      }
    }
  }
};

template <class T> struct Batched {
  Product<T> one;
  size_t count;
  Places a, b, c;
  Summand<T> sum;

  // gather makes one product of a batch where it can.
  void gather() {
    auto x = a.even(), y = b.even(), z = c.even();
    if (count == 1 || (sum.data && !z) || !x || !y || count > (1 << 30) / (size_t)std::max(one.m, one.n)) {
      return;
    }
    int64_t most = 1 << 30, by_k = one.tb ? 1 : one.ldb;
    if (!one.ta && y == 0 && (one.m == 1 ? *x >= one.k && x < most : x == (int64_t)one.m * one.lda) &&
        (!sum.data || one.m == 1 || z == one.m * sum.by_row)) {
      // One matrix for all of a batch of rows.
      if (one.m == 1) {
        one.lda = *x;
        sum.by_row = z.value_or(0);
      }
      one.m *= count;
    } else if (one.n == 1 && x == 0 && by_k == 1 && *y >= one.k && y < most) {
      // One matrix for a batch of columns, which are rows of the result.
      one = {false, !one.ta, (int)count, one.m, one.k, one.alpha, one.b, (int)*y, one.a, one.lda, one.beta, one.c, one.m};
      sum = {sum.data, z.value_or(0), sum.by_row};
    } else {
      return;
    }
    count = 1;
  }

  void operator()() const {
    double flop = 2.0 * one.m * one.n * one.k;
    if (count == 1 || flop > 4e6 * threads()) {
      for (size_t i = 0; i < count; i++) {
        auto p = at(i);
        if (sum.data) {
          size_t grain = std::max(1, (1 << 15) / std::max(1, p.n));
          split(p.m, grain, [&](size_t begin, size_t end) {
            auto q = p;
            q.m = end - begin, q.c += begin * p.ldc;
            sum.fill(q, c.at(i) + (ptrdiff_t)begin * sum.by_row);
          });
        }
        multiply(p);
      }
      return;
    }
    Single single;
    size_t parts = std::min<size_t>(count, 2 * worth(flop * count) - 1);
    each(parts, [&](size_t part) {
      for (size_t i = count * part / parts; i < count * (part + 1) / parts; i++) {
        auto p = at(i);
        if (sum.data) {
          sum.fill(p, c.at(i));
        }
        multiply_one(p);
      }
    });
  }

 private:
  Product<T> at(size_t i) const {
    auto p = one;
    p.a += a.at(i);
    p.b += b.at(i);
    p.c += i * p.m * p.n;
    return p;
  }
};

Eval stock_matmul, stock_addmm;

template <class T>
void run(const Stream& s, const array& x, const array& y, const array* z, T alpha, T beta, array& out) {
  auto a = dense(x, s), b = dense(y, s);
  auto p = *matrix(a), q = *matrix(b);
  int m = a.shape(-2), k = a.shape(-1), n = b.shape(-1);
  size_t count = out.size() / m / n;
  Batched<T> job{
      {p.transposed, q.transposed, m, n, k, alpha, a.data<T>(), p.ld, b.data<T>(), q.ld, beta, nullptr, n},
      count, Places::batch(a), Places::batch(b), Places::batch(z ? *z : out), {}};
  if (z && !out.data_shared_ptr() && z->is_donatable() && z->flags().row_contiguous && z->size() == out.size()) {
    out.copy_shared_buffer(*z);
  } else {
    allocate(out);
    if (z) {
      job.sum = {z->data<T>(), z->strides(-2), z->strides(-1)};
    }
  }
  job.one.c = out.data<T>();
  job.gather();
  perform(s, std::move(job));
}

bool ours(const array& out, const std::vector<array>& in) {
  return (out.dtype() == float32 || out.dtype() == float64) && out.size() > 0 && in[0].shape(-1) > 0;
}

void multiply_all(const Stream& s, const std::vector<array>& in, double alpha, double beta, array& out) {
  auto* z = in.size() > 2 ? &in[2] : nullptr;
  if (out.dtype() == float32) {
    run<float>(s, in[0], in[1], z, alpha, beta, out);
  } else {
    run<double>(s, in[0], in[1], z, alpha, beta, out);
  }
}

void matmul(Primitive* p, const std::vector<array>& inputs, std::vector<array>& outputs) {
  if (!ours(outputs[0], inputs)) {
    return stock_matmul(p, inputs, outputs);
  }
  multiply_all(p->stream(), inputs, 1, 0, outputs[0]);
}

void addmm(Primitive* p, const std::vector<array>& inputs, std::vector<array>& outputs) {
  if (!ours(outputs[0], inputs)) {
    return stock_addmm(p, inputs, outputs);
  }
  auto [alpha, beta] = static_cast<AddMM*>(p)->state();
  multiply_all(p->stream(), inputs, alpha, beta, outputs[0]);
}

} // namespace

void take_products() {
  if (!has_blas()) {
    return;
  }
  auto x = array({1.0f, 2.0f, 3.0f, 4.0f}, {2, 2});
  stock_matmul = take(mlx::core::matmul(x, x), "Matmul", matmul);
  stock_addmm = take(mlx::core::addmm(x, x, x), "AddMM", addmm);
}

} // namespace adj::cpu
