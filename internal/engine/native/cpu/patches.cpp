// adjoint:flags -O3
// Convolutions as products of patches of the input with the weights.
//
// A thread lays out the patches of some places at a time, which stay in its cache, so
// there is never a matrix of all patches. Padding and steps of every kind are where a
// patch is laid out. What is added up in which order goes by the sizes alone.
#include "cpu/patches.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "cpu/blas.h"
#include "cpu/bytes.h"
#include "cpu/pool.h"
#include "ext/tiles.h"

namespace adj::cpu {

namespace {

ADJ_CLONES void weigh(float* y, const float* x, const float* w, size_t n) {
  ADJ_LOOP
  for (size_t i = 0; i < n; i++) {
    y[i] += x[i] * w[i];
  }
}

ADJ_CLONES void add(float* y, const float* x, size_t n) {
  ADJ_LOOP
  for (size_t i = 0; i < n; i++) {
    y[i] += x[i];
  }
}

struct Job : Patches {
  int some() const {
    return channels / groups;
  }
  size_t places() const {
    return (size_t)batch * sides[0].out * sides[1].out * sides[2].out;
  }
  int lines() const {
    return sides[0].kernel * sides[1].kernel;
  }
  int line() const {
    return sides[2].kernel * some();
  }

  void run() const {
    groups == channels && groups == results ? each_channel() : products();
  }

  struct Place {
    int n, d, h, w;
  };
  Place place(size_t i) const {
    Place p;
    p.w = i % sides[2].out, i /= sides[2].out;
    p.h = i % sides[1].out, i /= sides[1].out;
    p.d = i % sides[0].out, p.n = i / sides[0].out;
    return p;
  }
  void next(Place& p) const {
    if (++p.w == sides[2].out) {
      p.w = 0;
      if (++p.h == sides[1].out) {
        p.h = 0;
        if (++p.d == sides[0].out) {
          p.d = 0, p.n++;
        }
      }
    }
  }

  // each_line calls f with where the line of the input begins that each of some lines of
  // the kernel meets at a place, or with null.
  template <class F> void each_line(const Place& p, int first, int count, F&& f) const {
    int kd = first / sides[1].kernel, kh = first % sides[1].kernel, d = sides[0].at(p.d, kd);
    for (int l = 0; l < count; l++) {
      int h = sides[1].at(p.h, kh);
      f(d < 0 || h < 0 ? nullptr
                       : in + (((size_t)p.n * sides[0].in + d) * sides[1].in + h) * sides[2].in * channels);
      if (++kh == sides[1].kernel) {
        kh = 0;
        d = sides[0].at(p.d, ++kd);
      }
    }
  }

  // patch lays out what lines of the kernel meet at a place, for one group.
  void patch(float* to, const Place& p, int first, int count, int group) const {
    auto& s = sides[2];
    size_t c = some(), length = line();
    bool together = s.spread == 1 && s.apart == 1 && groups == 1;
    int begin = p.w * s.step - s.low, left = std::clamp(-begin, 0, s.kernel), right = std::clamp(s.in - begin, left, s.kernel);
    each_line(p, first, count, [&](const float* from) {
      if (!from) {
        std::fill_n(to, length, 0.0f);
      } else if (together) {
        std::fill_n(to, left * c, 0.0f);
        copied(to + left * c, from + (ptrdiff_t)(begin + left) * channels, (right - left) * c);
        std::fill_n(to + right * c, (s.kernel - right) * c, 0.0f);
      } else {
        for (int k = 0; k < s.kernel; k++) {
          if (int w = s.at(p.w, k); w < 0) {
            std::fill_n(to + k * c, c, 0.0f);
          } else {
            copied(to + k * c, from + (size_t)w * channels + group * c, c);
          }
        }
      }
      to += length;
    });
  }

  // columns lays out a block of patches with the elements of each rows apart: where there
  // are few channels, runs of the input lie along the places, not along a patch.
  void columns(float* to, Place p, int rows, int first, int count, int group) const {
    auto& s = sides[2];
    int c = some();
    for (int r = 0, n = 0; r < rows; r += n) {
      n = std::min(rows - r, s.out - p.w);
      auto* y = to + r;
      each_line(p, first, count, [&](const float* from) {
        for (int k = 0; k < s.kernel; k++) {
          // Place i of n meets element begin + i·step of the line.
          int begin = p.w * s.step + k * s.spread - s.low;
          int left = from ? std::clamp(begin < 0 ? (-begin + s.step - 1) / s.step : 0, 0, n) : n;
          int right = from ? std::clamp(begin < s.in ? (s.in - begin + s.step - 1) / s.step : 0, left, n) : n;
          for (int j = 0; j < c; j++, y += rows) {
            std::fill_n(y, left, 0.0f);
            std::fill(y + right, y + n, 0.0f);
            if (left < right) {
              auto* x = from + (ptrdiff_t)(begin + left * s.step) * channels + group * c + j;
              ptrdiff_t stride = (ptrdiff_t)s.step * channels;
              if (stride == 1) {
                copied(y + left, x, right - left);
              } else {
                for (int i = 0; i < right - left; i++) {
                  y[left + i] = x[i * stride];
                }
              }
            }
          }
        }
      });
      p.w += n - 1;
      next(p);
    }
  }

  static void copied(float* to, const float* from, size_t n) {
    if (n < 8) {
      for (size_t i = 0; i < n; i++) {
        to[i] = from[i];
      }
    } else {
      move(reinterpret_cast<char*>(to), reinterpret_cast<const char*>(from), n * sizeof(float));
    }
  }

  // as_it_lies says that a patch is one element of the input, in order.
  bool as_it_lies() const {
    return std::all_of(sides.begin(), sides.end(), [](auto& s) {
      return s.kernel == 1 && s.step == 1 && s.low == 0 && s.apart == 1 && s.in == s.out;
    });
  }

  void products() const {
    constexpr int values = 1 << 16, long_enough = 512; // of a block of patches; of a row of one
    int lines_each = std::max(1, std::min(lines(), long_enough / line()));
    // Many short rows are one product, as far as there are blocks for all threads.
    int most = std::clamp<int64_t>(places() / 32, 128, 1024), high = std::clamp(values / (lines_each * line()), 16, most);
    bool whole = as_it_lies(), turned = !whole && some() <= 4 && sides[2].apart == 1;
    size_t blocks = (places() + high - 1) / high, chunks = (lines() + lines_each - 1) / lines_each;
    // Where there are few blocks, parts of the kernel are summed up apart.
    constexpr size_t enough = 16;
    size_t parts = std::min(chunks, std::max<size_t>(1, enough / (blocks * groups)));
    size_t size = places() * results, width = results / groups, length = (size_t)lines() * line();
    std::unique_ptr<float[]> sums(parts > 1 ? new float[(parts - 1) * size] : nullptr);
    constexpr double worth = 1e6; // operations that are worth waking a thread
    double work = 2.0 * high * width * length / parts;
    {
      Single single;
      split(blocks * groups * parts, std::max(1.0, worth / work), [&](size_t begin, size_t end) {
        std::unique_ptr<float[]> patches(whole ? nullptr : new float[(size_t)high * lines_each * line()]);
        for (size_t u = begin; u < end; u++) {
          size_t part = u % parts, group = u / parts % groups, first = u / parts / groups * high;
          int rows = std::min<size_t>(high, places() - first);
          auto* y = (part ? &sums[(part - 1) * size] : out) + first * results + group * width;
          for (size_t c = chunks * part / parts, start = c; c < chunks * (part + 1) / parts; c++) {
            int from = c * lines_each, count = std::min(lines_each, lines() - from), n = count * line();
            auto p = place(first);
            if (turned) {
              columns(patches.get(), p, rows, from, count, group);
            }
            for (int r = 0; r < rows && !whole && !turned; r++, next(p)) {
              patch(&patches[(size_t)r * n], p, from, count, group);
            }
            auto* x = whole ? in + first * channels + group * some() : patches.get();
            multiply_here(Product<float>{
                turned, true, rows, (int)width, n, 1, x, whole ? channels : turned ? rows : n,
                weights + group * width * length + (size_t)from * line(), (int)length, c > start ? 1.0f : 0.0f, y, results});
          }
        }
      });
    }
    if (parts > 1) {
      split(size, 1 << 13, [&](size_t begin, size_t end) {
        for (size_t p = 0; p + 1 < parts; p++) {
          add(out + begin, &sums[p * size] + begin, end - begin);
        }
      });
    }
  }

  // each_channel is for channels that do not mix.
  void each_channel() const {
    size_t n = channels, taps = (size_t)lines() * sides[2].kernel;
    std::unique_ptr<float[]> turned(new float[taps * n]);
    for (size_t c = 0; c < n; c++) {
      for (size_t t = 0; t < taps; t++) {
        turned[t * n + c] = weights[c * taps + t];
      }
    }
    constexpr size_t grain = 1 << 15;
    split(places(), std::max<size_t>(1, grain / (n * taps)), [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; i++) {
        auto p = place(i);
        auto* y = out + i * n;
        std::fill_n(y, n, 0.0f);
        auto* w = turned.get();
        each_line(p, 0, lines(), [&](const float* from) {
          for (int k = 0; k < sides[2].kernel; k++, w += n) {
            if (int at = from ? sides[2].at(p.w, k) : -1; at >= 0) {
              weigh(y, from + (size_t)at * n, w, n);
            }
          }
        });
      }
    });
  }
};

} // namespace

void Patches::operator()() const {
  Job{*this}.run();
}

} // namespace adj::cpu
