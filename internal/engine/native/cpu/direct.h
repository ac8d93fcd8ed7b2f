// Convolutions of float32 that read the input where it lies, with no patches of it.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace adj::cpu {

// A Side is one spatial axis: its sizes, and the steps between places, between elements
// of the kernel, and between elements of the input.
struct Side {
  int in = 1, out = 1, kernel = 1, step = 1, low = 0, spread = 1, apart = 1;

  // at returns which input element k of the kernel meets at place o, or -1.
  int at(int o, int k) const {
    int64_t p = (int64_t)o * step + (int64_t)k * spread - low;
    if (apart == 1) {
      return p >= 0 && p < in ? p : -1;
    }
    if (p < 0 || p > (int64_t)(in - 1) * apart || p % apart != 0) {
      return -1;
    }
    return p / apart;
  }
  // seen is how many elements, padding too, so many places look at.
  int seen(int places) const {
    return (places - 1) * step + (kernel - 1) * spread + 1;
  }
};

// Images are arrays of images with channels, whichever way they lie: the distances of
// images, of places along three axes and of channels, and of groups of channels.
struct Images {
  const float* data;
  std::array<int64_t, 5> by;
  int64_t group;
};

// A Direct is a convolution of batch images, of which channels of the input, which lie
// side by side, and results are those of one group. No side has gaps in the input.
struct Direct {
  std::array<Side, 3> sides;
  int batch, channels, results, groups;
  Images in;

  // fits says whether what some rows of places see is little enough to be copied.
  bool fits() const;
  // worth says whether this is faster than a product of patches.
  bool worth() const;
  // convolve fills out, row-contiguous. Weights lie as given by the distances of results,
  // of places of the kernel and of channels, and are turned around with flip.
  void convolve(const float* weights, const std::array<int64_t, 5>& by, bool flip, float* out) const;
  // gradient fills out, of groups × results × kernel × channels, with the gradients of the
  // weights where those of the results are ct.
  void gradient(const Images& ct, float* out) const;

 private:
  int taps() const {
    return sides[0].kernel * sides[1].kernel * sides[2].kernel;
  }
  struct Band;
};

} // namespace adj::cpu
