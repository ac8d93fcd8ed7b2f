// Products of matrices by OpenBLAS, on the pool.
#pragma once

namespace adj::cpu {

// A Product is c = alpha·a·b + beta·c for a of m rows and k columns, b of k rows and n
// columns, and c, whose rows lie ldc apart. Rows of a lie lda apart, those of aᵀ where
// it is stored transposed; so with b.
template <class T> struct Product {
  bool ta, tb;
  int m, n, k;
  T alpha;
  const T* a;
  int lda;
  const T* b;
  int ldb;
  T beta;
  T* c;
  int ldc;
};

// has_blas says whether OpenBLAS is there: without it nothing here may be called.
bool has_blas();

// multiply computes a product with the pool's threads, each a panel of it.
template <class T> void multiply(const Product<T>& p);

// multiply_here computes one on this thread alone, which a Single must allow.
template <class T> void multiply_here(const Product<T>& p);

// A Single keeps OpenBLAS from using more than the calling thread while it lives.
class Single {
 public:
  Single();
  ~Single();
  Single(const Single&) = delete;
};

// worth is how many threads' worth of work so many operations are, 1 at least.
int worth(double flop);

} // namespace adj::cpu
