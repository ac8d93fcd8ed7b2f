// adjoint:flags -O3
// Gradients of the weights of convolutions.
//
// They are made of the same runs of the input as the results: a tile of elements of a run
// by results is kept in registers while all places of a band add what they give.
#include "cpu/band.h"
#include "cpu/copy.h"
#include "cpu/registers.h"
#include "cpu/pool.h"

namespace adj::cpu {

void Direct::gradient(const Images<const float>& ct, float* to) const {
  auto& t = tiles();
  size_t terms = (size_t)taps() * channels;
  auto all = blocks(results);
  size_t wide = cpu::wide(all);
  // Images are shared out, as far as there is room for sums of each part, and results.
  constexpr size_t most_sums = 1 << 22, few = 16;
  size_t size = terms * wide * groups, deep = sides[0].out;
  size_t parts = std::min<size_t>({(size_t)batch, few, std::max<size_t>(1, most_sums / size)});
  size_t shares = std::clamp<size_t>(few / (parts * groups), 1, all.size());
  // Some rows or images at a time stay in a cache with their gradients: in the first one
  // where the sums do, too, else enough for what the sums cost to be little.
  size_t sums_each = terms * (wide / shares), near = std::clamp<size_t>(sums_each, 12 << 10, 96 << 10);
  int high = sides[1].out, line = (int)sides[2].seen(sides[2].out) * channels * sides[0].kernel * sides[1].step + sides[2].out * (int)(wide / shares);
  int most = std::clamp<int>(near / std::max(1, line), std::min(high, 4), high), bands = (high + most - 1) / most;
  int rows = (high + bands - 1) / bands, images = std::clamp<int>(near / ((size_t)line * high), 1, (batch + parts - 1) / parts);

  Room room(parts * size);
  auto* sums = room.data();
  double work = 2.0 * terms * results * sides[2].out * high * deep * batch / (parts * shares);
  split(parts * groups * shares, grain_of(work), [&](size_t unit, size_t units) {
    Band band(*this, rows, images);
    std::unique_ptr<float[]> copied;
    for (size_t u = unit; u < units; u++) {
      size_t share = u % shares, group = u / shares % groups, part = u / shares / groups;
      size_t from = all.size() * share / shares, end = all.size() * (share + 1) / shares;
      auto& final = all[end - 1];
      int low = all[from].first, count = final.first + final.count - low, padded = final.first + final.wide() - low;
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
                   now, some, sides[2].out, nullptr, (ptrdiff_t)wide, (size_t)image > batch * part / parts || z > 0 || first > 0};
            if (!dense) {
              y = copied.get(), s.by_apart = padded, s.by_row = (ptrdiff_t)padded * sides[2].out, s.by_image = places * padded;
            }
            for (size_t run = 0; run < band.at.size(); run++) {
              evenly(band.length, t.most[all[from].vectors - 1], [&](int j, int n) {
                for (size_t b = from; b < end; b++) {
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
          to[(group * results + first + o) * terms + k] = r[o];
        }
      }
    }
  });
}

} // namespace adj::cpu
