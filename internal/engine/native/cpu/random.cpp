// adjoint:flags -O3
// Random bits: Threefry 2×32 with 20 rounds (Salmon et al. 2011), many counters at once.
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "cpu/copy.h"
#include "cpu/eager.h"
#include "cpu/pool.h"
#include "ext/tiles.h"
#include "mlx/random.h"

namespace adj::cpu {

using namespace mlx::core;

namespace {

template <int by> [[gnu::always_inline]] inline void round(uint32_t& x, uint32_t& y) {
  x += y;
  y = (y << by | y >> (32 - by)) ^ x;
}

// blocks leaves in x and y the two words of n counters (first + i, second + i).
ADJ_CLONES void blocks(char* x, char* y, uint32_t k0, uint32_t k1, uint32_t first, uint32_t second, size_t n) {
  uint32_t keys[3] = {k0, k1, k0 ^ k1 ^ 0x1BD11BDA};
  ADJ_LOOP
  for (size_t i = 0; i < n; i++) {
    uint32_t a = first + (uint32_t)i + keys[0], b = second + (uint32_t)i + keys[1];
    round<13>(a, b), round<15>(a, b), round<26>(a, b), round<6>(a, b);
    a += keys[1], b += keys[2] + 1;
    round<17>(a, b), round<29>(a, b), round<16>(a, b), round<24>(a, b);
    a += keys[2], b += keys[0] + 2;
    round<13>(a, b), round<15>(a, b), round<26>(a, b), round<6>(a, b);
    a += keys[0], b += keys[1] + 3;
    round<17>(a, b), round<29>(a, b), round<16>(a, b), round<24>(a, b);
    a += keys[1], b += keys[2] + 4;
    round<13>(a, b), round<15>(a, b), round<26>(a, b), round<6>(a, b);
    a += keys[2], b += keys[0] + 5;
    std::memcpy(x + 4 * i, &a, 4);
    std::memcpy(y + 4 * i, &b, 4);
  }
}

// A Source is the bits of a key: the first words of the counters (i, i + half), then
// their second words; in the middle of an odd number of words lies one of (half, 0).
struct Source {
  Source(uint32_t k0, uint32_t k1, char* out, size_t bytes)
      : k0(k0), k1(k1), out(out), bytes(bytes), words((bytes + 3) / 4), half(words / 2), odd(words % 2) {}

  // fill writes what counters from begin up to end give.
  void fill(size_t begin, size_t end) const {
    // The last word may be a part of one.
    size_t last = bytes % 4 && half > 0 && end == half ? 1 : 0;
    if (end - last > begin) {
      size_t second = half + odd + begin;
      blocks(out + 4 * begin, out + 4 * second, k0, k1, begin, second, end - last - begin);
    }
    if (last) {
      one(half - 1, half + odd + half - 1, true);
    }
    if (odd && end == half) {
      one(half, 0, false);
    }
  }

  void one(size_t first, size_t second, bool both) const {
    uint32_t x, y;
    blocks(reinterpret_cast<char*>(&x), reinterpret_cast<char*>(&y), k0, k1, first, second, 1);
    std::memcpy(out + 4 * first, &x, std::min<size_t>(4, bytes - 4 * first));
    if (both) {
      std::memcpy(out + 4 * second, &y, std::min<size_t>(4, bytes - 4 * second));
    }
  }

  uint32_t k0, k1;
  char* out;
  size_t bytes, words, half;
  bool odd;
};

Eval stock;

void random_bits(Primitive* p, const std::vector<array>& inputs, std::vector<array>& outputs) {
  auto& out = outputs[0];
  size_t count = inputs[0].size() / 2;
  if (out.size() == 0 || count == 0) {
    stock(p, inputs, outputs);
    return;
  }
  auto s = p->stream();
  auto keys = inputs[0].flags().row_contiguous ? inputs[0] : contiguous(inputs[0], s);
  out.set_data(allocator::malloc(out.nbytes()));
  perform(s, [k = keys.data<uint32_t>(), y = out.data<char>(), count, bytes = out.nbytes() / count] {
    // A thread is worth waking for so many counters.
    constexpr size_t grain = 1 << 12;
    auto source = [=](size_t i) { return Source(k[2 * i], k[2 * i + 1], y + i * bytes, bytes); };
    if (count == 1) {
      auto all = source(0);
      if (all.half == 0) {
        all.fill(0, 0);
      }
      split(all.half, grain, [&](size_t begin, size_t end) { all.fill(begin, end); });
      return;
    }
    split(count, std::max<size_t>(1, grain / (1 + bytes / 8)), [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; i++) {
        auto one = source(i);
        one.fill(0, one.half);
      }
    });
  });
}

} // namespace

void take_random() {
  stock = take(random::bits({2}, random::key(0)), "RandomBits", random_bits);
}

} // namespace adj::cpu
