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
  int64_t seen(int places) const {
    return (places - 1) * (int64_t)step + (kernel - 1) * (int64_t)spread + 1;
  }
};

// Images are how arrays of images with channels lie: their first element, and the
// distances of images, of places along three axes, of channels, and of groups of these.
template <class T> struct Images {
  T* data;
  std::array<int64_t, 5> by;
  int64_t group;
};

// A Direct is a convolution of batch images, of which channels of the input, which lie
// side by side, and results, which do so too, are those of one group. Weights are results
// in the place of images, the places of a kernel, and channels.
struct Direct {
  std::array<Side, 3> sides;
  int batch, channels, results, groups;
  Images<const float> in, weights;
  Images<float> out;

  // fits says whether what some rows of places see is little enough to be copied.
  bool fits() const;
  int taps() const {
    return sides[0].kernel * sides[1].kernel * sides[2].kernel;
  }
  // convolve fills out. There are no gaps in the input.
  void convolve() const;
  // gradient fills to, of groups × results × kernel × channels, with the gradients of the
  // weights where ct are those of the results.
  void gradient(const Images<const float>& ct, float* to) const;
};

// phases are convolutions without gaps in the input that together are d, or none where a
// product of patches is faster. Places of d's result that they leave out are 0.
std::vector<Direct> phases(const Direct& d);

} // namespace adj::cpu
