// Register tiles of convolutions.
#pragma once
#include <algorithm>
#include <cstddef>
#include <vector>

#include "mlx/allocator.h"

namespace adj::cpu {

// Pixels is a tile of places side by side, apart in the input and out_apart in the
// result, to which more is added or not: the runs of the input that begin at from each
// place, so long, meet weights for as many results as the tile is wide.
struct Pixels {
  const float* in;
  ptrdiff_t apart;
  const ptrdiff_t* at;
  int runs, length;
  const float* weights;
  float* out;
  ptrdiff_t out_apart;
  bool more;
};

// Taps is a tile of sums for elements of the input side by side, over images of rows of
// count places: each element is weighted with the results' gradients, which are by.
struct Taps {
  const float* in;
  ptrdiff_t in_image, in_row, in_apart;
  const float* by;
  ptrdiff_t by_image, by_row, by_apart;
  int images, rows, count;
  float* sums;
  ptrdiff_t sums_apart;
  bool more; // is added to the sums
};

// Tiles are the kernels for one kind of processor, by the number of vectors and then of
// places or elements, which is most of them at most.
struct Tiles {
  int lanes;
  int most[2];
  void (*pixels[2][12])(const Pixels&);
  void (*taps[2][12])(const Taps&);
};

// tiles are those for this processor.
const Tiles& tiles();

// A Block is some channels of the results: so many vectors, the last of them perhaps not
// full, or two at most.
struct Block {
  int first, count, vectors;
  int wide() const {
    return vectors * tiles().lanes;
  }
};

inline std::vector<Block> blocks(int results) {
  int lanes = tiles().lanes;
  std::vector<Block> r;
  for (int first = 0; first < results; first += 2 * lanes) {
    int n = std::min(results - first, 2 * lanes);
    r.push_back({first, n, n > lanes ? 2 : 1});
  }
  return r;
}

// wide is of how many channels blocks are, with those that fill the last vector.
inline size_t wide(const std::vector<Block>& blocks) {
  return blocks.back().first + blocks.back().wide();
}

// A Room is so many floats, from what memory the engine keeps.
class Room {
 public:
  explicit Room(size_t n) : data_(mlx::core::allocator::malloc(n * sizeof(float))) {}
  float* data() {
    return static_cast<float*>(data_.buffer().raw_ptr());
  }

 private:
  mlx::core::allocator::Data data_;
};

// evenly calls f(begin, size) for pieces of n, of at most most and nearly equal.
template <class F> void evenly(int n, int most, F&& f) {
  int pieces = (n + most - 1) / most;
  for (int i = 0, begin = 0; i < pieces; i++) {
    int size = n / pieces + (i < n % pieces);
    f(begin, size);
    begin += size;
  }
}

} // namespace adj::cpu
