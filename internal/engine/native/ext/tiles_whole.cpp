// adjoint:flags -O3 -fwrapv
// Kernels on integers and bool, and choice between values of any dtype.
#include <cstdint>
#include <type_traits>

#include "ext/tiles.h"

namespace adj::tiles::whole {

#define UNARY(Op, expr)                                  \
  struct Op {                                            \
    template <class T> static T f(T x) { return expr; }  \
  };
UNARY(Abs, x < 0 ? -x : x)
UNARY(BitwiseInvert, ~x)
UNARY(LogicalNot, !x)
UNARY(Negative, -x)
UNARY(Sign, x < 0 ? -1 : x > 0 ? 1 : 0)
UNARY(Square, x* x)

#define BINARY(Op, R, expr)                                \
  struct Op {                                              \
    template <class T> static R f(T x, T y) { return expr; } \
  };
BINARY(Add, T, x + y)
BINARY(BitwiseAnd, T, x& y)
BINARY(BitwiseOr, T, x | y)
BINARY(BitwiseXor, T, x ^ y)
BINARY(Divide, T, x / y)
BINARY(Equal, bool, x == y)
BINARY(Greater, bool, x > y)
BINARY(GreaterEqual, bool, x >= y)
BINARY(Less, bool, x < y)
BINARY(LessEqual, bool, x <= y)
BINARY(LogicalAnd, bool, x && y)
BINARY(LogicalOr, bool, x || y)
BINARY(Maximum, T, x > y ? x : y)
BINARY(Minimum, T, x < y ? x : y)
BINARY(Multiply, T, x* y)
BINARY(NotEqual, bool, x != y)
BINARY(Subtract, T, x - y)

// A shift goes by the low bits of its count, as a processor's does.
template <class T> constexpr int count_bits = sizeof(T) == 8 ? 63 : 31;
BINARY(LeftShift, T, x << (y & count_bits<T>))
BINARY(RightShift, T, x >> (y & count_bits<T>))

struct Remainder {
  template <class T> static T f(T x, T y) {
    T r = x % y;
    return std::is_signed_v<T> && r != 0 && (r < 0) != (y < 0) ? r + y : r;
  }
};
struct Power {
  template <class T> static T f(T base, T n) {
    if (n < 0) {
      return 0;
    }
    T r = 1;
    for (; n; n >>= 1, base *= base) {
      if (n & 1) {
        r *= base;
      }
    }
    return r;
  }
};

template <class Op, class T>
void one(void* dst, const void* a, const void*, const void*, size_t n) {
  auto* x = static_cast<const T*>(a);
  auto* out = static_cast<T*>(dst);
  ADJ_LONG_LOOP
  for (size_t i = 0; i < n; i++) {
    out[i] = Op::f(x[i]);
  }
}

template <class Op, class T>
void two(void* dst, const void* a, const void* b, const void*, size_t n) {
  auto* x = static_cast<const T*>(a);
  auto* y = static_cast<const T*>(b);
  auto* out = static_cast<decltype(Op::f(T(), T()))*>(dst);
  ADJ_LONG_LOOP
  for (size_t i = 0; i < n; i++) {
    out[i] = Op::f(x[i], y[i]);
  }
}

template <class T>
ADJ_CLONES void choose(void* dst, const void* c, const void* a, const void* b, size_t n) {
  auto* which = static_cast<const uint8_t*>(c);
  auto* x = static_cast<const T*>(a);
  auto* y = static_cast<const T*>(b);
  auto* out = static_cast<T*>(dst);
  ADJ_LONG_LOOP
  for (size_t i = 0; i < n; i++) {
    out[i] = which[i] ? x[i] : y[i];
  }
}

// A Row holds an op's kernels in the order of MLX's dtypes: bool, then unsigned
// and signed integers by size.
struct Row {
  std::string_view op;
  Kernel on[9];
};

#define EACH(k, Op, T0)                                                                       \
  {#Op, {T0, k<Op, uint8_t>, k<Op, uint16_t>, k<Op, uint32_t>, k<Op, uint64_t>, k<Op, int8_t>, \
            k<Op, int16_t>, k<Op, int32_t>, k<Op, int64_t>}}
#define INTS(k, Op) EACH(k, Op, nullptr)
#define ALL(k, Op) EACH(k, Op, (k<Op, bool>))
static const Row rows[] = {
    INTS(one, Abs), INTS(one, BitwiseInvert), INTS(one, Negative), INTS(one, Sign),
    INTS(one, Square), {"LogicalNot", {one<LogicalNot, bool>}},
    ALL(two, Add), ALL(two, BitwiseAnd), ALL(two, BitwiseOr), ALL(two, BitwiseXor),
    INTS(two, Divide), ALL(two, Equal), ALL(two, Greater), ALL(two, GreaterEqual),
    ALL(two, Less), ALL(two, LessEqual), {"LogicalAnd", {two<LogicalAnd, bool>}},
    {"LogicalOr", {two<LogicalOr, bool>}}, ALL(two, Maximum), ALL(two, Minimum),
    ALL(two, Multiply), ALL(two, NotEqual), INTS(two, Power), INTS(two, Remainder),
    INTS(two, Subtract), INTS(two, LeftShift), INTS(two, RightShift),
};

} // namespace adj::tiles::whole

namespace adj {

using namespace mlx::core;

Kernel whole_kernel(std::string_view op, Dtype d) {
  static_assert((int)Dtype::Val::bool_ == 0 && (int)Dtype::Val::int64 == 8);
  auto t = (size_t)d.val();
  for (auto& r : tiles::whole::rows) {
    if (r.op == op) {
      return t < 9 ? r.on[t] : nullptr;
    }
  }
  return nullptr;
}

Kernel select_kernel(Dtype d) {
  switch (d.size()) {
    case 1: return tiles::whole::choose<uint8_t>;
    case 2: return tiles::whole::choose<uint16_t>;
    case 4: return tiles::whole::choose<uint32_t>;
    default: return tiles::whole::choose<uint64_t>;
  }
}

Kernel kernel(std::string_view op, Dtype d) {
  return issubdtype(d, floating) ? float_kernel(op, d) : whole_kernel(op, d);
}

} // namespace adj
