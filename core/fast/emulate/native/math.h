// Functions of numbers and vectors of the Metal Shading Language. precise:: and fast:: are the same here.
#pragma once

#include "types.h"

#define M_E_F 2.71828182845904523536028747135266250f
#define M_LOG2E_F 1.44269504088896340735992468100189214f
#define M_LOG10E_F 0.434294481903251827651128918916605082f
#define M_LN2_F 0.693147180559945309417232121458176568f
#define M_LN10_F 2.30258509299404568401799145468436421f
#define M_PI_F 3.14159265358979323846264338327950288f
#define M_PI_2_F 1.57079632679489661923132169163975144f
#define M_PI_4_F 0.785398163397448309615660845819875721f
#define M_1_PI_F 0.318309886183790671537767526745028724f
#define M_2_PI_F 0.636619772367581343075535053490057448f
#define M_2_SQRTPI_F 1.12837916709551257389615890312154517f
#define M_SQRT2_F 1.41421356237309504880168872420969808f
#define M_SQRT1_2_F 0.707106781186547524400844362104849039f
#define FLT_MAX __FLT_MAX__
#define FLT_MIN __FLT_MIN__
#define FLT_EPSILON __FLT_EPSILON__
#define FLT_DIG __FLT_DIG__
#define FLT_MANT_DIG __FLT_MANT_DIG__
#define HALF_MAX half(65504.0f)
#define HALF_MIN half(6.103515625e-5f)
#define HALF_EPSILON half(9.765625e-4f)
#define MAXFLOAT FLT_MAX
#define MAXHALF HALF_MAX
#define HUGE_VALF __builtin_huge_valf()
#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")
#define INT_MAX 2147483647
#define INT_MIN (-INT_MAX - 1)
#define UINT_MAX 4294967295u
#define SHRT_MAX 32767
#define USHRT_MAX 65535
#define CHAR_BIT 8

namespace metal {

// Scalar functions come as overloads, so that a call that is ambiguous in Metal is ambiguous here; a vector's is the same
// function on each component.
#define EMU_ON_VECTORS1(name)                                                              \
  template <typename A, std::enable_if_t<is_vec_v<A>, int> = 0>                            \
  EMU auto name(const A& a) {                                                              \
    as_vec<A> x = a;                                                                       \
    vec<decltype(name(x.lanes[0])), lanes_of<A>::n> r;                                     \
    for (int i = 0; i < lanes_of<A>::n; i++) {                                             \
      r.lanes[i] = name(x.lanes[i]);                                                       \
    }                                                                                      \
    return r;                                                                              \
  }
#define EMU_ON_VECTORS2(name)                                                              \
  template <typename A, typename B, typename V = both_t<A, B>>                             \
  EMU auto name(const A& a, const B& b) {                                                  \
    V x = to_vec<V>(a), y = to_vec<V>(b);                                                  \
    vec<decltype(name(x.lanes[0], y.lanes[0])), lanes_of<V>::n> r;                         \
    for (int i = 0; i < lanes_of<V>::n; i++) {                                             \
      r.lanes[i] = name(x.lanes[i], y.lanes[i]);                                           \
    }                                                                                      \
    return r;                                                                              \
  }
#define EMU_ON_VECTORS3(name)                                                                        \
  template <typename A, typename B, typename C, typename V = std::enable_if_t<(is_vec_v<A> || is_vec_v<B> || is_vec_v<C>), \
            both_t<std::conditional_t<is_vec_v<A>, A, B>, std::conditional_t<is_vec_v<A> || is_vec_v<B>, std::conditional_t<is_vec_v<A>, B, A>, C>>>> \
  EMU V name(const A& a, const B& b, const C& c) {                                                   \
    V x = to_vec<V>(a), y = to_vec<V>(b), z = to_vec<V>(c), r;                                       \
    for (int i = 0; i < lanes_of<V>::n; i++) {                                                       \
      r.lanes[i] = name(x.lanes[i], y.lanes[i], z.lanes[i]);                                         \
    }                                                                                                \
    return r;                                                                                        \
  }

// A function of floats, of halves and of bfloats: computed in float and rounded.
#define EMU_FLOAT1(name, e)                                               \
  EMU float name(float x) { return e; }                                   \
  EMU half name(half x) { return half(name(float(x))); }                  \
  EMU bfloat name(bfloat x) { return bfloat(name(float(x))); }            \
  EMU_ON_VECTORS1(name)
#define EMU_FLOAT2(name, e)                                                                \
  EMU float name(float x, float y) { return e; }                                           \
  EMU half name(half x, half y) { return half(name(float(x), float(y))); }                 \
  EMU bfloat name(bfloat x, bfloat y) { return bfloat(name(float(x), float(y))); }         \
  EMU_ON_VECTORS2(name)
#define EMU_FLOAT3(name, e)                                                                                  \
  EMU float name(float x, float y, float z) { return e; }                                                    \
  EMU half name(half x, half y, half z) { return half(name(float(x), float(y), float(z))); }                 \
  EMU bfloat name(bfloat x, bfloat y, bfloat z) { return bfloat(name(float(x), float(y), float(z))); }       \
  EMU_ON_VECTORS3(name)

#define EMU_FLOATS1(do)                                                                                                    \
  do(fabs, __builtin_fabsf(x)) do(sqrt, __builtin_sqrtf(x)) do(rsqrt, 1.0f / __builtin_sqrtf(x)) do(exp, __builtin_expf(x)) \
  do(exp2, __builtin_exp2f(x)) do(exp10, float(__builtin_pow(10.0, double(x)))) do(log, __builtin_logf(x))                  \
  do(log2, __builtin_log2f(x)) do(log10, __builtin_log10f(x)) do(sin, __builtin_sinf(x)) do(cos, __builtin_cosf(x))         \
  do(tan, __builtin_tanf(x)) do(asin, __builtin_asinf(x)) do(acos, __builtin_acosf(x)) do(atan, __builtin_atanf(x))         \
  do(sinh, __builtin_sinhf(x)) do(cosh, __builtin_coshf(x)) do(tanh, __builtin_tanhf(x)) do(asinh, __builtin_asinhf(x))     \
  do(acosh, __builtin_acoshf(x)) do(atanh, __builtin_atanhf(x))                                                             \
  do(sinpi, float(__builtin_sin(3.14159265358979323846 * double(x))))                                                       \
  do(cospi, float(__builtin_cos(3.14159265358979323846 * double(x))))                                                       \
  do(tanpi, float(__builtin_tan(3.14159265358979323846 * double(x))))                                                       \
  do(floor, __builtin_floorf(x)) do(ceil, __builtin_ceilf(x)) do(round, __builtin_roundf(x)) do(rint, __builtin_rintf(x))   \
  do(trunc, __builtin_truncf(x)) do(fract, __builtin_fminf(x - __builtin_floorf(x), 0x1.fffffep-1f))                        \
  do(saturate, __builtin_fminf(__builtin_fmaxf(x, 0.0f), 1.0f))
#define EMU_FLOATS2(do)                                                                                             \
  do(pow, __builtin_powf(x, y)) do(powr, __builtin_powf(x, y)) do(atan2, __builtin_atan2f(x, y))                     \
  do(fmod, __builtin_fmodf(x, y)) do(fmin, __builtin_fminf(x, y)) do(fmax, __builtin_fmaxf(x, y))                    \
  do(fdim, __builtin_fdimf(x, y)) do(copysign, __builtin_copysignf(x, y)) do(divide, x / y)
#define EMU_FLOATS3(do)                                                                                             \
  do(fma, __builtin_fmaf(x, y, z)) do(fmin3, __builtin_fminf(__builtin_fminf(x, y), z))                              \
  do(fmax3, __builtin_fmaxf(__builtin_fmaxf(x, y), z))                                                               \
  do(fmedian3, __builtin_fmaxf(__builtin_fminf(x, y), __builtin_fminf(__builtin_fmaxf(x, y), z)))
EMU_FLOATS1(EMU_FLOAT1)
EMU_FLOATS2(EMU_FLOAT2)
EMU_FLOATS3(EMU_FLOAT3)
EMU float nextafter(float x, float y) { return __builtin_nextafterf(x, y); }
EMU_FLOAT1(sign, x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : x == x ? x : 0.0f)
EMU_FLOAT2(step, y < x ? 0.0f : 1.0f)
EMU_FLOAT3(mix, x + (y - x) * z)
EMU float smoothstep(float a, float b, float x) {
  float t = saturate((x - a) / (b - a));
  return t * t * (3.0f - 2.0f * t);
}
EMU half smoothstep(half a, half b, half x) { return half(smoothstep(float(a), float(b), float(x))); }
EMU_ON_VECTORS3(smoothstep)

#define EMU_TEST1(name, e)                              \
  EMU bool name(float x) { return e; }                  \
  EMU bool name(half x) { return name(float(x)); }      \
  EMU bool name(bfloat x) { return name(float(x)); }    \
  EMU_ON_VECTORS1(name)
EMU_TEST1(isnan, __builtin_isnan(x))
EMU_TEST1(isinf, __builtin_isinf(x))
EMU_TEST1(isfinite, __builtin_isfinite(x))
EMU_TEST1(isnormal, __builtin_isnormal(x))
EMU_TEST1(signbit, __builtin_signbit(x))
EMU bool isordered(float x, float y) { return x == x && y == y; }
EMU bool isunordered(float x, float y) { return !isordered(x, y); }

EMU float ldexp(float x, int e) { return __builtin_ldexpf(x, e); }
EMU int ilogb(float x) { return __builtin_ilogbf(x); }
EMU float frexp(float x, int& e) { return __builtin_frexpf(x, &e); }
EMU float modf(float x, float& whole) { return __builtin_modff(x, &whole); }
EMU float sincos(float x, float& c) {
  c = cos(x);
  return sin(x);
}

EMU_FLOAT1(abs, __builtin_fabsf(x))
EMU_FLOAT2(min, __builtin_fminf(x, y))
EMU_FLOAT2(max, __builtin_fmaxf(x, y))
EMU_FLOAT3(clamp, __builtin_fminf(__builtin_fmaxf(x, y), z))
EMU_FLOAT3(min3, __builtin_fminf(__builtin_fminf(x, y), z))
EMU_FLOAT3(max3, __builtin_fmaxf(__builtin_fmaxf(x, y), z))
EMU_FLOAT3(median3, __builtin_fmaxf(__builtin_fminf(x, y), __builtin_fminf(__builtin_fmaxf(x, y), z)))

// precise:: and fast:: have the functions whose accuracy they choose.
#define EMU_USE(name, e) using metal::name;
#define EMU_NAMES                                                                                                  \
  EMU_FLOATS1(EMU_USE) EMU_FLOATS2(EMU_USE) EMU_FLOATS3(EMU_USE)                                                   \
  using metal::abs, metal::clamp, metal::frexp, metal::ldexp, metal::max, metal::max3, metal::median3, metal::min, \
      metal::min3, metal::mix, metal::modf, metal::sign, metal::sincos, metal::smoothstep, metal::step;
namespace precise {
EMU_NAMES
} // namespace precise
namespace fast {
EMU_NAMES
} // namespace fast
#undef EMU_NAMES
#undef EMU_USE

namespace bits {
// The double-width product, and how often a bit pattern is turned round.
template <typename T>
EMU T reverse(T x) {
  std::make_unsigned_t<T> u = x, r = 0;
  for (unsigned i = 0; i < 8 * sizeof(T); i++) {
    r = r << 1 | (u >> i & 1);
  }
  return T(r);
}
template <typename T>
EMU int leading(T x) {
  return x == 0 ? int(8 * sizeof(T)) : __builtin_clzll(std::make_unsigned_t<T>(x)) - int(64 - 8 * sizeof(T));
}
template <typename T>
EMU int trailing(T x) {
  return x == 0 ? int(8 * sizeof(T)) : __builtin_ctzll(std::make_unsigned_t<T>(x));
}
template <typename T>
EMU T saturated(__int128 x) {
  constexpr __int128 low = std::numeric_limits<T>::min(), high = std::numeric_limits<T>::max();
  return x < low ? T(low) : x > high ? T(high) : T(x);
}
} // namespace bits

#define EMU_INTEGER(T)                                                                                               \
  EMU T abs(T x) { return std::is_signed_v<T> && x < T(0) ? T(-x) : x; }                                             \
  EMU T min(T x, T y) { return y < x ? y : x; }                                                                      \
  EMU T max(T x, T y) { return x < y ? y : x; }                                                                      \
  EMU T clamp(T x, T lo, T hi) { return min(max(x, lo), hi); }                                                       \
  EMU T min3(T x, T y, T z) { return min(min(x, y), z); }                                                            \
  EMU T max3(T x, T y, T z) { return max(max(x, y), z); }                                                            \
  EMU T median3(T x, T y, T z) { return max(min(x, y), min(max(x, y), z)); }                                         \
  EMU T popcount(T x) { return T(__builtin_popcountll(std::make_unsigned_t<T>(x))); }                                \
  EMU T clz(T x) { return T(bits::leading(x)); }                                                                     \
  EMU T ctz(T x) { return T(bits::trailing(x)); }                                                                    \
  EMU T reverse_bits(T x) { return bits::reverse(x); }                                                               \
  EMU T mulhi(T x, T y) { return T(((__int128)x * y) >> (8 * sizeof(T))); }                                          \
  EMU T madhi(T x, T y, T z) { return T(mulhi(x, y) + z); }                                                          \
  EMU T addsat(T x, T y) { return bits::saturated<T>((__int128)x + y); }                                             \
  EMU T subsat(T x, T y) { return bits::saturated<T>((__int128)x - y); }                                             \
  EMU T hadd(T x, T y) { return T(((__int128)x + y) >> 1); }                                                         \
  EMU T rhadd(T x, T y) { return T(((__int128)x + y + 1) >> 1); }                                                    \
  EMU std::make_unsigned_t<T> absdiff(T x, T y) { return std::make_unsigned_t<T>(x < y ? y - x : x - y); }           \
  EMU T rotate(T x, T n) {                                                                                           \
    using U = std::make_unsigned_t<T>;                                                                               \
    unsigned w = 8 * sizeof(T), k = unsigned(U(n) % w);                                                              \
    return k == 0 ? x : T(U(U(x) << k | U(x) >> (w - k)));                                                           \
  }                                                                                                                  \
  EMU T extract_bits(T x, uint offset, uint n) {                                                                     \
    unsigned w = 8 * sizeof(T);                                                                                      \
    return n == 0 ? T(0) : T(T(std::make_unsigned_t<T>(x) << (w - n - offset)) >> (w - n));                          \
  }                                                                                                                  \
  EMU T insert_bits(T x, T y, uint offset, uint n) {                                                                 \
    using U = std::make_unsigned_t<T>;                                                                               \
    U mask = n >= 8 * sizeof(T) ? U(~U(0)) : U(((ulong(1) << n) - 1) << offset);                                     \
    return T((U(x) & ~mask) | (U(U(y) << offset) & mask));                                                           \
  }
EMU_INTEGER(char) EMU_INTEGER(uchar) EMU_INTEGER(short) EMU_INTEGER(ushort) EMU_INTEGER(int) EMU_INTEGER(uint) EMU_INTEGER(long) EMU_INTEGER(ulong)
#undef EMU_INTEGER
EMU signed char abs(signed char x) { return x < 0 ? -x : x; }
EMU signed char min(signed char x, signed char y) { return y < x ? y : x; }
EMU signed char max(signed char x, signed char y) { return x < y ? y : x; }
EMU_ON_VECTORS1(popcount) EMU_ON_VECTORS1(clz) EMU_ON_VECTORS1(ctz) EMU_ON_VECTORS1(reverse_bits)
EMU_ON_VECTORS2(mulhi) EMU_ON_VECTORS2(addsat) EMU_ON_VECTORS2(subsat) EMU_ON_VECTORS2(hadd) EMU_ON_VECTORS2(rhadd)
EMU_ON_VECTORS2(absdiff) EMU_ON_VECTORS2(rotate)
EMU int mul24(int x, int y) { return x * y; }
EMU uint mul24(uint x, uint y) { return x * y; }
EMU int mad24(int x, int y, int z) { return x * y + z; }
EMU uint mad24(uint x, uint y, uint z) { return x * y + z; }

template <typename T, std::enable_if_t<emu::is_scalar_v<T>, int> = 0>
EMU T select(T a, T b, bool c) { return c ? b : a; }
template <typename T, int N>
EMU vec<T, N> select(const vec<T, N>& a, const vec<T, N>& b, const vec<bool, N>& c) {
  vec<T, N> r;
  for (int i = 0; i < N; i++) {
    r.lanes[i] = c.lanes[i] ? b.lanes[i] : a.lanes[i];
  }
  return r;
}

EMU bool all(bool x) { return x; }
EMU bool any(bool x) { return x; }
template <int N>
EMU bool all(const vec<bool, N>& v) {
  bool r = true;
  for (bool x : v.lanes) {
    r = r && x;
  }
  return r;
}
template <int N>
EMU bool any(const vec<bool, N>& v) {
  bool r = false;
  for (bool x : v.lanes) {
    r = r || x;
  }
  return r;
}

// Geometry.
template <typename A, typename B, typename V = std::enable_if_t<is_vec_v<A> && is_vec_v<B>, both_t<A, B>>>
EMU typename lanes_of<V>::type dot(const A& a, const B& b) {
  V x = a, y = b;
  typename lanes_of<V>::type r = x.lanes[0] * y.lanes[0];
  for (int i = 1; i < lanes_of<V>::n; i++) {
    r = r + x.lanes[i] * y.lanes[i];
  }
  return r;
}
template <typename T>
EMU vec<T, 3> cross(const vec<T, 3>& a, const vec<T, 3>& b) {
  return vec<T, 3>(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x);
}
template <typename A, std::enable_if_t<is_vec_v<A>, int> = 0>
EMU auto length_squared(const A& a) { return dot(a, a); }
template <typename A, std::enable_if_t<is_vec_v<A>, int> = 0>
EMU auto length(const A& a) { return sqrt(dot(a, a)); }
template <typename A, typename B, typename V = std::enable_if_t<is_vec_v<A> && is_vec_v<B>, both_t<A, B>>>
EMU auto distance(const A& a, const B& b) { return length(a - b); }
template <typename A, typename B, typename V = std::enable_if_t<is_vec_v<A> && is_vec_v<B>, both_t<A, B>>>
EMU auto distance_squared(const A& a, const B& b) { return length_squared(a - b); }
template <typename A, std::enable_if_t<is_vec_v<A>, int> = 0>
EMU as_vec<A> normalize(const A& a) { return a * rsqrt(dot(a, a)); }
template <typename T, int N>
EMU vec<T, N> reflect(const vec<T, N>& i, const vec<T, N>& n) { return i - n * (T(2) * dot(n, i)); }

} // namespace metal
