// What the parts of the emulator's run time share. One OS thread runs everything; a Metal thread is a fiber.
#pragma once

#include <csetjmp>
#include <cstddef>
#include <cstdint>

#include <ucontext.h>

namespace emu {

// An address of code, relative to anchor(), so that four bytes hold it.
using Pc = int32_t;
void anchor();
inline Pc pc_of(const void* p) { return Pc(uintptr_t(p) - uintptr_t(&anchor)); }

enum Space { group_space, device_space, spaces };

// One access to a cell of memory. The clock ticks at every barrier; tick 0 is no access at all.
struct Access {
  uint32_t tick;
  Pc pc;
  uint16_t local; // the thread's index in its threadgroup
  uint16_t atomic;
};

// The accesses that later ones are compared with: the last write, and reads by two threads.
struct Cell {
  Access write, read, other;
};

struct Region {
  uintptr_t start = 0;
  size_t bytes = 0;
  uint32_t elem = 1;    // bytes per element
  uint32_t granule = 1; // bytes per cell
  int site = 0;         // which threadgroup variable
  bool writable = false;
  bool initial = false; // holds values before any write
  bool group = false;   // threadgroup memory
  Cell* cells = nullptr;
  Pc last_write = 0;
};

constexpr int max_regions = 512; // buffers first, then threadgroup variables
constexpr int max_group_variables = 64;
constexpr size_t max_group_bytes = 32768;
constexpr int max_group_threads = 1024;
constexpr int simd_width = 32;
constexpr int max_simdgroups = max_group_threads / simd_width;
constexpr size_t stack_bytes = 256 << 10;
constexpr int max_calls = 256;
constexpr size_t max_deposit = 64;

extern Region regions[max_regions];
extern int buffers;
extern int group_variables;

enum class Wait : uint8_t { fresh, ready, group_barrier, simd_barrier, exchange, ended };

struct Fiber {
  jmp_buf env;
  uintptr_t low, high; // its stack
  Pc calls[max_calls];
  int depth;
  struct Lane* lane;
};

// A thread of the threadgroup that runs now.
struct Lane {
  Wait wait;
  uint16_t local;
  uint32_t position[3]; // in the threadgroup
  uint32_t flags;       // of the barrier it waits at
  Pc pc;                // of that barrier or exchange
  Fiber* fiber;
  uint32_t deposited;
  alignas(16) unsigned char deposit[max_deposit];
};

extern Lane lanes[max_group_threads];
extern Lane* current; // nullptr between threads
extern uint32_t grid[3], nominal[3], group_index[3], group_size[3];
extern uint32_t tick, group_start, last_barrier[spaces], last_simd[max_simdgroups][spaces];
extern Pc last_pc; // of the last access

// Memory.
bool reserve();
bool add_region(const char* path, size_t bytes, uint32_t elem, bool writable, bool initial);
bool reserve_group_memory();
void settle(); // looks whether a second write changed what the first one wrote
void find_unwritten();

// Threads.
bool make_fibers();
void run_grid();

// What ends a run: one report, then the process.
struct Report {
  const char* kind;
  const char* op = "";      // read, write
  int region = -1;          // index, or -1
  int64_t offset = 0;       // bytes from the region's start
  uint64_t size = 0;        // bytes
  Pc pc = 0, other_pc = 0;  // the access, and the one it meets
  int other_local = -1;     // the other thread's index in its group; -2: of another group
  int64_t n = 0, m = 0;     // numbers that the kind explains
  const char* text = "";
  int line = 0;             // where the compiler told it
};
[[noreturn]] void fail(const Report& r);

} // namespace emu
