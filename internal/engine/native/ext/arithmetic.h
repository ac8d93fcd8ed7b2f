// Arithmetic on numbers, of which kernels are made.
#pragma once

namespace adj::tiles::arithmetic {

#define ARITHMETIC(Op, expr)                                 \
  struct Op {                                                \
    template <class T> static T f(T x, T y) { return expr; } \
  };
ARITHMETIC(Add, x + y)
ARITHMETIC(Subtract, x - y)
ARITHMETIC(Multiply, x* y)
ARITHMETIC(Divide, x / y)
ARITHMETIC(Maximum, x != x ? x : (x > y ? x : y))
ARITHMETIC(Minimum, x != x ? x : (x < y ? x : y))
#undef ARITHMETIC

} // namespace adj::tiles::arithmetic
