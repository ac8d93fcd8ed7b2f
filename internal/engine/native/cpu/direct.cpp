// adjoint:flags -O3
// Convolutions in register tiles.
//
// A thread copies a band of rows of the input, with its padding, to where it stays in its
// cache. There the elements that a row of the kernel meets are one run of memory, and
// those of the next place are a step further: a tile of some places by some channels of
// the result is kept in registers while such runs are multiplied by the weights. The
// gradient of the weights is made of the same runs: a tile of taps by results sums up
// what all places of a band give. How sums are put together goes by the sizes alone.
#include "cpu/direct.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "cpu/copy.h"
#include "cpu/pool.h"

namespace adj::cpu {

namespace {

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
};

// Tiles are the kernels for one kind of processor, by the number of vectors and then of
// places or elements, which is most of them at most.
struct Tiles {
  int lanes;
  int most[2];
  void (*pixels[2][12])(const Pixels&);
  void (*taps[2][12])(const Taps&);
};

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define ADJ_LANES 16
#pragma GCC push_options
#pragma GCC target("avx512f,avx2,fma")
namespace v4 {
#include "cpu/lanes.h"
}
#pragma GCC pop_options
#undef ADJ_LANES
#define ADJ_LANES 8
#pragma GCC push_options
#pragma GCC target("avx2,fma")
namespace v3 {
#include "cpu/lanes.h"
}
#pragma GCC pop_options
#undef ADJ_LANES
#endif
#define ADJ_LANES 4
namespace base {
#include "cpu/lanes.h"
}
#undef ADJ_LANES

const Tiles& tiles() {
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
  static const Tiles& best = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("fma") ? v4::tiles
      : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? v3::tiles : base::tiles;
  return best;
#else
  return base::tiles;
#endif
}

// A Block is some channels of the results: so many vectors, the last of them perhaps not
// full, or two at most.
struct Block {
  int first, count, vectors;
  int wide() const {
    return vectors * tiles().lanes;
  }
};

std::vector<Block> blocks(int first, int count) {
  int lanes = tiles().lanes;
  std::vector<Block> r;
  for (int end = first + count; first < end;) {
    int n = std::min(end - first, 2 * lanes);
    r.push_back({first, n, n > lanes ? 2 : 1});
    first += n;
  }
  return r;
}

// evenly calls f(begin, size) for pieces of n, of at most most and nearly equal.
template <class F> void evenly(int n, int most, F&& f) {
  int pieces = (n + most - 1) / most;
  for (int i = 0, begin = 0; i < pieces; i++) {
    int size = n / pieces + (i < n % pieces);
    f(begin, size);
    begin += size;
  }
}

// Work of so many operations is worth waking a thread.
constexpr double enough = 1e6;

size_t each(double work) {
  return std::max(1.0, enough / work);
}

} // namespace

// A Band is a copy of what so many rows of places see of the input, of some images: for
// each element of the kernel along the first axis, rows of pixels of one group's channels.
struct Direct::Band {
  const Direct& d;
  int high, wide; // of pixels
  std::vector<ptrdiff_t> at; // runs of the kernel
  int length; // of a run
  std::unique_ptr<float[]> data;

  Band(const Direct& d, int rows, int images = 1)
      : d(d), high(d.sides[1].seen(rows)), wide(d.sides[2].seen(d.sides[2].out)), data(new float[images * size()]) {
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

bool Direct::fits() const {
  constexpr int64_t most = 1 << 20;
  int64_t size = (int64_t)sides[0].kernel * sides[1].seen(std::min(sides[1].out, 4)) * sides[2].seen(sides[2].out) * channels;
  return size <= most;
}

bool Direct::worth() const {
  return taps() > 1 && fits() && sides[2].out >= 4 && results >= 8 &&
      std::all_of(sides.begin(), sides.end(), [](auto& s) { return s.apart == 1 && s.step <= 4; });
}

void Direct::convolve(const float* weights, const std::array<int64_t, 5>& by, bool flip, float* out) const {
  auto& t = tiles();
  auto parts = blocks(0, results);
  size_t terms = (size_t)taps() * channels, wide = 0; // wide: of all parts
  for (auto& b : parts) {
    wide += b.wide();
  }
  std::unique_ptr<float[]> packed(new float[groups * terms * wide]);
  split(groups * parts.size(), 1, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) {
      auto& b = parts[i % parts.size()];
      size_t group = i / parts.size();
      auto* to = &packed[group * terms * wide + terms * b.first];
      auto* from = weights + (group * results + b.first) * by[0];
      if (b.count < b.wide()) {
        std::fill_n(to, terms * b.wide(), 0.0f);
      }
      for (int t = 0; t < taps(); t++, to += channels * b.wide()) {
        int k = flip ? taps() - 1 - t : t, x = k % sides[2].kernel, y = k / sides[2].kernel % sides[1].kernel, z = k / sides[2].kernel / sides[1].kernel;
        auto* v = from + z * by[1] + y * by[2] + x * by[3];
        copy(to, {b.wide(), 1}, v, {by[4], by[0]}, {channels, b.count}, sizeof(float));
      }
    }
  });

  // Some rows at a time: few enough to stay in the first cache, and for all threads to
  // have some.
  constexpr int near = 1 << 13, few = 16;
  int line = sides[2].seen(sides[2].out) * channels * sides[0].kernel, high = sides[1].out;
  int rows = std::clamp((near / std::max(1, line) - sides[1].kernel * sides[1].spread) / sides[1].step, 4, 64);
  rows = std::min({rows, high, std::max(1, (int)(((int64_t)batch * sides[0].out * groups * high + few - 1) / few))});
  size_t bands = (high + rows - 1) / rows, deep = sides[0].out;
  double work = 2.0 * rows * sides[2].out * results * terms;
  split(batch * deep * groups * bands, each(work), [&](size_t begin, size_t end) {
    Band band(*this, rows);
    float rest[12 * 2 * 16];
    // The weights of some runs at a time, which stay in the second cache.
    constexpr int most = 1 << 16;
    int runs = band.at.size(), some = std::clamp(most / (band.length * 2 * t.lanes), 1, runs);
    for (size_t u = begin; u < end; u++) {
      int first = u % bands * rows, count = std::min(rows, high - first);
      size_t group = u / bands % groups, z = u / bands / groups % deep, image = u / bands / groups / deep;
      band.lay(image, z, first, count, group);
      auto* to = out + ((image * deep + z) * high + first) * sides[2].out * groups * results + group * results;
      for (int run = 0; run < runs; run += some) {
        for (auto& b : parts) {
          Pixels p{nullptr, band.step(), &band.at[run], std::min(some, runs - run), band.length, nullptr, nullptr, 0, run > 0};
          p.weights = &packed[group * terms * wide + terms * b.first + (size_t)run * band.length * b.wide()];
          for (int r = 0; r < count; r++) {
            evenly(sides[2].out, t.most[b.vectors - 1], [&](int x, int n) {
              p.in = &band.data[r * band.row() + x * p.apart];
              auto* y = to + ((size_t)r * sides[2].out + x) * groups * results + b.first;
              bool whole = b.count == b.wide();
              p.out = whole ? y : rest, p.out_apart = whole ? groups * results : b.wide();
              for (int i = 0; i < n && !whole && p.more; i++) {
                std::copy_n(y + (size_t)i * groups * results, b.count, rest + i * b.wide());
              }
              t.pixels[b.vectors - 1][n - 1](p);
              for (int i = 0; i < n && !whole; i++) {
                std::copy_n(rest + i * b.wide(), b.count, y + (size_t)i * groups * results);
              }
            });
          }
        }
      }
    }
  });
}

void Direct::gradient(const Images& ct, float* out) const {
  auto& t = tiles();
  size_t terms = (size_t)taps() * channels;
  auto all = blocks(0, results);
  size_t wide = 0;
  for (auto& b : all) {
    wide += b.wide();
  }
  // Images are shared out, as far as there is room for sums of each part, and results.
  constexpr size_t room = 1 << 22, few = 16;
  size_t size = terms * wide * groups, deep = sides[0].out;
  size_t parts = std::min<size_t>({(size_t)batch, few, std::max<size_t>(1, room / size)});
  size_t shares = std::clamp<size_t>(few / (parts * groups), 1, all.size());
  // Some rows or images at a time stay in a cache with their gradients: in the first one
  // where the sums do, too, else enough for what the sums cost to be little.
  size_t sums_each = terms * (wide / shares), near = std::clamp<size_t>(sums_each, 12 << 10, 96 << 10);
  int high = sides[1].out, line = sides[2].seen(sides[2].out) * channels * sides[0].kernel * sides[1].step + sides[2].out * (int)(wide / shares);
  int most = std::clamp<int>(near / std::max(1, line), std::min(high, 4), high), bands = (high + most - 1) / most;
  int rows = (high + bands - 1) / bands, images = std::clamp<int>(near / ((size_t)line * high), 1, (batch + parts - 1) / parts);

  std::unique_ptr<float[]> sums(new float[parts * size]());
  double work = 2.0 * terms * results * sides[2].out * high * deep * batch / (parts * shares);
  split(parts * groups * shares, each(work), [&](size_t begin, size_t end) {
    Band band(*this, rows, images);
    std::unique_ptr<float[]> copied;
    for (size_t u = begin; u < end; u++) {
      size_t share = u % shares, group = u / shares % groups, part = u / shares / groups;
      size_t from = all.size() * share / shares, to = all.size() * (share + 1) / shares;
      int low = all[from].first, count = all[to - 1].first + all[to - 1].count - low;
      int padded = all[to - 1].first + all[to - 1].wide() - low;
      auto* sum = &sums[(part * groups + group) * terms * wide + low];
      // Vectors must not reach beyond the results.
      bool dense = ct.by[4] == 1 && padded == count;
      size_t places = (size_t)rows * sides[2].out;
      if (!dense && !copied) {
        copied.reset(new float[images * places * wide]());
      }
      int last = batch * (part + 1) / parts;
      for (int image = batch * part / parts; image < last; image += images) {
        for (size_t z = 0; z < deep; z++) {
          for (int first = 0; first < high; first += rows) {
            int some = std::min(rows, high - first), now = std::min(images, last - image);
            auto* y = ct.data + group * ct.group + image * ct.by[0] + z * ct.by[1] + first * ct.by[2] + low * ct.by[4];
            for (int i = 0; i < now; i++) {
              band.lay(image + i, z, first, some, group, i);
              if (!dense) {
                copy(&copied[i * places * padded], {(int64_t)sides[2].out * padded, padded, 1}, y + i * ct.by[0], {ct.by[2], ct.by[3], ct.by[4]},
                     {some, sides[2].out, count}, sizeof(float));
              }
            }
            Taps s{nullptr, (ptrdiff_t)band.size(), band.row(), band.step(), nullptr, ct.by[0], ct.by[2], ct.by[3],
                   now, some, sides[2].out, nullptr, (ptrdiff_t)wide};
            if (!dense) {
              y = copied.get(), s.by_apart = padded, s.by_row = (ptrdiff_t)padded * sides[2].out, s.by_image = places * padded;
            }
            for (size_t run = 0; run < band.at.size(); run++) {
              evenly(band.length, t.most[1], [&](int j, int n) {
                for (size_t b = from; b < to; b++) {
                  s.in = &band.data[band.at[run] + j];
                  s.by = y + all[b].first - low;
                  s.sums = sum + (run * band.length + j) * wide + all[b].first - low;
                  t.taps[all[b].vectors - 1][n - 1](s);
                }
              });
            }
          }
        }
      }
    }
  });
  // Results go first in the weights.
  constexpr size_t strip = 16, grain = 1 << 13;
  size_t strips = (results + strip - 1) / strip;
  split(groups * strips, std::max<size_t>(1, grain / (strip * terms * parts)), [&](size_t begin, size_t end) {
    for (size_t u = begin; u < end; u++) {
      size_t group = u / strips, first = u % strips * strip, n = std::min<size_t>(strip, results - first);
      for (size_t k = 0; k < terms; k++) {
        auto* from = &sums[(group * terms + k) * wide + first];
        float r[strip] = {};
        for (size_t p = 0; p < parts; p++, from += size) {
          for (size_t o = 0; o < n; o++) {
            r[o] += from[o];
          }
        }
        for (size_t o = 0; o < n; o++) {
          out[(group * results + first + o) * terms + k] = r[o];
        }
      }
    }
  });
}

} // namespace adj::cpu
