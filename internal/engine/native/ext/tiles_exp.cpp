// adjoint:flags -O3 -fno-math-errno -fno-trapping-math -ffp-contract=fast
// The exponential function and what is made of it, and the error function.
//
// The polynomials are the best ones with coefficients of float32 (Sollya's fpminimax).
// Where the processor multiplies and adds in one instruction they do, so that the last
// bits differ between the forms of a kernel.
#include "ext/tiles_exp.h"

#include <cstdint>
#include <cstring>

#include "ext/tiles_loops.h"

namespace adj::tiles {

namespace {

uint32_t bits(float x) {
  uint32_t u;
  std::memcpy(&u, &x, sizeof u);
  return u;
}
float number(uint32_t u) {
  float x;
  std::memcpy(&x, &u, sizeof x);
  return x;
}

// NaN stays NaN in these forms, and they are one instruction.
float at_most(float x, float high) {
  return x > high ? high : x;
}
float at_least(float x, float low) {
  return x < low ? low : x;
}
float magnitude(float x) {
  return number(bits(x) & 0x7fffffff);
}

// Horner's rule.
template <class... C> float polynomial(float x, float first, C... rest) {
  if constexpr (sizeof...(rest) > 0) {
    return first + x * polynomial(x, rest...);
  }
  return first;
}

// A Power is f·2ⁿ. The number may be infinite, subnormal or 0: 2ⁿ is no number then, but the
// powers of both halves of n are.
struct Power {
  float f;
  uint32_t exponents; // the sum of those of both halves' powers, as they lie in numbers

  float value() const {
    uint32_t half = exponents >> 1 & 0xff800000;
    return f * number(half) * number(exponents - half);
  }
};

// exponential is 2ᵏeˣ for |x| up to 110, within 1.1 ulp: x = n·ln 2 + r with |r| ≤ ln 2 / 2.
template <int k = 0> Power exponential(float x) {
  constexpr float per_ln2 = 0x1.715476p0f, ln2 = 0x1.62e4p-1f, ln2_rest = 0x1.7f7d1cp-20f;
  // The last bits of the sum are the nearest whole number, and what exponents begin at.
  constexpr float whole = 0x1.8p23f + 2 * 127 + k;
  float sum = x * per_ln2 + whole, n = sum - whole;
  float r = (x - n * ln2) - n * ln2_rest; // a product of n and ln2 is exact
  float f = polynomial(r, 0.5f, 0x1.5554dcp-3f, 0x1.5554eap-5f, 0x1.120c06p-7f, 0x1.6d4bfcp-10f);
  return {1 + (r + r * r * f), bits(sum) << 23};
}

// Below least every result is 0, above most infinite.
constexpr float least = -104, most = 89;

struct Exp : Calls {
  static float f(float x) {
    return exponential(at_least(at_most(x, most), least)).value();
  }
};

struct Sigmoid : Calls {
  static float f(float x) {
    float e = exponential(at_least(-magnitude(x), least)).value();
    return (x < 0 ? e : 1) / (1 + e);
  }
};

// 1/cosh² x = 4e / (1 + e)² with e = exp(-2|x|).
struct TanhSlope : Calls {
  static float f(float x) {
    float four = exponential<2>(at_least(-2 * magnitude(x), least - 2)).value(), sum = 1 + 0.25f * four;
    return four / (sum * sum);
  }
};

// Below 1 erf is x + x·f(x²), above 1 - f(x - middle), and from end on it is 1.
struct Erf : Calls {
  static float f(float x) {
    constexpr float end = 3.92f, middle = 0x1.3bp1f;
    float y = at_most(magnitude(x), end);
    float low = polynomial(y * y,
        0x1.06eba8p-3f, -0x1.81274p-2f, 0x1.ce2d52p-4f, -0x1.b7fec4p-6f, 0x1.542fecp-8f, -0x1.a5197ap-11f,
        0x1.4c5cb4p-14f);
    float high = polynomial(y - middle,
        0x1.0695c8p-11f, -0x1.5a8caep-9f, 0x1.aa8582p-8f, -0x1.40fe34p-7f, 0x1.43829p-7f, -0x1.bc6572p-8f,
        0x1.841c58p-9f, -0x1.e7bbecp-12f, -0x1.9812e8p-12f, 0x1.3bd83p-12f, -0x1.b163cap-15f, -0x1.a8d3dep-16f,
        0x1.30adbep-17f);
    float r = y < 1 ? y + y * low : 1 - high;
    return number(bits(r) | (bits(x) & 0x80000000));
  }
};

} // namespace

const Kernel exp_kernel = one<Exp, float>, sigmoid_kernel = one<Sigmoid, float>, erf_kernel = one<Erf, float>;
const Kernel tanh_slope_kernel = one<TanhSlope, float>;

} // namespace adj::tiles
