// C = A V with simdgroup matrices: a simdgroup makes 8 x 16 of C. A is m x k, V is k x n; all fit.
int k = A_shape[1], n = V_shape[1];
uint row = threadgroup_position_in_grid.y * 8, column = simdgroup_index_in_threadgroup * 16;
simdgroup_matrix<T, 8, 8> a, v;
simdgroup_float8x8 left = simdgroup_float8x8(0);
simdgroup_float8x8 right = make_filled_simdgroup_matrix<float, 8, 8>(0);
for (int i = 0; i < k; i += 8) {
  simdgroup_load(a, A + row * k + i, k);
  simdgroup_load(v, V, n, ulong2(column, i));
  simdgroup_multiply_accumulate(left, a, v, left);
  simdgroup_load(v, V + i * n + column + 8, n);
  simdgroup_multiply_accumulate(right, a, v, right);
}
simdgroup_store(left, C + row * n + column, n);
simdgroup_store(right, C, n, ulong2(column + 8, row));
