// Convolutions of every kind.
#pragma once
#include "cpu/direct.h"

namespace adj::cpu {

// Patches are what one evaluation computes, in float32: input of channels, weights of
// results × kernel × some channels, for each of groups, all of them row-contiguous.
struct Patches {
  std::array<Side, 3> sides;
  int batch, channels, results, groups;
  const float *in, *weights;
  float* out;

  void operator()() const;
};

} // namespace adj::cpu
