// adjoint:flags -O3
// Convolutions in register tiles.
//
// A thread copies a band of rows of the input, with its padding, to where it stays in its
// cache. There the elements that a row of the kernel meets are one run of memory, and
// those of the next place are a step further: a tile of some places by some channels of
// the result is kept in registers while such runs are multiplied by the weights. How sums
// are put together goes by the sizes alone.
#include "cpu/direct.h"

#include <numeric>

#include "cpu/band.h"
#include "cpu/copy.h"
#include "cpu/registers.h"
#include "cpu/pool.h"

namespace adj::cpu {

bool Direct::fits() const {
  constexpr int64_t most = 1 << 20;
  return sides[0].kernel * sides[1].seen(std::min(sides[1].out, 4)) * sides[2].seen(sides[2].out) * channels <= most;
}

namespace {

// A Packed holds weights in the order in which tiles read them.
class Packed {
 public:
  Packed(const Direct& d, const std::vector<Block>& parts)
      : terms_((size_t)d.taps() * d.channels), wide_(wide(parts)), room_(d.groups * terms_ * wide_) {
    split(d.groups * parts.size(), 1, [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; i++) {
        pack(d, i / parts.size(), parts[i % parts.size()]);
      }
    });
  }
  // at returns the weights from a term on of a group's block.
  float* at(size_t group, const Block& b, size_t term) {
    return room_.data() + (group * wide_ + b.first) * terms_ + term * b.wide();
  }

 private:
  void pack(const Direct& d, size_t group, const Block& b) {
    auto& w = d.weights;
    auto* to = at(group, b, 0);
    auto* from = w.data + group * w.group + b.first * w.by[0];
    if (b.count < b.wide()) {
      std::fill_n(to, terms_ * b.wide(), 0.0f);
    }
    for (int z = 0; z < d.sides[0].kernel; z++) {
      for (int y = 0; y < d.sides[1].kernel; y++) {
        for (int x = 0; x < d.sides[2].kernel; x++, to += d.channels * b.wide()) {
          copy(to, {b.wide(), 1}, from + z * w.by[1] + y * w.by[2] + x * w.by[3], {w.by[4], w.by[0]}, {d.channels, b.count}, sizeof(float));
        }
      }
    }
  }

  size_t terms_, wide_;
  Room room_;
};

} // namespace

void Direct::convolve() const {
  auto& t = tiles();
  auto parts = blocks(results);
  Packed packed(*this, parts);
  // Some rows at a time: few enough to stay in a cache, and for all threads to
  // have some.
  constexpr int64_t near = 1 << 14, few = 16;
  int high = sides[1].out, deep = sides[0].out;
  int64_t line = sides[2].seen(sides[2].out) * channels * sides[0].kernel, shared = ((int64_t)batch * deep * groups * high + few - 1) / few;
  int64_t fitting = std::max<int64_t>(4, (near / line - sides[1].kernel * sides[1].spread) / sides[1].step);
  int rows = std::min<int64_t>({fitting, high, shared});
  size_t bands = (high + rows - 1) / rows;
  double work = 2.0 * rows * sides[2].out * results * taps() * channels;
  split(batch * deep * groups * bands, grain_of(work), [&](size_t begin, size_t end) {
    Band band(*this, rows);
    float rest[2 * 12 * 16];
    // The weights of some runs at a time, which stay in the second cache.
    constexpr int most = 1 << 16;
    int runs = band.at.size(), some = std::clamp(most / (band.length * 2 * t.lanes), 1, runs);
    for (size_t u = begin; u < end; u++) {
      int first = u % bands * rows, count = std::min(rows, high - first);
      size_t group = u / bands % groups, z = u / bands / groups % deep, image = u / bands / groups / deep;
      band.lay(image, z, first, count, group);
      for (int run = 0; run < runs; run += some) {
        for (auto& b : parts) {
          Pixels p{nullptr, band.step(), &band.at[run], std::min(some, runs - run), band.length,
                   packed.at(group, b, (size_t)run * band.length), nullptr, 0, run > 0};
          bool whole = b.count == b.wide();
          for (int r = 0; r < count; r++) {
            auto* row = out.data + group * out.group + image * out.by[0] + z * out.by[1] + (first + r) * out.by[2] + b.first;
            evenly(sides[2].out, t.most[b.vectors - 1], [&](int x, int n) {
              auto* y = row + x * out.by[3];
              p.in = &band.data[r * band.row() + x * p.apart];
              p.out = whole ? y : rest, p.out_apart = whole ? out.by[3] : b.wide();
              for (int i = 0; i < n && !whole && p.more; i++) {
                std::copy_n(y + i * out.by[3], b.count, rest + i * b.wide());
              }
              t.pixels[b.vectors - 1][n - 1](p);
              for (int i = 0; i < n && !whole; i++) {
                std::copy_n(rest + i * b.wide(), b.count, y + i * out.by[3]);
              }
            });
          }
        }
      }
    }
  });
}

namespace {

// A Phase is what every nth place of a side meets, for elements of the input that are n
// apart: one in so many of the kernel's elements, from the first on, and no gaps.
struct Phase {
  Side side;
  int first = 0, each = 1; // of the kernel's elements
};

Phase phase(const Side& s, int r) {
  if (s.apart == 1) {
    return {s};
  }
  int common = std::gcd(s.spread, s.apart);
  Phase p{s, 0, s.apart / common};
  while (p.first < std::min(p.each, s.kernel) && (r + (int64_t)p.first * s.spread - s.low) % s.apart != 0) {
    p.first++;
  }
  bool none = p.first == std::min(p.each, s.kernel);
  p.side.kernel = none ? 0 : (s.kernel - p.first - 1) / p.each + 1;
  p.side.out = (s.out - r - 1 + s.apart) / s.apart;
  p.side.low = none ? 0 : -((r + (int64_t)p.first * s.spread - s.low) / s.apart);
  p.side.spread = s.spread / common;
  p.side.apart = 1;
  return p;
}

} // namespace

std::vector<Direct> phases(const Direct& d) {
  std::vector<Direct> all;
  int counts[3];
  for (int i = 0; i < 3; i++) {
    counts[i] = std::min(d.sides[i].apart, d.sides[i].out);
    if (d.sides[i].step > 4 || (d.sides[i].apart > 1 && d.sides[i].step > 1)) {
      return {};
    }
  }
  constexpr int most = 64;
  int64_t count = (int64_t)counts[0] * counts[1] * counts[2];
  if (count > most || d.results < 8 || (count == 1 && d.taps() == 1)) {
    return {};
  }
  for (int i = 0; i < count; i++) {
    int r[3] = {i / counts[2] / counts[1], i / counts[2] % counts[1], i % counts[2]};
    auto part = d;
    for (int k = 0; k < 3; k++) {
      auto p = phase(d.sides[k], r[k]);
      part.sides[k] = p.side;
      part.weights.data += p.first * d.weights.by[k + 1];
      part.weights.by[k + 1] *= p.each;
      part.out.data += r[k] * d.out.by[k + 1];
      part.out.by[k + 1] *= counts[k] > 1 ? d.sides[k].apart : 1;
    }
    if (part.taps() == 0) {
      continue;
    }
    if (part.sides[2].out < 4 || !part.fits()) {
      return {};
    }
    all.push_back(part);
  }
  return all;
}

} // namespace adj::cpu
