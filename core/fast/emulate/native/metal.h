// Metal's language and standard library as far as a compute kernel needs them, and the helpers that MLX puts before every
// kernel of fast.metal_kernel. Written from the specification of the language and MLX's documentation.
#pragma once

#include "simdmatrix.h"

#define device
#define constant
#define thread
#define kernel
#define METAL_FUNC inline __attribute__((always_inline))
#define __METAL__ 1
#define __METAL_VERSION__ 320
#define MLX_MTL_PRAGMA_UNROLL

namespace metal {
using std::conditional;
using std::conditional_t;
using std::enable_if;
using std::enable_if_t;
using std::integral_constant;
using std::is_convertible;
using std::is_convertible_v;
using std::is_integral;
using std::is_integral_v;
using std::is_same;
using std::is_same_v;
using std::is_signed;
using std::is_signed_v;
using std::is_unsigned;
using std::is_unsigned_v;
using std::make_signed_t;
using std::make_unsigned_t;
using std::remove_const_t;
using std::remove_reference_t;
using std::false_type;
using std::true_type;
template <typename T>
struct is_floating_point : std::bool_constant<emu::is_float_v<T>> {};
template <typename T>
inline constexpr bool is_floating_point_v = is_floating_point<T>::value;
template <typename T>
struct is_arithmetic : std::bool_constant<emu::is_scalar_v<T>> {};
template <typename T>
inline constexpr bool is_arithmetic_v = is_arithmetic<T>::value;

template <typename T>
struct numeric_limits : std::numeric_limits<T> {};
template <>
struct numeric_limits<half> {
  static constexpr bool is_specialized = true;
  EMU static half max() { return half(65504.0f); }
  EMU static half lowest() { return half(-65504.0f); }
  EMU static half min() { return half(6.103515625e-5f); }
  EMU static half epsilon() { return half(9.765625e-4f); }
  EMU static half infinity() { return half(INFINITY); }
  EMU static half quiet_NaN() { return half(NAN); }
};
template <>
struct numeric_limits<bfloat> {
  static constexpr bool is_specialized = true;
  EMU static bfloat max() { return as_type<bfloat>(uint16_t(0x7f7f)); }
  EMU static bfloat lowest() { return as_type<bfloat>(uint16_t(0xff7f)); }
  EMU static bfloat min() { return as_type<bfloat>(uint16_t(0x0080)); }
  EMU static bfloat epsilon() { return as_type<bfloat>(uint16_t(0x3c00)); }
  EMU static bfloat infinity() { return as_type<bfloat>(uint16_t(0x7f80)); }
  EMU static bfloat quiet_NaN() { return as_type<bfloat>(uint16_t(0x7fc0)); }
};
} // namespace metal

using namespace metal;

typedef half float16_t;
typedef bfloat bfloat16_t;

// MLX's complex numbers.
template <typename T>
struct complex_t {
  T real, imag;
  complex_t() = default;
  EMU complex_t(T r, T i) : real(r), imag(i) {}
  template <typename U, enable_if_t<emu::is_scalar_v<U>, int> = 0>
  EMU complex_t(U r) : real(T(r)), imag(T(0)) {}
  template <typename U, enable_if_t<emu::is_scalar_v<U>, int> = 0>
  EMU explicit operator U() const { return U(real); }
  EMU complex_t operator-() const { return {-real, -imag}; }
  EMU friend complex_t operator+(complex_t a, complex_t b) { return {a.real + b.real, a.imag + b.imag}; }
  EMU friend complex_t operator-(complex_t a, complex_t b) { return {a.real - b.real, a.imag - b.imag}; }
  EMU friend complex_t operator*(complex_t a, complex_t b) { return {a.real * b.real - a.imag * b.imag, a.real * b.imag + a.imag * b.real}; }
  EMU friend complex_t operator/(complex_t a, complex_t b) {
    T d = b.real * b.real + b.imag * b.imag;
    return {(a.real * b.real + a.imag * b.imag) / d, (a.imag * b.real - a.real * b.imag) / d};
  }
  EMU complex_t& operator+=(complex_t b) { return *this = *this + b; }
  EMU complex_t& operator*=(complex_t b) { return *this = *this * b; }
  EMU friend bool operator==(complex_t a, complex_t b) { return a.real == b.real && a.imag == b.imag; }
  EMU friend bool operator!=(complex_t a, complex_t b) { return !(a == b); }
};
typedef complex_t<float> complex64_t;

// Where an element lies in memory that has strides, by its row-major number.
template <typename I = int64_t>
EMU I elem_to_loc(I n, const int* shape, const int64_t* strides, int ndim) {
  I at = 0;
  for (int axis = ndim; axis-- > 0 && n > 0;) {
    I size = I(shape[axis]);
    at += n % size * I(strides[axis]);
    n /= size;
  }
  return at;
}
template <typename I = int64_t>
EMU I elem_to_loc(uint3 p, const int* shape, const int64_t* strides, int ndim) {
  I at = I(p.x) * I(strides[ndim - 1]) + I(p.y) * I(strides[ndim - 2]);
  uint rest = p.z;
  for (int axis = ndim - 2; axis-- > 0;) {
    at += I(rest % shape[axis]) * I(strides[axis]);
    rest /= shape[axis];
  }
  return at;
}
template <typename I = int64_t>
EMU I elem_to_loc_1(uint n, const int64_t& stride) { return I(n) * I(stride); }
template <typename I = int64_t>
EMU I elem_to_loc_2(uint2 p, const int64_t strides[2]) { return I(p.x) * I(strides[1]) + I(p.y) * I(strides[0]); }
template <typename I = int64_t>
EMU I elem_to_loc_3(uint3 p, const int64_t strides[3]) {
  return I(p.x) * I(strides[2]) + I(p.y) * I(strides[1]) + I(p.z) * I(strides[0]);
}

template <typename T, typename U>
EMU T ceildiv(T n, U m) { return (n + m - 1) / m; }

template <typename U>
struct Limits {
  inline static const U max = emu::is_float_v<U> ? numeric_limits<U>::infinity() : numeric_limits<U>::max();
  inline static const U min = emu::is_float_v<U> ? U(-numeric_limits<U>::infinity()) : numeric_limits<U>::min();
  inline static const U finite_max = numeric_limits<U>::max();
  inline static const U finite_min = emu::is_float_v<U> ? U(-numeric_limits<U>::max()) : numeric_limits<U>::min();
};
template <>
struct Limits<bool> {
  static constexpr bool max = true, min = false;
};

EMU float log1p(float x) { return __builtin_log1pf(x); }
EMU bfloat log1p(bfloat x) { return bfloat(__builtin_log1pf(float(x))); }

template <typename U>
struct WorkPerThread {
  static constexpr int n = 8 / sizeof(U);
};
template <bool C, typename T, typename U>
struct ConditionalType {
  using type = conditional_t<C, T, U>;
};
template <typename U, typename T>
EMU U cast_to(T x) { return static_cast<U>(x); }

// What the call of a kernel needs.
namespace emu {
EMU uint3 three(const uint32_t* v) { return uint3(v[0], v[1], v[2]); }
EMU uint count(const uint32_t* v, uint width) { return (v[0] * v[1] * v[2] + width - 1) / width; }
template <typename T>
EMU void fill(int region, float value) {
  auto* p = static_cast<T*>(buffer(region));
  for (size_t i = 0; i < buffer_bytes(region) / sizeof(T); i++) {
    p[i] = T(value);
  }
}
} // namespace emu
