// Simdgroup matrices of the Metal Shading Language: 8 x 8 numbers, two of them in each lane.
#pragma once

#include "simd.h"

namespace metal {

template <typename T, int Columns, int Rows>
struct simdgroup_matrix {
  static_assert(Columns == 8 && Rows == 8, "Metal has simdgroup matrices of 8 x 8 only");
  static_assert(emu::is_float_v<T>, "Metal has simdgroup matrices of float, half and bfloat only");
  simdgroup_matrix() = default;
  EMU explicit simdgroup_matrix(T diagonal) {
    for (int i = 0; i < 2; i++) {
      pair[i] = row() == column() + i ? diagonal : T(0);
    }
  }
  EMU vec<T, 2>& thread_elements() { return pair; }
  EMU const vec<T, 2>& thread_elements() const { return pair; }

  // Where a lane's two numbers stand: side by side.
  EMU static uint row(uint lane = emu::lane()) { return lane / 4 / 4 * 4 + lane / 2 % 4; }
  EMU static uint column(uint lane = emu::lane()) { return lane / 8 % 2 * 4 + lane % 2 * 2; }

 private:
  vec<T, 2> pair;
};
using simdgroup_float8x8 = simdgroup_matrix<float, 8, 8>;
using simdgroup_half8x8 = simdgroup_matrix<half, 8, 8>;
using simdgroup_bfloat8x8 = simdgroup_matrix<bfloat, 8, 8>;

template <typename T, int C, int R>
EMU simdgroup_matrix<T, C, R> make_filled_simdgroup_matrix(T v) {
  simdgroup_matrix<T, C, R> m;
  m.thread_elements() = vec<T, 2>(v);
  return m;
}

// The place of a lane's number i in memory with rows of the given length.
template <typename M>
EMU ulong simdgroup_place(int i, ulong length, ulong2 origin, bool transposed) {
  ulong row = M::row(), column = M::column() + uint(i);
  return transposed ? (origin.y + column) * length + origin.x + row : (origin.y + row) * length + origin.x + column;
}
template <typename T, typename P>
EMU void simdgroup_load(simdgroup_matrix<T, 8, 8>& m, P* from, ulong length = 8, ulong2 origin = ulong2(0ul), bool transposed = false) {
  for (int i = 0; i < 2; i++) {
    m.thread_elements()[i] = from[simdgroup_place<simdgroup_matrix<T, 8, 8>>(i, length, origin, transposed)];
  }
}
template <typename T, typename P>
EMU void simdgroup_store(const simdgroup_matrix<T, 8, 8>& m, P* to, ulong length = 8, ulong2 origin = ulong2(0ul), bool transposed = false) {
  for (int i = 0; i < 2; i++) {
    to[simdgroup_place<simdgroup_matrix<T, 8, 8>>(i, length, origin, transposed)] = m.thread_elements()[i];
  }
}

// d = a b + c, in float. A lane that is not here makes its part of the result not a number.
template <typename D, typename A, typename B, typename C>
EMU void simdgroup_multiply_accumulate(simdgroup_matrix<D, 8, 8>& d, const simdgroup_matrix<A, 8, 8>& a, const simdgroup_matrix<B, 8, 8>& b,
                                       const simdgroup_matrix<C, 8, 8>& c) {
  using M = simdgroup_matrix<A, 8, 8>;
  emu::Meeting<float4> all(float4(float(a.thread_elements()[0]), float(a.thread_elements()[1]), float(b.thread_elements()[0]), float(b.thread_elements()[1])));
  float x[8], y[8][2];
  for (uint lane = 0; lane < 32; lane++) {
    float4 v = all.of(lane);
    for (uint i = 0; i < 2; i++) {
      if (M::row(lane) == M::row()) {
        x[M::column(lane) + i] = v.lanes[i];
      }
      if (M::column(lane) == M::column()) {
        y[M::row(lane)][i] = v.lanes[2 + i];
      }
    }
  }
  for (int i = 0; i < 2; i++) {
    float sum = float(c.thread_elements()[i]);
    for (int k = 0; k < 8; k++) {
      sum += x[k] * y[k][i];
    }
    d.thread_elements()[i] = D(sum);
  }
}
template <typename D, typename A, typename B>
EMU void simdgroup_multiply(simdgroup_matrix<D, 8, 8>& d, const simdgroup_matrix<A, 8, 8>& a, const simdgroup_matrix<B, 8, 8>& b) {
  simdgroup_multiply_accumulate(d, a, b, make_filled_simdgroup_matrix<D, 8, 8>(D(0)));
}
template <typename T>
EMU simdgroup_matrix<T, 8, 8> operator*(const simdgroup_matrix<T, 8, 8>& a, const simdgroup_matrix<T, 8, 8>& b) {
  simdgroup_matrix<T, 8, 8> d;
  simdgroup_multiply(d, a, b);
  return d;
}

} // namespace metal
