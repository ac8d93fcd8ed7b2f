// Matrix products on the pool.
//
// OpenBLAS has threads of its own, which wait for work in a loop: beside the pool's
// they are one too many on every processor. So MLX's calls of gemm come here, where
// the pool's threads each compute a panel of the result with OpenBLAS, which uses no
// other thread meanwhile.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <type_traits>

#if defined(__linux__)
#include <dlfcn.h>
#endif

#include "cpu/blas.h"
#include "cpu/eager.h"
#include "cpu/pool.h"
#include "cpu/small.h"
#include "ext/bindings.h"

namespace adj::cpu {

#if defined(__linux__)

namespace {

enum Order { row_major = 101 };
enum Transpose { plain = 111, transposed = 112 };

template <class T>
using Gemm = void (*)(
    int order, int ta, int tb, int m, int n, int k, T alpha, const T* a, int lda, const T* b, int ldb, T beta, T* c,
    int ldc);

template <class T> Gemm<T> openblas;
void (*set_threads)(int);
int most; // the threads of OpenBLAS for all else

// gemm stands in the place of cblas_sgemm and cblas_dgemm.
template <class T>
void gemm(
    int order, int ta, int tb, int m, int n, int k, T alpha, const T* a, int lda, const T* b, int ldb, T beta, T* c,
    int ldc) {
  if (order == row_major) {
    multiply(Product<T>{ta != plain, tb != plain, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc});
  } else {
    multiply(Product<T>{tb != plain, ta != plain, n, m, k, alpha, b, ldb, a, lda, beta, c, ldc});
  }
}

} // namespace

bool has_blas() {
  return set_threads != nullptr;
}

static std::atomic<int> singles = 0; // alive

Single::Single() {
  if (singles++ == 0) {
    set_threads(1);
  }
}
Single::~Single() {
  if (--singles == 0) {
    set_threads(most);
  }
}

int worth(double flop) {
  // Waking a thread pays from some 10 µs on. Large ones are cut finer, to even out what
  // else the processors do.
  constexpr double least = 2e6;
  return std::max(1.0, std::min<double>(threads() * (flop > 64 * least ? 2 : 1), flop / least));
}

template <class T> void multiply_here(const Product<T>& p) {
  openblas<T>(
      row_major, p.ta ? transposed : plain, p.tb ? transposed : plain, p.m, p.n, p.k, p.alpha, p.a, p.lda, p.b, p.ldb,
      p.beta, p.c, p.ldc);
}

template <class T> void multiply(const Product<T>& p) {
  if (std::min(p.m, p.n) < 2) {
    if constexpr (std::is_same_v<T, float>) {
      if (multiply_vector(p)) {
        return;
      }
    }
    return multiply_here(p);
  }
  double size = (double)p.m * p.n * p.k;
  int parts = worth(2 * size);
  // OpenBLAS multiplies small matrices without packing them first, which for a few rows
  // takes as long as the product.
  constexpr double packs = 1 << 22, small = 1 << 18;
  if (size <= packs) {
    parts = std::max<int>(parts, size / small);
  }
  bool by_rows = p.m > p.n;
  int length = by_rows ? p.m : p.n;
  int each_part = parts > 1 ? ((length + parts - 1) / parts + 15) / 16 * 16 : length;
  Single single;
  each((length + each_part - 1) / each_part, [&](size_t part) {
    ptrdiff_t from = part * each_part;
    int some = std::min<ptrdiff_t>(each_part, length - from);
    auto q = p;
    if (by_rows) {
      q.m = some;
      q.a += from * (p.ta ? 1 : p.lda);
      q.c += from * p.ldc;
    } else {
      q.n = some;
      q.b += from * (p.tb ? p.ldb : 1);
      q.c += from;
    }
    multiply_here(q);
  });
}

template void multiply(const Product<float>&);
template void multiply(const Product<double>&);
template void multiply_here(const Product<float>&);
template void multiply_here(const Product<double>&);

void bind_blas() {
  auto* lib = dlopen("libscipy_openblas.so", RTLD_NOW | RTLD_NOLOAD);
  if (!lib) {
    return;
  }
  openblas<float> = reinterpret_cast<Gemm<float>>(dlsym(lib, "scipy_cblas_sgemm"));
  openblas<double> = reinterpret_cast<Gemm<double>>(dlsym(lib, "scipy_cblas_dgemm"));
  auto set = reinterpret_cast<void (*)(int)>(dlsym(lib, "scipy_openblas_set_num_threads"));
  auto get_threads = reinterpret_cast<int (*)()>(dlsym(lib, "scipy_openblas_get_num_threads"));
  if (!openblas<float> || !openblas<double> || !set || !get_threads) {
    return;
  }
  most = std::min(get_threads(), threads());
  set(most);
  set_threads = set;
  std::vector<Binding> bindings = {
      {"cblas_sgemm", reinterpret_cast<void*>(&gemm<float>)},
      {"cblas_dgemm", reinterpret_cast<void*>(&gemm<double>)},
  };
  bind(bindings);
}

#else

bool has_blas() {
  return false;
}
Single::Single() {}
Single::~Single() {}
int worth(double) {
  return 1;
}
template <class T> void multiply(const Product<T>&) {}
template <class T> void multiply_here(const Product<T>&) {}
template void multiply(const Product<float>&);
template void multiply(const Product<double>&);
template void multiply_here(const Product<float>&);
template void multiply_here(const Product<double>&);
void bind_blas() {}

#endif

} // namespace adj::cpu
