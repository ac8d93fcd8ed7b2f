// Reading the words of an op call: every argument of the op table is one or
// more 64-bit words, in order.
#pragma once
#include <cstring>
#include <string>
#include <vector>

#include "ext/z_table.h"

extern Table T; // the C API's functions

// The trampolines of the ops, by number.
extern int (*const adj_calls[])(uint64_t*);
extern const uint32_t adj_calls_num;

// What is known of an op by number: its name, and how the words of a call lie. The
// layout begins with the number of results, * for a list; then stand, for each
// argument, a for an array or none, A for a list of arrays, n for a list of numbers, t
// for a text, and for others the number of their words. It is empty for calls that
// are not in the op table.
struct Op {
  const char *name, *layout;
};
extern const Op adj_ops[];

mlx_stream adj_stream(); // where ops of this thread run

// A list of ints that stays on the stack when it is short.
template <class E>
class List {
 public:
  E* resize(size_t n) {
    n_ = n;
    if (n > sizeof(small_) / sizeof(E)) {
      big_.resize(n);
      return big_.data();
    }
    return small_;
  }
  const E* p() const {
    return big_.empty() ? small_ : big_.data();
  }
  const E* or_null() const {
    return n_ ? p() : nullptr;
  }
  size_t n() const {
    return n_;
  }

 private:
  E small_[8];
  size_t n_ = 0;
  std::vector<E> big_;
};
using Ints = List<int>;
using Longs = List<int64_t>;

// A vector of the C API, freed at the end of the call.
struct Vector {
  mlx_vector_array v;
  explicit Vector(mlx_vector_array v) : v(v) {}
  Vector(const Vector&) = delete;
  ~Vector() {
    T.mlx_vector_array_free(v);
  }
};

int adj_ndim(mlx_array a);

class Words {
 public:
  explicit Words(const uint64_t* w) : p_(w) {}
  uint64_t word() {
    return *p_++;
  }
  int integer() {
    return (int)(int64_t)word();
  }
  double real() {
    double d;
    std::memcpy(&d, p_++, sizeof d);
    return d;
  }
  mlx_dtype dtype() {
    return (mlx_dtype)word();
  }
  mlx_array array() {
    mlx_array a{(void*)word()};
    if (!first_.ctx) {
      first_ = a;
    }
    return a;
  }
  Vector arrays() {
    size_t n = word();
    auto* first = (const mlx_array*)p_;
    p_ += n;
    return Vector(T.mlx_vector_array_new_data(first, n));
  }
  Ints ints() {
    Ints out;
    size_t n = word();
    int* d = out.resize(n);
    for (size_t i = 0; i < n; i++) {
      d[i] = integer();
    }
    return out;
  }
  // Axes: none given stands for all of the first array's.
  Ints axes() {
    if (*p_ != 0) {
      return ints();
    }
    p_++;
    Ints out;
    int n = adj_ndim(first_);
    int* d = out.resize(n);
    for (int i = 0; i < n; i++) {
      d[i] = i;
    }
    return out;
  }
  Longs longs() {
    Longs out;
    size_t n = word();
    int64_t* d = out.resize(n);
    for (size_t i = 0; i < n; i++) {
      d[i] = (int64_t)word();
    }
    return out;
  }
  mlx_optional_int opt_int() {
    bool has = word() != 0;
    return {integer(), has};
  }
  mlx_optional_float opt_float() {
    bool has = word() != 0;
    return {(float)real(), has};
  }
  mlx_optional_dtype opt_dtype() {
    bool has = word() != 0;
    return {dtype(), has};
  }
  std::string text() {
    size_t n = word();
    std::string s((const char*)p_, n);
    p_ += (n + 7) / 8;
    return s;
  }

 private:
  const uint64_t* p_;
  mlx_array first_{nullptr};
};

// put_one leaves one array in w[0] and returns whether it is small.
int put_one(uint64_t* w, mlx_array r);

// put_list leaves the arrays of r in a malloc'ed block: w[0] their number, w[1]
// the block. It frees r.
int put_list(uint64_t* w, mlx_vector_array r);
