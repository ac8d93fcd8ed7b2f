// The sum of each row by halves, in threadgroup memory alone.
threadgroup float part[W];
uint row = threadgroup_position_in_grid.y;
uint lane = thread_position_in_threadgroup.x;
uint width = x_shape[1];
part[lane] = 0;
for (uint column = lane; column < width; column += W) {
  part[lane] += x[row * width + column];
}
for (uint half_width = W / 2; half_width > 0; half_width /= 2) {
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (lane < half_width) {
    part[lane] += part[lane + half_width];
  }
}
if (lane == 0) {
  y[row] = part[0];
}
