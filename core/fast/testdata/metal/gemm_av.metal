// C = A V by tiles of 16 x 16 in threadgroup memory: A is m x k, V is k x n; edges are filled with zeros.
threadgroup float a_tile[16][16];
threadgroup float v_tile[16][17];
int m = A_shape[0], k = A_shape[1], n = V_shape[1];
uint2 local = thread_position_in_threadgroup.xy;
int row = thread_position_in_grid.y, column = thread_position_in_grid.x;
float total = 0;
for (int first = 0; first < k; first += 16) {
  int across = first + local.x, down = first + local.y;
  a_tile[local.y][local.x] = row < m && across < k ? A[row * k + across] : 0;
  v_tile[local.y][local.x] = down < k && column < n ? V[down * n + column] : 0;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  for (int i = 0; i < 16; i++) {
    total = fma(a_tile[local.y][i], v_tile[i][local.x], total);
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
}
if (row < m && column < n) {
  C[row * n + column] = total;
}
