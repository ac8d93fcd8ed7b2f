// What negative padding of a convolution means.
#pragma once
#include <algorithm>
#include <vector>

#include "mlx/mlx.h"

namespace mlxc {

// crop replaces negative paddings lo and hi of a convolution's input x by a
// shorter x. Its elements stand spread[i] apart along spatial axis i, so that a
// cut may fall between two of them, which MLX's own cut does not know.
inline mlx::core::array crop(
    mlx::core::array x, std::vector<int>& lo, std::vector<int>& hi, const std::vector<int>& spread,
    const mlx::core::Stream& s) {
  using namespace mlx::core;
  Shape from(x.ndim(), 0), to = x.shape();
  bool nothing = false;
  for (size_t i = 0; i < lo.size(); i++) {
    int n = x.shape(i + 1), by = spread[i], size = (n - 1) * by + 1 + lo[i] + hi[i];
    int left = std::max(0, (-lo[i] + by - 1) / by), right = std::max(0, (-hi[i] + by - 1) / by);
    if (left + right < n || left + right == 0) {
      from[i + 1] = left, to[i + 1] = n - right;
      lo[i] += left * by, hi[i] += right * by;
    } else {
      nothing = true; // padding is all that is left
      to[i + 1] = std::min(n, 1);
      lo[i] = 0, hi[i] = size - 1;
    }
  }
  if (from != Shape(x.ndim(), 0) || to != x.shape()) {
    x = slice(x, from, to, s);
  }
  return nothing ? zeros_like(x, s) : x;
}

} // namespace mlxc
