// How often each of BINS values occurs: counted in threadgroup memory first, then added to all.
threadgroup atomic_int local_counts[BINS];
uint lane = thread_index_in_threadgroup;
for (uint bin = lane; bin < BINS; bin += threads_per_threadgroup.x) {
  atomic_store_explicit(&local_counts[bin], 0, memory_order_relaxed);
}
threadgroup_barrier(mem_flags::mem_threadgroup);
uint i = thread_position_in_grid.x;
if (i < uint(x_shape[0])) {
  int bin = clamp(x[i], 0, BINS - 1);
  atomic_fetch_add_explicit(&local_counts[bin], 1, memory_order_relaxed);
}
threadgroup_barrier(mem_flags::mem_threadgroup);
for (uint bin = lane; bin < BINS; bin += threads_per_threadgroup.x) {
  int count = atomic_load_explicit(&local_counts[bin], memory_order_relaxed);
  atomic_fetch_add_explicit(&counts[bin], count, memory_order_relaxed);
}
