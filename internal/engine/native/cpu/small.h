// Products of small matrices, which take less time than to call OpenBLAS.
#pragma once
#include "cpu/blas.h"

namespace adj::cpu {

// multiply_small computes a product on this thread if that takes less time than to call
// OpenBLAS, and says whether it did. Each element is summed up in order.
bool multiply_small(const Product<float>& p);

// multiply_vector computes products of vectors and matrices that are stored in rows as
// long as those, on the pool's threads. It says whether it did.
bool multiply_vector(const Product<float>& p);

} // namespace adj::cpu
