// Kernels on float32 that are made of exponentials or polynomials of ours, all within
// some ulps: see docs/ACCURACY.md.
#pragma once
#include "ext/tiles.h"

namespace adj::tiles {

extern const Kernel exp_kernel, sigmoid_kernel, erf_kernel;
extern const Kernel tanh_slope_kernel; // 1/cosh²

} // namespace adj::tiles
