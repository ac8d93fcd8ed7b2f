// adjoint:flags -O3
#include "cpu/doubles.h"

#include <algorithm>

#include "cpu/pool.h"

namespace adj::cpu {

void Doubles::operator()() const {
  auto& s = sides;
  int some = channels / groups, each = results / groups;
  size_t taps = (size_t)s[0].kernel * s[1].kernel * s[2].kernel;
  size_t places = (size_t)batch * s[0].out * s[1].out * s[2].out;
  constexpr size_t worth = 1 << 15; // products that are worth waking a thread
  split(places, std::max<size_t>(1, worth / (taps * results * some)), [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) {
      int x = i % s[2].out, y = i / s[2].out % s[1].out, z = i / s[2].out / s[1].out % s[0].out;
      auto* image = in + i / ((size_t)s[0].out * s[1].out * s[2].out) * s[0].in * s[1].in * s[2].in * channels;
      auto* to = out + i * results;
      std::fill_n(to, results, 0.0);
      for (size_t t = 0; t < taps; t++) {
        int a = s[0].at(z, t / s[2].kernel / s[1].kernel), b = s[1].at(y, t / s[2].kernel % s[1].kernel),
            c = s[2].at(x, t % s[2].kernel);
        if (a < 0 || b < 0 || c < 0) {
          continue;
        }
        auto* from = image + (((size_t)a * s[1].in + b) * s[2].in + c) * channels;
        auto* w = weights + (flip ? taps - 1 - t : t) * some;
        for (int r = 0; r < results; r++) {
          auto *p = from + r / each * some, *q = w + r * taps * some;
          double sum = 0;
          for (int k = 0; k < some; k++) {
            sum += p[k] * q[k];
          }
          to[r] += sum;
        }
      }
    }
  });
}

} // namespace adj::cpu
