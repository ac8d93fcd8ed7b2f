// adjoint:flags -O3 -fno-math-errno -fno-trapping-math -ffp-contract=off
// Kernels on float32 and float64.
#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

#include "ext/arithmetic.h"
#include "ext/tiles.h"

// glibc has vector forms of these, within 4 ulp; a call in a loop becomes one
// where the compiler is told.
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__)
#if __GLIBC_PREREQ(2, 35)
#define ONE(name)                                                                     \
  extern "C" __attribute__((simd("notinbranch"))) float name##f(float) noexcept;      \
  extern "C" __attribute__((simd("notinbranch"))) double name(double) noexcept;
ONE(acos) ONE(acosh) ONE(asin) ONE(asinh) ONE(atan) ONE(atanh) ONE(cos) ONE(cosh) ONE(erf)
ONE(exp) ONE(expm1) ONE(log) ONE(log2) ONE(log10) ONE(log1p) ONE(sin) ONE(sinh) ONE(tan)
ONE(tanh)
#undef ONE
extern "C" __attribute__((simd("notinbranch"))) float powf(float, float) noexcept;
extern "C" __attribute__((simd("notinbranch"))) double pow(double, double) noexcept;
extern "C" __attribute__((simd("notinbranch"))) float atan2f(float, float) noexcept;
extern "C" __attribute__((simd("notinbranch"))) double atan2(double, double) noexcept;
#endif
#endif

namespace adj::tiles::real {

using namespace arithmetic;

// What calls the C library: its functions for one number and for several may differ in
// the last bit.
struct Calls {};

#define LIBM(Op, name)                                        \
  struct Op : Calls {                                         \
    static float f(float x) { return ::name##f(x); }          \
    static double f(double x) { return ::name(x); }           \
  };
LIBM(ArcCos, acos)
LIBM(ArcCosh, acosh)
LIBM(ArcSin, asin)
LIBM(ArcSinh, asinh)
LIBM(ArcTan, atan)
LIBM(ArcTanh, atanh)
LIBM(Ceil, ceil)
LIBM(Cos, cos)
LIBM(Cosh, cosh)
LIBM(Erf, erf)
LIBM(Exp, exp)
LIBM(Expm1, expm1)
LIBM(Floor, floor)
LIBM(Log, log)
LIBM(Log2, log2)
LIBM(Log1p, log1p)
LIBM(Round, rint)
LIBM(Sin, sin)
LIBM(Sinh, sinh)
LIBM(Sqrt, sqrt)
LIBM(Tan, tan)
LIBM(Tanh, tanh)
#undef LIBM

struct Log10 : Calls {
  // glibc's for vectors of 16 float32 is not exact at powers of ten: log10(1000) > 3.
  static float f(float x) { return (float)::log10((double)x); }
  static double f(double x) { return ::log10(x); }
};

#define UNARY(Op, expr)                                  \
  struct Op {                                            \
    template <class T> static T f(T x) { return expr; }  \
  };
#define CALLING(Op, expr)                                \
  struct Op : Calls {                                    \
    template <class T> static T f(T x) { return expr; }  \
  };
UNARY(Abs, std::abs(x))
UNARY(Negative, -x)
UNARY(Reciprocal, T(1) / x)
UNARY(Rsqrt, T(1) / Sqrt::f(x))
UNARY(Sign, x < 0 ? T(-1) : x > 0 ? T(1) : T(0))
UNARY(Square, x* x)

// The forms of the rest are MLX's.
struct SigmoidTail { // e is exp(|x|)
  template <class T> static T f(T x, T e) {
    T y = T(1) / (T(1) + e);
    return x < 0 ? y : T(1) - y;
  }
};
CALLING(Sigmoid, SigmoidTail::f(x, Exp::f(std::abs(x))))

// The constants of MLX's erfinv (M. Giles, "Approximating the erfinv function"),
// which is one of float32.
struct ErfInv : Calls {
  template <class... C> static float poly(float t, float p, C... c) {
    ((p = __builtin_fmaf(p, t, c)), ...);
    return p;
  }
  static float f(float a) {
    float t = ::logf(__builtin_fmaf(a, 0.0f - a, 1.0f));
    float tail = poly(t, 3.03697567e-10f, 2.93243101e-8f, 1.22150334e-6f, 2.84108955e-5f,
        3.93552968e-4f, 3.02698812e-3f, 4.83185798e-3f, -2.64646143e-1f, 8.40016484e-1f);
    float middle = poly(t, 5.43877832e-9f, 1.43285448e-7f, 1.22774793e-6f, 1.12963626e-7f,
        -5.61530760e-5f, -1.47697632e-4f, 2.31468678e-3f, 1.15392581e-2f, -2.32015476e-1f,
        8.86226892e-1f);
    return a * (std::abs(t) > 6.125f ? tail : middle);
  }
  static double f(double a) { return f((float)a); }
};

#define BINARY(Op, expr)                                      \
  struct Op {                                                 \
    template <class T> static auto f(T x, T y) { return expr; } \
  };
BINARY(Equal, x == y)
BINARY(NotEqual, x != y)
BINARY(Less, x < y)
BINARY(LessEqual, x <= y)
BINARY(Greater, x > y)
BINARY(GreaterEqual, x >= y)
BINARY(NaNEqual, bool((x == y) | ((x != x) & (y != y))))

struct Power : Calls {
  static float f(float x, float y) { return ::powf(x, y); }
  static double f(double x, double y) { return ::pow(x, y); }
};
struct ArcTan2 : Calls {
  static float f(float x, float y) { return ::atan2f(x, y); }
  static double f(double x, double y) { return ::atan2(x, y); }
};
struct Remainder {
  template <class T> static T f(T x, T y) {
    T r = std::remainder(x, y);
    return r != 0 && (r < 0) != (y < 0) ? r + y : r;
  }
};
struct LogAddExp : Calls {
  template <class T> static T f(T x, T y) {
    constexpr T inf = std::numeric_limits<T>::infinity();
    T high = Maximum::f(x, y), low = Minimum::f(x, y);
    T sum = high + Log1p::f(Exp::f(low - high));
    return (low == -inf) | (high == inf) ? high : sum;
  }
};

struct LogSumTail : Calls { // the sum of exponentials less the highest, and the highest
  template <class T> static T f(T sum, T high) {
    T y = Log::f(sum) + high;
    return std::abs(high) == std::numeric_limits<T>::infinity() ? high : y;
  }
};

template <class Op, class T> ADJ_CLONES void ones(T* out, const T* x, size_t n) {
  ADJ_LOOP
  for (size_t i = 0; i < n; i++) {
    out[i] = Op::f(x[i]);
  }
}

template <class Op, class T, class R> ADJ_CLONES void twos(R* out, const T* x, const T* y, size_t n) {
  ADJ_LOOP
  for (size_t i = 0; i < n; i++) {
    out[i] = Op::f(x[i], y[i]);
  }
}

// vectors is how many of n elements are computed by whole vectors. The rest becomes one,
// too, so that a number gives the same wherever it stands.
constexpr size_t width = 16;
template <class Op> constexpr size_t vectors(size_t n) {
  return std::is_base_of_v<Calls, Op> ? n / width * width : n;
}

template <class Op, class T> void one(void* dst, const void* a, const void*, const void*, size_t n) {
  auto* x = static_cast<const T*>(a);
  auto* out = static_cast<T*>(dst);
  size_t most = vectors<Op>(n);
  ones<Op>(out, x, most);
  if (most < n) {
    T rest[width] = {};
    std::copy(x + most, x + n, rest);
    ones<Op>(rest, rest, width);
    std::copy(rest, rest + (n - most), out + most);
  }
}

template <class Op, class T> void two(void* dst, const void* a, const void* b, const void*, size_t n) {
  auto* x = static_cast<const T*>(a);
  auto* y = static_cast<const T*>(b);
  using R = decltype(Op::f(T(), T()));
  static_assert(std::is_same_v<R, T> || std::is_same_v<R, bool>);
  auto* out = static_cast<R*>(dst);
  size_t most = vectors<Op>(n);
  twos<Op>(out, x, y, most);
  if (most < n) {
    T rest[width] = {}, other[width] = {};
    R r[width];
    std::copy(x + most, x + n, rest);
    std::copy(y + most, y + n, other);
    twos<Op>(r, rest, other, width);
    std::copy(r, r + (n - most), out + most);
  }
}

struct Row {
  std::string_view op;
  Kernel single, twice; // on float32, on float64
};

#define ONE(Op) Row{#Op, one<Op, float>, one<Op, double>}
#define TWO(Op) Row{#Op, two<Op, float>, two<Op, double>}
static const Row rows[] = {
    ONE(Abs), ONE(ArcCos), ONE(ArcCosh), ONE(ArcSin), ONE(ArcSinh), ONE(ArcTan), ONE(ArcTanh),
    ONE(Ceil), ONE(Cos), ONE(Cosh), ONE(Erf), ONE(ErfInv), ONE(Exp), ONE(Expm1), ONE(Floor),
    ONE(Log), ONE(Log2), ONE(Log10), ONE(Log1p), ONE(Negative), ONE(Reciprocal), ONE(Round),
    ONE(Rsqrt), ONE(Sigmoid), ONE(Sign), ONE(Sin), ONE(Sinh), ONE(Sqrt), ONE(Square), ONE(Tan),
    ONE(Tanh),
    TWO(Add), TWO(ArcTan2), TWO(Divide), TWO(Equal), TWO(Greater), TWO(GreaterEqual), TWO(Less),
    TWO(LessEqual), TWO(LogAddExp), TWO(LogSumTail), TWO(Maximum), TWO(Minimum), TWO(Multiply), TWO(NaNEqual),
    TWO(NotEqual), TWO(Power), TWO(Remainder), TWO(SigmoidTail), TWO(Subtract),
};

} // namespace adj::tiles::real::real

namespace adj {

Kernel float_kernel(std::string_view op, mlx::core::Dtype d) {
  for (auto& r : tiles::real::rows) {
    if (r.op == op) {
      return d == mlx::core::float64 ? r.twice : r.single;
    }
  }
  return nullptr;
}

} // namespace adj
