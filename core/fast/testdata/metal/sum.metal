// The sum of each row: a threadgroup a row, its threads in steps of its size, then simdgroups, then what they left in
// threadgroup memory.
threadgroup float parts[32];
uint row = threadgroup_position_in_grid.y;
uint lane = thread_position_in_threadgroup.x;
uint width = x_shape[1];
float total = 0;
for (uint column = lane; column < width; column += threads_per_threadgroup.x) {
  total += x[row * width + column];
}
total = simd_sum(total);
if (thread_index_in_simdgroup == 0) {
  parts[simdgroup_index_in_threadgroup] = total;
}
threadgroup_barrier(mem_flags::mem_threadgroup);
if (simdgroup_index_in_threadgroup == 0) {
  total = lane < simdgroups_per_threadgroup ? parts[lane] : 0;
  total = simd_sum(total);
  if (lane == 0) {
    y[row] = total;
  }
}
