// What convolutions see of their input at a time.
#pragma once
#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "cpu/direct.h"

namespace adj::cpu {

// A Band is a copy of what so many rows of places see of the input, of some images: for
// each element of the kernel along the first axis, rows of pixels of one group's channels.
struct Band {
  const Direct& d;
  int high, wide; // of pixels
  std::vector<ptrdiff_t> at; // runs of the kernel
  int length; // of a run
  std::unique_ptr<float[]> data;

  Band(const Direct& d, int rows, int images = 1)
      : d(d), high((int)d.sides[1].seen(rows)), wide((int)d.sides[2].seen(d.sides[2].out)), data(new float[images * size()]) {
    bool together = d.sides[2].spread == 1;
    length = (together ? d.sides[2].kernel : 1) * d.channels;
    for (int i = 0; i < d.sides[0].kernel; i++) {
      for (int j = 0; j < d.sides[1].kernel; j++) {
        for (int k = 0; k < (together ? 1 : d.sides[2].kernel); k++) {
          at.push_back((((ptrdiff_t)i * high + j * d.sides[1].spread) * wide + k * d.sides[2].spread) * d.channels);
        }
      }
    }
  }
  size_t size() const {
    return (size_t)d.sides[0].kernel * high * wide * d.channels;
  }
  // step is the distance of places, and row that of rows of them.
  ptrdiff_t step() const {
    return (ptrdiff_t)d.sides[2].step * d.channels;
  }
  ptrdiff_t row() const {
    return (ptrdiff_t)d.sides[1].step * wide * d.channels;
  }

  // lay copies what count rows see that begin at a place of an image, as the image i here.
  void lay(int image, int depth, int first, int count, int group, int i = 0) {
    auto& s = d.sides;
    auto* base = &data[i * size()];
    int c = d.channels, left = std::clamp(s[2].low, 0, wide), right = std::clamp(s[2].in + s[2].low, left, wide);
    for (int k = 0; k < s[0].kernel; k++) {
      int z = s[0].at(depth, k);
      for (int j = 0; j < s[1].seen(count); j++) {
        int y = first * s[1].step + j - s[1].low;
        auto* to = base + ((size_t)k * high + j) * wide * c;
        if (z < 0 || y < 0 || y >= s[1].in) {
          std::fill_n(to, (size_t)wide * c, 0.0f);
          continue;
        }
        auto& by = d.in.by;
        auto* from = d.in.data + group * d.in.group + image * by[0] + z * by[1] + y * by[2] + (left - s[2].low) * by[3];
        std::fill_n(to, (size_t)left * c, 0.0f);
        if (by[3] == c) {
          std::memcpy(to + (size_t)left * c, from, (size_t)(right - left) * c * sizeof(float));
        } else {
          for (int x = left; x < right; x++, from += by[3]) {
            std::copy_n(from, c, to + (size_t)x * c);
          }
        }
        std::fill_n(to + (size_t)right * c, (size_t)(wide - right) * c, 0.0f);
      }
    }
  }
};

// Work of so many operations is worth waking a thread.
constexpr double enough = 1e6;

inline size_t grain_of(double work) {
  return std::max(1.0, enough / work);
}

} // namespace adj::cpu
