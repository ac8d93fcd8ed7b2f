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
#undef ARITHMETIC

// NaN where one is NaN. In this form two in a row become vectors, too.
struct Maximum {
  template <class T> static T f(T x, T y) {
    T z = x > y ? x : y;
    return x != x ? x : z;
  }
};
struct Minimum {
  template <class T> static T f(T x, T y) {
    T z = x < y ? x : y;
    return x != x ? x : z;
  }
};

} // namespace adj::tiles::arithmetic
