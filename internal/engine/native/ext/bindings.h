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

// memory_init puts our allocator for the CPU in the place of MLX's, see memory.cpp.
void memory_init();

} // namespace adj
