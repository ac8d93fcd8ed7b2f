// Bindings: functions of libmlx that are replaced by ours where libraries call them.
#pragma once
#include <vector>

namespace adj {

struct Binding {
  const char* symbol;
  void* target;
  int found = 0; // the places where it was replaced
};

// bind replaces the bindings of libmlx and of our libraries. Where the system does
// not link by tables of addresses, none is found.
void bind(std::vector<Binding>& bindings);

// memory_init makes an allocation that fails an error. MLX's allocator for the CPU
// returns nothing then, and its kernels write there.
void memory_init();

} // namespace adj
