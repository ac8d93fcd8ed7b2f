// Products of half precision matrices.
#pragma once
#include <optional>

#include "cpu/matrices.h"

namespace adj::cpu {

// HalfMatrices are those in the last two axes of an array, one of a batch behind the other.
struct HalfMatrices {
  explicit HalfMatrices(const array& a)
      : data(a.data<char>()), places(Places::batch(a)), by_row(a.strides(-2)), by_col(a.strides(-1)) {
    auto m = matrix(a);
    transposed = m && m->transposed;
  }
  const char* at(size_t i) const {
    return data + 2 * places.at(i);
  }

  const char* data;
  Places places;
  int64_t by_row, by_col;
  bool transposed;
};

// A HalfProduct is alpha·a·b, and beta·c where there is c, for count pairs of matrices: a
// has m rows and k columns, b has n columns. It is rounded once.
struct HalfProduct {
  mlx::core::Dtype dtype;
  HalfMatrices a, b;
  std::optional<HalfMatrices> c;
  char* out;
  size_t count;
  int m, n, k;
  float alpha, beta;
};

// has_dots says whether the processor adds up products of bfloat16 in one instruction.
bool has_dots();

// multiply_by_dots computes a product of bfloat16 by those instructions. Each product of
// two numbers is exact, their sums are rounded to float32. Numbers below 2⁻¹²⁶, among
// the inputs and on the way, count as 0.
void multiply_by_dots(const HalfProduct& p);

} // namespace adj::cpu
