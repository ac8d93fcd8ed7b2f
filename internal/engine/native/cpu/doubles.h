// Convolutions of float64: plain loops.
#pragma once
#include "cpu/direct.h"

namespace adj::cpu {

// Doubles are what one evaluation computes: input of channels, weights of results × kernel
// × some channels, for each of groups, all of them row-contiguous.
struct Doubles {
  std::array<Side, 3> sides;
  int batch, channels, results, groups;
  bool flip;
  const double *in, *weights;
  double* out;

  void operator()() const;
};

} // namespace adj::cpu
