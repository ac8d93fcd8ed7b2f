// Bindings: functions of libmlx that are replaced by ours where libraries call them.
#pragma once
#include <vector>
#if defined(__linux__)
#include <elf.h>
#include <link.h>

#include <cstdint>
#include <functional>
#endif

namespace adj {

#if defined(__linux__)
// A Place is where a library keeps an address that the loader fills in.
struct Place {
  const ElfW(Sym)* symbol; // whose address it is, or null
  const char* name; // of the symbol, or ""
  uint32_t type; // of relocation
  intptr_t addend;
  void** slot;
  bool set(void* target) const; // false where the system does not let us
};

void each_place(const dl_phdr_info* lib, const std::function<void(const Place&)>& visit);
#endif

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
