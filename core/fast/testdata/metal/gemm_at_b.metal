// Z = transposed(A) B by tiles of 16 x 16: A is m x k, B is m x n, so Z is k x n. A's tile is read along its columns.
threadgroup float a_tile[16][17];
threadgroup float b_tile[16][16];
int m = A_shape[0], k = A_shape[1], n = B_shape[1];
uint2 local = thread_position_in_threadgroup.xy;
uint2 corner = threadgroup_position_in_grid.xy * 16;
int row = thread_position_in_grid.y, column = thread_position_in_grid.x;
float total = 0;
for (int first = 0; first < m; first += 16) {
  int down = first + local.y, across = corner.y + local.x;
  a_tile[local.y][local.x] = down < m && across < k ? A[down * k + across] : 0;
  b_tile[local.y][local.x] = down < m && column < n ? B[down * n + column] : 0;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  for (int i = 0; i < 16; i++) {
    total = fma(a_tile[i][local.y], b_tile[i][local.x], total);
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
}
if (row < k && column < n) {
  Z[row * n + column] = total;
}
