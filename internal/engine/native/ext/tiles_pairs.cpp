// adjoint:flags -O3 -fno-math-errno -fno-trapping-math -ffp-contract=off
// Kernels of two operations on float32, of which the second takes the result of the
// first: that is not stored and loaded again.
#include <cmath>

#include "ext/arithmetic.h"
#include "ext/tiles.h"

namespace adj::tiles::pairs {

using namespace arithmetic;

// The first operation.
template <class Op> struct Of {
  static float f(float x, float y) { return Op::f(x, y); }
};
struct SquareOf {
  static float f(float x, float) { return x * x; }
};

// The second one takes the first one's result t and another number z, in this order, in
// the other, or t alone.
template <class Op> struct Then {
  static float f(float t, float z) { return Op::f(t, z); }
};
template <class Op> struct Turned {
  static float f(float t, float z) { return Op::f(z, t); }
};
struct ThenSquare {
  static float f(float t, float) { return t * t; }
};
struct ThenNegative {
  static float f(float t, float) { return -t; }
};
struct ThenSqrt {
  static float f(float t, float) { return ::sqrtf(t); }
};

template <class First, class Second>
ADJ_CLONES void both(void* dst, const void* a, const void* b, const void* c, size_t n) {
  auto* x = static_cast<const float*>(a);
  auto* y = static_cast<const float*>(b);
  auto* z = static_cast<const float*>(c);
  auto* out = static_cast<float*>(dst);
  ADJ_LONG_LOOP
  for (size_t i = 0; i < n; i++) {
    out[i] = Second::f(First::f(x[i], y[i]), z[i]);
  }
}

template <class First> Kernel with(std::string_view second, bool turned) {
#define OP(Op)                                                                   \
  if (second == #Op) {                                                           \
    return turned ? both<First, Turned<Op>> : both<First, Then<Op>>;             \
  }
  OP(Add) OP(Subtract) OP(Multiply) OP(Divide) OP(Maximum) OP(Minimum)
#undef OP
  return second == "Square" ? both<First, ThenSquare> : second == "Negative" ? both<First, ThenNegative>
      : second == "Sqrt" ? both<First, ThenSqrt> : Kernel(nullptr);
}

} // namespace adj::tiles::pairs

namespace adj {

Kernel pair_kernel(std::string_view first, std::string_view second, bool turned) {
  using namespace tiles::pairs;
#define OP(Op)                                     \
  if (first == #Op) {                              \
    return with<Of<tiles::arithmetic::Op>>(second, turned); \
  }
  OP(Add) OP(Subtract) OP(Multiply) OP(Divide)
#undef OP
  return first == "Square" ? with<SquareOf>(second, turned) : nullptr;
}

} // namespace adj
