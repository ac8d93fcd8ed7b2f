// Matrix products on the pool.
//
// OpenBLAS has threads of its own, which wait for work in a loop: beside the pool's
// they are one too many on every processor. So MLX's calls of gemm come here, where
// the pool's threads each compute a panel of the result with OpenBLAS, which uses no
// other thread meanwhile.
#include <algorithm>
#include <cstddef>

#if defined(__linux__)
#include <dlfcn.h>
#endif

#include "cpu/eager.h"
#include "cpu/pool.h"
#include "ext/bindings.h"

namespace adj::cpu {

#if defined(__linux__)

namespace {

enum Order { row_major = 101 };
enum Transpose { plain = 111 };

template <class T>
using Gemm = void (*)(
    int order, int ta, int tb, int m, int n, int k, T alpha, const T* a, int lda, const T* b, int ldb, T beta, T* c,
    int ldc);

template <class T> Gemm<T> openblas;
void (*set_threads)(int);
int most; // the threads of OpenBLAS for all else

// gemm computes c = alpha·a·b + beta·c.
template <class T>
void gemm(
    int order, int ta, int tb, int m, int n, int k, T alpha, const T* a, int lda, const T* b, int ldb, T beta, T* c,
    int ldc) {
  if (order != row_major) {
    return gemm<T>(row_major, tb, ta, n, m, k, alpha, b, ldb, a, lda, beta, c, ldc);
  }
  if (std::min(m, n) < 2) {
    return openblas<T>(order, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc); // a gemv
  }
  // Waking a thread pays from some 10 µs on.
  constexpr double least = 2e6;
  double flop = 2.0 * m * n * k;
  int parts = std::min<double>(threads() * (flop > 64 * least ? 2 : 1), flop / least);
  bool by_rows = m > n;
  int length = by_rows ? m : n;
  int each_part = parts > 1 ? ((length + parts - 1) / parts + 15) / 16 * 16 : length;
  set_threads(1);
  each((length + each_part - 1) / each_part, [&](size_t part) {
    ptrdiff_t from = part * each_part;
    int some = std::min<ptrdiff_t>(each_part, length - from);
    if (by_rows) {
      openblas<T>(order, ta, tb, some, n, k, alpha, a + from * (ta == plain ? lda : 1), lda, b, ldb, beta, c + from * ldc, ldc);
    } else {
      openblas<T>(order, ta, tb, m, some, k, alpha, a, lda, b + from * (tb == plain ? 1 : ldb), ldb, beta, c + from, ldc);
    }
  });
  set_threads(most);
}

} // namespace

void take_products() {
  auto* lib = dlopen("libscipy_openblas.so", RTLD_NOW | RTLD_NOLOAD);
  if (!lib) {
    return;
  }
  openblas<float> = reinterpret_cast<Gemm<float>>(dlsym(lib, "scipy_cblas_sgemm"));
  openblas<double> = reinterpret_cast<Gemm<double>>(dlsym(lib, "scipy_cblas_dgemm"));
  set_threads = reinterpret_cast<void (*)(int)>(dlsym(lib, "scipy_openblas_set_num_threads"));
  auto get_threads = reinterpret_cast<int (*)()>(dlsym(lib, "scipy_openblas_get_num_threads"));
  if (!openblas<float> || !openblas<double> || !set_threads || !get_threads) {
    return;
  }
  most = std::min(get_threads(), threads());
  set_threads(most);
  std::vector<Binding> bindings = {
      {"cblas_sgemm", reinterpret_cast<void*>(&gemm<float>)},
      {"cblas_dgemm", reinterpret_cast<void*>(&gemm<double>)},
  };
  bind(bindings);
}

#else

void take_products() {}

#endif

} // namespace adj::cpu
