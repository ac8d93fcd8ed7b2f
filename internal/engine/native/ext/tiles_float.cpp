// adjoint:flags -O3 -fno-math-errno -fno-trapping-math -ffp-contract=off
// Kernels on float32 and float64.
#include <cmath>
#include <limits>

#include "cpu/eager.h"
#include "ext/arithmetic.h"
#include "ext/tiles_exp.h"
#include "ext/tiles_loops.h"

// glibc has vector forms of these, within 4 ulp; a call in a loop becomes one
// where the compiler is told.
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__)
#if __GLIBC_PREREQ(2, 35)
#define ADJ_LIBMVEC
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

// MLX's forms.
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

struct Row {
  std::string_view op;
  Kernel single, twice; // on float32, on float64
};

#define ONE(Op) Row{#Op, one<Op, float>, one<Op, double>}
#define TWO(Op) Row{#Op, two<Op, float>, two<Op, double>}
// rows are made once ADJOINT_VECTORS has its effect.
static const auto& rows() {
#if defined(ADJ_LIBMVEC)
  // glibc's, which looks up its coefficients, is quicker but in vectors of 512 bits.
  auto erf = cpu::vector_bits() >= 512 ? erf_kernel : one<Erf, float>;
#else
  auto erf = erf_kernel;
#endif
  static const Row rows[] = {
      ONE(Abs), ONE(ArcCos), ONE(ArcCosh), ONE(ArcSin), ONE(ArcSinh), ONE(ArcTan), ONE(ArcTanh),
      ONE(Ceil), ONE(Cos), ONE(Cosh), Row{"Erf", erf, one<Erf, double>}, ONE(ErfInv),
      Row{"Exp", exp_kernel, one<Exp, double>}, ONE(Expm1), ONE(Floor),
      ONE(Log), ONE(Log2), ONE(Log10), ONE(Log1p), ONE(Negative), ONE(Reciprocal), ONE(Round),
      ONE(Rsqrt), Row{"Sigmoid", sigmoid_kernel, one<Sigmoid, double>}, ONE(Sign), ONE(Sin), ONE(Sinh), ONE(Sqrt),
      ONE(Square), ONE(Tan), ONE(Tanh), Row{"TanhSlope", tanh_slope_kernel, nullptr},
      TWO(Add), TWO(ArcTan2), TWO(Divide), TWO(Equal), TWO(Greater), TWO(GreaterEqual), TWO(Less),
      TWO(LessEqual), TWO(LogAddExp), TWO(LogSumTail), TWO(Maximum), TWO(Minimum), TWO(Multiply), TWO(NaNEqual),
      TWO(NotEqual), TWO(Power), TWO(Remainder), TWO(SigmoidTail), TWO(Subtract),
  };
  return rows;
}

} // namespace adj::tiles::real

namespace adj {

Kernel float_kernel(std::string_view op, mlx::core::Dtype d) {
  for (auto& r : tiles::real::rows()) {
    if (r.op == op) {
      return d == mlx::core::float64 ? r.twice : r.single;
    }
  }
  return nullptr;
}

} // namespace adj
