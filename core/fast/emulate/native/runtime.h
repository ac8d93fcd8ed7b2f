// What the shim headers, and so a kernel, see of the run time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#if defined(__clang__)
#define EMU_CALL __attribute__((noinline, noduplicate, nomerge, convergent))
#else
#define EMU_CALL __attribute__((noinline))
#endif
#define EMU inline __attribute__((always_inline))

namespace emu {

// The attributes of one thread.
struct Thread {
  uint32_t thread_position_in_grid[3], thread_position_in_threadgroup[3], threadgroup_position_in_grid[3];
  uint32_t threads_per_grid[3], threads_per_threadgroup[3], dispatch_threads_per_threadgroup[3], threadgroups_per_grid[3];
  uint32_t thread_index_in_threadgroup;
};

void* buffer(int i);
size_t buffer_bytes(int i);

enum : uint32_t { fence_device = 1, fence_group = 2 };
EMU_CALL void group_barrier(uint32_t fences);
EMU_CALL void simd_barrier(uint32_t fences);

// What the lanes of a simdgroup that reached the same place brought there.
constexpr size_t deposit_bytes = 64;
struct Gathered {
  uint32_t mask; // the lanes that are here
  uint32_t self;
  const unsigned char (*slots)[deposit_bytes];
};
EMU_CALL Gathered exchange(const void* value, size_t bytes);
uint32_t lane(); // in the simdgroup

// Before an atomic operation. The value itself is then changed by code that is not watched.
EMU_CALL void atomic_access(const void* p, size_t bytes, bool reads, bool writes);

EMU_CALL void* group_variable(int site, const void* id, size_t bytes, size_t elem, size_t align);

// A threadgroup variable: `float (&tile)[16] = emu::shared<1>{};`
template <int Site>
struct shared {
  template <typename T>
  EMU operator T&() const {
    static const char id = 0;
    return *static_cast<T*>(group_variable(Site, &id, sizeof(T), sizeof(std::remove_all_extents_t<T>), alignof(T)));
  }
};

} // namespace emu

// The kernel's own unit defines these: one thread's run, and what gives every output its initial value.
void emu_kernel(const emu::Thread& t);
void emu_fill(float value);
