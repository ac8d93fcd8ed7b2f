// Scalars, vectors and matrices of the Metal Shading Language.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "runtime.h"

typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;

namespace emu {

EMU uint32_t bits_of(float x) {
  uint32_t b;
  __builtin_memcpy(&b, &x, 4);
  return b;
}
EMU float float_of(uint32_t b) {
  float x;
  __builtin_memcpy(&x, &b, 4);
  return x;
}

// The formats of 16 bits, rounded to nearest even.
EMU uint16_t to_bfloat(float x) {
  uint32_t b = bits_of(x);
  return x != x ? 0x7fc0 : uint16_t((b + 0x7fff + (b >> 16 & 1)) >> 16);
}
EMU float from_bfloat(uint16_t h) { return float_of(uint32_t(h) << 16); }
EMU uint16_t to_half(float x) {
  uint32_t b = bits_of(x), sign = b >> 16 & 0x8000, size = b & 0x7fffffff;
  if (size >= 0x7f800000) {
    return uint16_t(sign | (size > 0x7f800000 ? 0x7e00 : 0x7c00));
  }
  if (size < 0x38800000) { // below the normal numbers: the sum's last bits are counts of 2^-24
    return uint16_t(sign | (bits_of(float_of(size) + 0.5f) - 0x3f000000));
  }
  size += 0xfff + (size >> 13 & 1);
  return uint16_t(sign | (size >= 0x47800000 ? 0x7c00 : (size - 0x38000000) >> 13));
}
EMU float from_half(uint16_t h) {
  uint32_t sign = uint32_t(h & 0x8000) << 16, size = h & 0x7fff;
  if (size >= 0x7c00) {
    return float_of(sign | 0x7f800000 | (size & 0x3ff) << 13);
  }
  if (size < 0x400) {
    float x = float(size) * 5.9604644775390625e-8f;
    return sign != 0 ? -x : x;
  }
  return float_of(sign | ((size << 13) + 0x38000000));
}

} // namespace emu

// A number of 16 bits that turns into float by itself. Integers become one by themselves, floats too or when asked for.
#define EMU_SMALL(name, to, from, from_float)                                                                        \
  struct name {                                                                                                      \
    uint16_t bits;                                                                                                   \
    name() = default;                                                                                                \
    EMU from_float name(float x) : bits(to(x)) {}                                                                    \
    template <typename U, std::enable_if_t<std::is_integral_v<U>, int> = 0>                                          \
    EMU name(U x) : name(float(x)) {}                                                                                \
    template <typename U, std::enable_if_t<std::is_floating_point_v<U> && !std::is_same_v<U, float>, int> = 0>       \
    EMU explicit name(U x) : name(float(x)) {}                                                                       \
    template <typename U, std::enable_if_t<!std::is_arithmetic_v<U> && std::is_same_v<decltype(U().bits), uint16_t>, int> = 0> \
    EMU explicit name(U x) : name(x.value()) {}                                                                      \
    EMU float value() const { return from(bits); }                                                                   \
    template <typename U, std::enable_if_t<std::is_same_v<U, float>, int> = 0>                                       \
    EMU operator U() const { return value(); }                                                                       \
    template <typename U, std::enable_if_t<std::is_arithmetic_v<U> && !std::is_same_v<U, float>, int> = 0>           \
    EMU explicit operator U() const { return U(value()); }                                                           \
    EMU_TO_HALF                                                                                                      \
  };                                                                                                                 \
  EMU name operator-(name a) { return name(-a.value()); }                                                            \
  EMU_OP(name, +) EMU_OP(name, -) EMU_OP(name, *) EMU_OP(name, /)                                                    \
  EMU_COMPARE(name, ==) EMU_COMPARE(name, !=) EMU_COMPARE(name, <) EMU_COMPARE(name, <=) EMU_COMPARE(name, >) EMU_COMPARE(name, >=)
#define EMU_OP(name, op)                                                                                             \
  EMU name operator op(name a, name b) { return name(a.value() op b.value()); }                                      \
  template <typename U, std::enable_if_t<std::is_integral_v<U>, int> = 0>                                            \
  EMU name operator op(name a, U b) { return name(a.value() op float(b)); }                                          \
  template <typename U, std::enable_if_t<std::is_integral_v<U>, int> = 0>                                            \
  EMU name operator op(U a, name b) { return name(float(a) op b.value()); }                                          \
  EMU float operator op(name a, float b) { return a.value() op b; }                                                  \
  EMU float operator op(float a, name b) { return a op b.value(); }                                                  \
  template <typename U, std::enable_if_t<std::is_arithmetic_v<U> || std::is_same_v<U, name>, int> = 0>               \
  EMU name& operator op##=(name& a, U b) { return a = name(a.value() op float(b)); }
#define EMU_COMPARE(name, op)                                                                                        \
  EMU bool operator op(name a, name b) { return a.value() op b.value(); }                                            \
  template <typename U, std::enable_if_t<std::is_arithmetic_v<U>, int> = 0>                                          \
  EMU bool operator op(name a, U b) { return a.value() op float(b); }                                                \
  template <typename U, std::enable_if_t<std::is_arithmetic_v<U>, int> = 0>                                          \
  EMU bool operator op(U a, name b) { return float(a) op b.value(); }

#if defined(__FLT16_MAX__)
typedef _Float16 half;
#define EMU_TO_HALF                                                                                                  \
  template <typename U, std::enable_if_t<std::is_same_v<U, half> && !std::is_arithmetic_v<U>, int> = 0>              \
  EMU explicit operator U() const { return U(value()); }
#else
#define EMU_TO_HALF
// For a compiler without it. The one difference is that `c ? h : 0.5` needs a cast.
EMU_SMALL(half, emu::to_half, emu::from_half, )
#endif
EMU_SMALL(bfloat, emu::to_bfloat, emu::from_bfloat, explicit)
#undef EMU_COMPARE
#undef EMU_OP
#undef EMU_SMALL
#undef EMU_TO_HALF

namespace emu {

template <typename T>
inline constexpr bool is_float_v = std::is_same_v<T, float> || std::is_same_v<T, half> || std::is_same_v<T, bfloat>;
template <typename T>
inline constexpr bool is_scalar_v = std::is_arithmetic_v<T> || std::is_same_v<T, half> || std::is_same_v<T, bfloat>;

} // namespace emu

namespace metal {

template <typename T, int N>
struct vec;

// Some components of a vector, in an order of their own: two bits of Code for each.
template <typename T, int N, int K, int Code>
struct swizzle {
  T lanes[N];
  static constexpr int at(int i) { return Code >> 2 * (K - 1 - i) & 3; }
  EMU operator vec<T, K>() const;
  EMU swizzle& operator=(vec<T, K> v);
  EMU swizzle& operator=(const swizzle& s) { return *this = vec<T, K>(s); }
  EMU T operator[](size_t i) const { return lanes[at(int(i))]; }
#define EMU_OP(op) \
  template <typename U> \
  EMU swizzle& operator op##=(const U& v);
  EMU_OP(+) EMU_OP(-) EMU_OP(*) EMU_OP(/)
#undef EMU_OP
};

// lanes_of<T>: how many numbers a T is made of, and which.
template <typename T>
struct lanes_of {
  static constexpr int n = emu::is_scalar_v<T> ? 1 : 0;
  using type = T;
};
template <typename T, int N>
struct lanes_of<vec<T, N>> {
  static constexpr int n = N;
  using type = T;
};
template <typename T, int N, int K, int Code>
struct lanes_of<swizzle<T, N, K, Code>> {
  static constexpr int n = K;
  using type = T;
};
template <typename T>
inline constexpr bool is_vec_v = (lanes_of<T>::n > 1);
template <typename T>
using as_vec = vec<typename lanes_of<T>::type, lanes_of<T>::n>;

#define EMU_NAMES2_1(K, p, c, x, y) EMU_FIELD(K, p##x, c * 4) EMU_FIELD(K, p##y, c * 4 + 1)
#define EMU_NAMES2_2(K, p, c, x, y) EMU_NAMES2_1(K, p##x, (c * 4), x, y) EMU_NAMES2_1(K, p##y, (c * 4 + 1), x, y)
#define EMU_NAMES2_3(K, p, c, x, y) EMU_NAMES2_2(K, p##x, (c * 4), x, y) EMU_NAMES2_2(K, p##y, (c * 4 + 1), x, y)
#define EMU_NAMES2_4(K, p, c, x, y) EMU_NAMES2_3(K, p##x, (c * 4), x, y) EMU_NAMES2_3(K, p##y, (c * 4 + 1), x, y)

#define EMU_NAMES3_1(K, p, c, x, y, z) EMU_NAMES2_1(K, p, c, x, y) EMU_FIELD(K, p##z, c * 4 + 2)
#define EMU_NAMES3_2(K, p, c, x, y, z) \
  EMU_NAMES3_1(K, p##x, (c * 4), x, y, z) EMU_NAMES3_1(K, p##y, (c * 4 + 1), x, y, z) EMU_NAMES3_1(K, p##z, (c * 4 + 2), x, y, z)
#define EMU_NAMES3_3(K, p, c, x, y, z) \
  EMU_NAMES3_2(K, p##x, (c * 4), x, y, z) EMU_NAMES3_2(K, p##y, (c * 4 + 1), x, y, z) EMU_NAMES3_2(K, p##z, (c * 4 + 2), x, y, z)
#define EMU_NAMES3_4(K, p, c, x, y, z) \
  EMU_NAMES3_3(K, p##x, (c * 4), x, y, z) EMU_NAMES3_3(K, p##y, (c * 4 + 1), x, y, z) EMU_NAMES3_3(K, p##z, (c * 4 + 2), x, y, z)

#define EMU_NAMES4_1(K, p, c, x, y, z, w) EMU_NAMES3_1(K, p, c, x, y, z) EMU_FIELD(K, p##w, c * 4 + 3)
#define EMU_NAMES4_2(K, p, c, x, y, z, w)                                            \
  EMU_NAMES4_1(K, p##x, (c * 4), x, y, z, w) EMU_NAMES4_1(K, p##y, (c * 4 + 1), x, y, z, w) \
  EMU_NAMES4_1(K, p##z, (c * 4 + 2), x, y, z, w) EMU_NAMES4_1(K, p##w, (c * 4 + 3), x, y, z, w)
#define EMU_NAMES4_3(K, p, c, x, y, z, w)                                            \
  EMU_NAMES4_2(K, p##x, (c * 4), x, y, z, w) EMU_NAMES4_2(K, p##y, (c * 4 + 1), x, y, z, w) \
  EMU_NAMES4_2(K, p##z, (c * 4 + 2), x, y, z, w) EMU_NAMES4_2(K, p##w, (c * 4 + 3), x, y, z, w)
#define EMU_NAMES4_4(K, p, c, x, y, z, w)                                            \
  EMU_NAMES4_3(K, p##x, (c * 4), x, y, z, w) EMU_NAMES4_3(K, p##y, (c * 4 + 1), x, y, z, w) \
  EMU_NAMES4_3(K, p##z, (c * 4 + 2), x, y, z, w) EMU_NAMES4_3(K, p##w, (c * 4 + 3), x, y, z, w)

#define EMU_ALL2(x, y) EMU_NAMES2_2(2, , 0, x, y) EMU_NAMES2_3(3, , 0, x, y) EMU_NAMES2_4(4, , 0, x, y)
#define EMU_ALL3(x, y, z) EMU_NAMES3_2(2, , 0, x, y, z) EMU_NAMES3_3(3, , 0, x, y, z) EMU_NAMES3_4(4, , 0, x, y, z)
#define EMU_ALL4(x, y, z, w) EMU_NAMES4_2(2, , 0, x, y, z, w) EMU_NAMES4_3(3, , 0, x, y, z, w) EMU_NAMES4_4(4, , 0, x, y, z, w)

template <typename T, int N>
struct components;

#define EMU_FIELD(K, name, code) swizzle<T, 2, K, code> name;
template <typename T>
struct alignas(2 * sizeof(T)) components<T, 2> {
  union {
    T lanes[2];
    struct { T x, y; };
    struct { T r, g; };
    EMU_ALL2(x, y)
    EMU_ALL2(r, g)
  };
};
#undef EMU_FIELD
#define EMU_FIELD(K, name, code) swizzle<T, 3, K, code> name;
template <typename T>
struct alignas(4 * sizeof(T)) components<T, 3> {
  union {
    T lanes[3];
    struct { T x, y, z; };
    struct { T r, g, b; };
    EMU_ALL3(x, y, z)
    EMU_ALL3(r, g, b)
  };
};
#undef EMU_FIELD
#define EMU_FIELD(K, name, code) swizzle<T, 4, K, code> name;
template <typename T>
struct alignas(4 * sizeof(T)) components<T, 4> {
  union {
    T lanes[4];
    struct { T x, y, z, w; };
    struct { T r, g, b, a; };
    EMU_ALL4(x, y, z, w)
    EMU_ALL4(r, g, b, a)
  };
};
#undef EMU_FIELD

template <typename T, int N>
struct vec : components<T, N> {
  using components<T, N>::lanes;
  vec() = default;
  EMU vec(const vec& v) { __builtin_memcpy(lanes, v.lanes, sizeof lanes); }
  EMU vec& operator=(const vec& v) {
    __builtin_memcpy(lanes, v.lanes, sizeof lanes);
    return *this;
  }
  template <typename U, std::enable_if_t<std::is_convertible_v<U, T> && !is_vec_v<U>, int> = 0>
  EMU vec(U s) {
    for (int i = 0; i < N; i++) {
      lanes[i] = T(s);
    }
  }
  template <typename U, std::enable_if_t<!std::is_same_v<U, T>, int> = 0>
  EMU explicit vec(const vec<U, N>& v) {
    for (int i = 0; i < N; i++) {
      lanes[i] = T(v.lanes[i]);
    }
  }
  template <typename U, int M, int Code, std::enable_if_t<!std::is_same_v<U, T>, int> = 0>
  EMU explicit vec(const swizzle<U, M, N, Code>& v) : vec(vec<U, N>(v)) {}
  template <typename A, typename B, typename... More,
            std::enable_if_t<(lanes_of<A>::n > 0) && (lanes_of<B>::n > 0) && ((lanes_of<A>::n + lanes_of<B>::n) + ... + lanes_of<More>::n) == N, int> = 0>
  EMU vec(const A& a, const B& b, const More&... more) {
    int i = 0;
    put(i, a);
    put(i, b);
    (put(i, more), ...);
  }
  EMU T& operator[](size_t i) { return lanes[i]; }
  EMU const T& operator[](size_t i) const { return lanes[i]; }
#define EMU_OP(op)                                                \
  template <typename U>                                           \
  EMU vec& operator op##=(const U& v) { return *this = *this op v; }
  EMU_OP(+) EMU_OP(-) EMU_OP(*) EMU_OP(/) EMU_OP(%) EMU_OP(&) EMU_OP(|) EMU_OP(^) EMU_OP(<<) EMU_OP(>>)
#undef EMU_OP

 private:
  template <typename A>
  EMU void put(int& i, const A& a) {
    if constexpr (is_vec_v<A>) {
      as_vec<A> v = a;
      for (int j = 0; j < lanes_of<A>::n; j++) {
        lanes[i++] = T(v.lanes[j]);
      }
    } else {
      lanes[i++] = T(a);
    }
  }
};

template <typename T, int N, int K, int Code>
EMU swizzle<T, N, K, Code>::operator vec<T, K>() const {
  vec<T, K> v;
  for (int i = 0; i < K; i++) {
    v.lanes[i] = lanes[at(i)];
  }
  return v;
}
template <typename T, int N, int K, int Code>
EMU swizzle<T, N, K, Code>& swizzle<T, N, K, Code>::operator=(vec<T, K> v) {
  for (int i = 0; i < K; i++) {
    lanes[at(i)] = v.lanes[i];
  }
  return *this;
}
#define EMU_OP(op)                                                                          \
  template <typename T, int N, int K, int Code>                                             \
  template <typename U>                                                                     \
  EMU swizzle<T, N, K, Code>& swizzle<T, N, K, Code>::operator op##=(const U& v) {          \
    return *this = vec<T, K>(*this) op v;                                                   \
  }
EMU_OP(+) EMU_OP(-) EMU_OP(*) EMU_OP(/)
#undef EMU_OP

// The vector type of two operands, one of which may be a scalar that turns into an element.
template <typename A, typename B, typename = void>
struct both {};
template <typename A, typename B>
struct both<A, B, std::enable_if_t<is_vec_v<A> && is_vec_v<B> && std::is_same_v<as_vec<A>, as_vec<B>>>> {
  using type = as_vec<A>;
};
template <typename A, typename B>
struct both<A, B, std::enable_if_t<is_vec_v<A> && lanes_of<B>::n == 1>> {
  using type = as_vec<A>;
};
template <typename A, typename B>
struct both<A, B, std::enable_if_t<lanes_of<A>::n == 1 && is_vec_v<B>>> {
  using type = as_vec<B>;
};
template <typename A, typename B>
using both_t = typename both<A, B>::type;
template <typename V>
using bools = vec<bool, lanes_of<V>::n>;

template <typename V, typename A>
EMU V to_vec(const A& a) {
  if constexpr (is_vec_v<A>) {
    return a;
  } else {
    return V(typename lanes_of<V>::type(a));
  }
}

#define EMU_OP(op, result)                                          \
  template <typename A, typename B, typename V = both_t<A, B>>      \
  EMU result operator op(const A& a, const B& b) {                  \
    V x = to_vec<V>(a), y = to_vec<V>(b);                           \
    result r;                                                       \
    for (int i = 0; i < lanes_of<V>::n; i++) {                      \
      r.lanes[i] = x.lanes[i] op y.lanes[i];                        \
    }                                                               \
    return r;                                                       \
  }
EMU_OP(+, V) EMU_OP(-, V) EMU_OP(*, V) EMU_OP(/, V) EMU_OP(%, V) EMU_OP(&, V) EMU_OP(|, V) EMU_OP(^, V) EMU_OP(<<, V) EMU_OP(>>, V)
EMU_OP(==, bools<V>) EMU_OP(!=, bools<V>) EMU_OP(<, bools<V>) EMU_OP(<=, bools<V>) EMU_OP(>, bools<V>) EMU_OP(>=, bools<V>)
EMU_OP(&&, bools<V>) EMU_OP(||, bools<V>)
#undef EMU_OP
#define EMU_OP(op, result)                                                          \
  template <typename A, std::enable_if_t<is_vec_v<A>, int> = 0, typename V = as_vec<A>> \
  EMU result operator op(const A& a) {                                              \
    V x = a;                                                                        \
    result r;                                                                       \
    for (int i = 0; i < lanes_of<V>::n; i++) {                                      \
      r.lanes[i] = op x.lanes[i];                                                   \
    }                                                                               \
    return r;                                                                       \
  }
EMU_OP(-, V) EMU_OP(~, V) EMU_OP(!, bools<V>)
#undef EMU_OP

// A vector without padding.
template <typename T, int N>
struct packed_vec {
  T lanes[N];
  packed_vec() = default;
  EMU packed_vec(const vec<T, N>& v) { *this = v; }
  EMU packed_vec& operator=(const vec<T, N>& v) {
    for (int i = 0; i < N; i++) {
      lanes[i] = v.lanes[i];
    }
    return *this;
  }
  EMU operator vec<T, N>() const {
    vec<T, N> v;
    for (int i = 0; i < N; i++) {
      v.lanes[i] = lanes[i];
    }
    return v;
  }
  EMU T& operator[](size_t i) { return lanes[i]; }
  EMU const T& operator[](size_t i) const { return lanes[i]; }
};

// Columns of vectors.
template <typename T, int C, int R>
struct matrix {
  vec<T, R> columns[C];
  matrix() = default;
  EMU explicit matrix(T diagonal) {
    for (int c = 0; c < C; c++) {
      columns[c] = vec<T, R>(T(0));
      if (c < R) {
        columns[c].lanes[c] = diagonal;
      }
    }
  }
  template <typename... V, std::enable_if_t<sizeof...(V) == C && (std::is_convertible_v<V, vec<T, R>> && ...) && (is_vec_v<V> && ...), int> = 0>
  EMU matrix(const V&... v) {
    int c = 0;
    ((columns[c++] = v), ...);
  }
  EMU vec<T, R>& operator[](size_t c) { return columns[c]; }
  EMU const vec<T, R>& operator[](size_t c) const { return columns[c]; }
};
template <typename T, int C, int R>
EMU vec<T, R> operator*(const matrix<T, C, R>& m, const vec<T, C>& v) {
  vec<T, R> r(T(0));
  for (int c = 0; c < C; c++) {
    r += m.columns[c] * v.lanes[c];
  }
  return r;
}
template <typename T, int K, int C, int R>
EMU matrix<T, C, R> operator*(const matrix<T, K, R>& a, const matrix<T, C, K>& b) {
  matrix<T, C, R> r;
  for (int c = 0; c < C; c++) {
    r.columns[c] = a * b.columns[c];
  }
  return r;
}
template <typename T, int C, int R>
EMU matrix<T, R, C> transpose(const matrix<T, C, R>& m) {
  matrix<T, R, C> t;
  for (int c = 0; c < C; c++) {
    for (int r = 0; r < R; r++) {
      t.columns[r].lanes[c] = m.columns[c].lanes[r];
    }
  }
  return t;
}

#define EMU_VECTORS(T) \
  using T##2 = vec<T, 2>; using T##3 = vec<T, 3>; using T##4 = vec<T, 4>; \
  using packed_##T##2 = packed_vec<T, 2>; using packed_##T##3 = packed_vec<T, 3>; using packed_##T##4 = packed_vec<T, 4>;
EMU_VECTORS(bool) EMU_VECTORS(char) EMU_VECTORS(uchar) EMU_VECTORS(short) EMU_VECTORS(ushort) EMU_VECTORS(int) EMU_VECTORS(uint)
EMU_VECTORS(long) EMU_VECTORS(ulong) EMU_VECTORS(half) EMU_VECTORS(float) EMU_VECTORS(bfloat)
#undef EMU_VECTORS
#define EMU_MATRICES(T) \
  using T##2x2 = matrix<T, 2, 2>; using T##2x3 = matrix<T, 2, 3>; using T##2x4 = matrix<T, 2, 4>; \
  using T##3x2 = matrix<T, 3, 2>; using T##3x3 = matrix<T, 3, 3>; using T##3x4 = matrix<T, 3, 4>; \
  using T##4x2 = matrix<T, 4, 2>; using T##4x3 = matrix<T, 4, 3>; using T##4x4 = matrix<T, 4, 4>;
EMU_MATRICES(float) EMU_MATRICES(half)
#undef EMU_MATRICES

template <typename To, typename From>
EMU To as_type(const From& x) {
  static_assert(sizeof(To) == sizeof(From), "as_type needs two types of the same size");
  To r;
  __builtin_memcpy(&r, &x, sizeof(To));
  return r;
}

} // namespace metal
