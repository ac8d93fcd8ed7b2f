// Memory: every buffer and threadgroup variable stands in a slot of address space of its own, far from the next, so that
// an access that misses it still tells which one it meant. The compiler's thread sanitizer calls us at every access.
#include <cstring>
#include <initializer_list>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace emu {

Region regions[max_regions];
int buffers = 0, group_variables = 0;
static const void* group_ids[max_group_variables];
static size_t group_bytes = 0;
static uintptr_t arena = 0;
static size_t arena_bytes = 0, slot_bytes = 0;
static int slot_shift = 0;
Pc last_pc = 0;

static uintptr_t slot_start(int i) { return arena + (uintptr_t(i) << slot_shift) + slot_bytes / 4; }

// A slot is large enough for any 32-bit index of 4-byte elements where the system gives that much address space.
bool reserve() {
  for (int shift = 35; shift >= 22; shift--) {
    size_t bytes = size_t(max_regions) << shift;
    void* p = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p != MAP_FAILED) {
      arena = uintptr_t(p);
      arena_bytes = bytes;
      slot_shift = shift;
      slot_bytes = size_t(1) << shift;
      return true;
    }
  }
  return false;
}

static Cell* reserve_cells(size_t n) {
  void* p = mmap(nullptr, n * sizeof(Cell), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return p == MAP_FAILED ? nullptr : static_cast<Cell*>(p);
}

bool add_region(const char* path, size_t bytes, uint32_t elem, bool writable, bool initial) {
  if (buffers + max_group_variables >= max_regions || bytes > slot_bytes / 2) {
    return false;
  }
  Region& r = regions[buffers];
  r.start = slot_start(buffers++);
  r.bytes = bytes;
  r.elem = elem;
  r.granule = elem < 4 ? elem : 4;
  r.writable = writable;
  r.initial = initial;
  if (bytes == 0) {
    return true;
  }
  int fd = open(path, writable ? O_RDWR : O_RDONLY);
  if (fd < 0) {
    return false;
  }
  void* p = mmap(reinterpret_cast<void*>(r.start), bytes, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_FIXED | MAP_SHARED, fd, 0);
  close(fd);
  // Cells for single bytes are reserved, in case the kernel asks for them; only those in use take memory.
  if (writable && (r.cells = reserve_cells(bytes)) == nullptr) {
    return false;
  }
  return p != MAP_FAILED;
}

bool reserve_group_memory() {
  for (int i = 0; i < max_group_variables; i++) {
    Region& r = regions[buffers + i];
    r.start = slot_start(buffers + i);
    r.writable = r.group = true;
    if (mprotect(reinterpret_cast<void*>(r.start), max_group_bytes, PROT_READ | PROT_WRITE) != 0 || (r.cells = reserve_cells(max_group_bytes)) == nullptr) {
      return false;
    }
  }
  return true;
}

static bool same_group(const Access& a) { return a.tick >= group_start; }

static bool by_another(const Access& a) { return a.tick != 0 && (!same_group(a) || a.local != current->local); }

// Tells whether a barrier stands between a and what the current thread does now.
static bool ordered(const Access& a, Space space) {
  if (!same_group(a)) {
    return false;
  }
  int simd = current->local / simd_width;
  return a.tick < last_barrier[space] || (a.local / simd_width == simd && a.tick < last_simd[simd][space]);
}

// A second write by another thread is no fault if it writes what is there already. That shows after it.
static struct {
  bool open;
  unsigned char old[16];
  Report report;
} second;

void settle() {
  if (!second.open) {
    return;
  }
  second.open = false;
  const Report& r = second.report;
  if (memcmp(second.old, reinterpret_cast<void*>(regions[r.region].start + r.offset), r.size) != 0) {
    fail(r);
  }
}

static void refine(Region& r) {
  size_t n = r.bytes / r.granule, g = r.granule;
  for (size_t i = n; i-- > 0;) {
    Cell c = r.cells[i];
    for (size_t j = 0; j < g; j++) {
      r.cells[i * g + j] = c;
    }
  }
  r.granule = 1;
}

static Report about(const char* kind, Region& r, int64_t offset, size_t size, bool write, Pc pc) {
  Report f{kind};
  f.op = write ? "write" : "read";
  f.region = int(&r - regions);
  f.offset = offset;
  f.size = size;
  f.pc = pc;
  return f;
}

static void race(Region& r, size_t at, size_t size, bool write, Pc pc, const Access& a, bool a_writes, bool may_be_same) {
  Report f = about("race", r, int64_t(at), size, write, pc);
  f.other_pc = a.pc;
  f.other_local = same_group(a) ? a.local : -2;
  f.n = a_writes;
  f.m = a.tick < last_barrier[1 - r.group] || a.tick < last_barrier[r.group]; // a barrier stands between, for other memory
  if (!may_be_same || size > sizeof second.old) {
    fail(f);
  }
  second.open = true;
  second.report = f;
  memcpy(second.old, reinterpret_cast<void*>(r.start + at), size);
}

static void watch(Region& r, size_t at, size_t size, bool reads, bool writes, bool atomic, Pc pc) {
  if (at % r.granule != 0 || size % r.granule != 0) {
    refine(r);
  }
  Space space = r.group ? group_space : device_space;
  Access now{tick, pc, current->local, atomic};
  bool suspect = false;
  for (size_t i = at / r.granule; i <= (at + size - 1) / r.granule; i++) {
    Cell& c = r.cells[i];
    if (r.group && c.write.tick < group_start) {
      c.write = Access{};
    }
    if (r.group && c.read.tick < group_start) {
      c.read = c.other = Access{};
    }
    if (reads && !r.initial && c.write.tick == 0) {
      fail(about("uninitialized", r, int64_t(i * r.granule), size, false, pc));
    }
    if (by_another(c.write) && !ordered(c.write, space) && !(atomic && c.write.atomic) && !suspect) {
      bool plain = writes && !atomic && !c.write.atomic;
      race(r, at, size, writes, pc, c.write, true, plain);
      suspect = plain;
    }
    if (writes) {
      for (const Access& a : {c.read, c.other}) {
        if (by_another(a) && !ordered(a, space) && !(atomic && a.atomic)) {
          race(r, at, size, true, pc, a, false, false);
        }
      }
      c.write = now;
    }
    if (reads) {
      // Of several readers, two of different simdgroups tell most about a later write.
      if (c.read.tick == 0 || (same_group(c.read) && c.read.local == now.local) || ordered(c.read, space)) {
        c.read = now;
      } else if (c.other.tick == 0 || !same_group(c.read) || c.read.local / simd_width != now.local / simd_width) {
        c.other = now;
      }
    }
  }
  if (writes) {
    r.last_write = pc;
  }
}

extern "C" char __executable_start, end;

static void stray(uintptr_t a, size_t size, bool write, Pc pc) {
  if (a - uintptr_t(&__executable_start) < uintptr_t(&end) - uintptr_t(&__executable_start)) {
    return;
  }
  Report f{"stray"};
  f.op = write ? "write" : "read";
  f.size = size;
  f.pc = pc;
  fail(f);
}

static inline void access(const void* p, size_t size, bool reads, bool writes, bool atomic, bool aligned, const void* ret) {
  if (current == nullptr || size == 0) {
    return;
  }
  uintptr_t a = uintptr_t(p);
  Fiber* f = current->fiber;
  if (a - f->low < f->high - f->low) {
    return;
  }
  if (second.open) {
    settle();
  }
  Pc pc = last_pc = pc_of(ret);
  if (a - arena >= arena_bytes) {
    stray(a, size, writes, pc);
    return;
  }
  Region& r = regions[(a - arena) >> slot_shift];
  size_t at = a - r.start;
  if (at >= r.bytes || r.bytes - at < size) {
    fail(about(r.start == 0 ? "stray" : "bounds", r, int64_t(at), size, writes, pc));
  }
  if (aligned && size > 4 && a % size != 0) {
    fail(about("misaligned", r, int64_t(at), size, writes, pc));
  }
  if (writes && !r.writable) {
    fail(about("readonly", r, int64_t(at), size, true, pc));
  }
  if (r.cells != nullptr) {
    watch(r, at, size, reads, writes, atomic, pc);
  }
}

void atomic_access(const void* p, size_t bytes, bool reads, bool writes) {
  access(p, bytes, reads, writes, true, true, __builtin_return_address(0));
}

void* group_variable(int site, const void* id, size_t bytes, size_t elem, size_t align) {
  int i = 0;
  while (i < group_variables && group_ids[i] != id) {
    i++;
  }
  Region& r = regions[buffers + i];
  if (i == group_variables) {
    group_bytes += bytes;
    if (i == max_group_variables || group_bytes > max_group_bytes) {
      Report f{"groupmemory"};
      f.pc = pc_of(__builtin_return_address(0));
      f.n = int64_t(group_bytes);
      fail(f);
    }
    group_ids[i] = id;
    group_variables++;
    r.bytes = bytes;
    r.site = site;
    r.elem = uint32_t(elem);
    r.granule = align < 4 ? uint32_t(align) : 4;
  }
  return reinterpret_cast<void*>(r.start);
}

void* buffer(int i) { return reinterpret_cast<void*>(regions[i].start); }

size_t buffer_bytes(int i) { return regions[i].bytes; }

void find_unwritten() {
  for (int i = 0; i < buffers; i++) {
    Region& r = regions[i];
    if (!r.writable || r.initial) {
      continue;
    }
    int64_t first = -1, count = 0;
    for (size_t c = 0; c < r.bytes / r.granule; c++) {
      if (r.cells[c].write.tick == 0) {
        count++;
        first = first < 0 ? int64_t(c) : first;
      }
    }
    if (first >= 0) {
      Report f = about("unwritten", r, first * r.granule, r.granule, true, r.last_write);
      f.n = count * r.granule;
      f.m = r.last_write != 0;
      fail(f);
    }
  }
}

} // namespace emu

#define HERE __builtin_return_address(0)
#define EMU_HOOKS(n)                                                                                        \
  void __tsan_read##n(void* p) { emu::access(p, n, true, false, false, true, HERE); }                       \
  void __tsan_write##n(void* p) { emu::access(p, n, false, true, false, true, HERE); }                      \
  void __tsan_read_write##n(void* p) { emu::access(p, n, true, true, false, true, HERE); }                  \
  void __tsan_volatile_read##n(void* p) { emu::access(p, n, true, false, false, true, HERE); }              \
  void __tsan_volatile_write##n(void* p) { emu::access(p, n, false, true, false, true, HERE); }             \
  void __tsan_unaligned_read##n(void* p) { emu::access(p, n, true, false, false, false, HERE); }            \
  void __tsan_unaligned_write##n(void* p) { emu::access(p, n, false, true, false, false, HERE); }           \
  void __tsan_unaligned_read_write##n(void* p) { emu::access(p, n, true, true, false, false, HERE); }       \
  void __tsan_unaligned_volatile_read##n(void* p) { emu::access(p, n, true, false, false, false, HERE); }   \
  void __tsan_unaligned_volatile_write##n(void* p) { emu::access(p, n, false, true, false, false, HERE); }

// The names are those of the compilers' own run time, which is not linked.
extern "C" {
EMU_HOOKS(1)
EMU_HOOKS(2)
EMU_HOOKS(4)
EMU_HOOKS(8)
EMU_HOOKS(16)
void __tsan_init() {}
void __tsan_read_range(void* p, size_t n) { emu::access(p, n, true, false, false, false, HERE); }
void __tsan_write_range(void* p, size_t n) { emu::access(p, n, false, true, false, false, HERE); }
void* __tsan_memcpy(void* to, const void* from, size_t n) {
  emu::access(from, n, true, false, false, false, HERE);
  emu::access(to, n, false, true, false, false, HERE);
  return memcpy(to, from, n);
}
void* __tsan_memmove(void* to, const void* from, size_t n) {
  emu::access(from, n, true, false, false, false, HERE);
  emu::access(to, n, false, true, false, false, HERE);
  return memmove(to, from, n);
}
void* __tsan_memset(void* to, int v, size_t n) {
  emu::access(to, n, false, true, false, false, HERE);
  return memset(to, v, n);
}
void __tsan_func_entry(void* caller) {
  if (emu::Lane* l = emu::current) {
    emu::Fiber* f = l->fiber;
    if (f->depth < emu::max_calls) {
      f->calls[f->depth] = emu::pc_of(caller);
    }
    f->depth++;
  }
}
void __tsan_func_exit() {
  if (emu::Lane* l = emu::current) {
    l->fiber->depth--;
  }
}

// The undefined behaviour that the compiler itself finds: it brings the place with it.
struct EmuPlace {
  const char* file;
  uint32_t line, column;
};
struct EmuType {
  uint16_t kind, info;
  char name[1];
};
struct EmuBounds {
  EmuPlace at;
  const EmuType *array, *index;
};
static void emu_undefined(const char* kind, const EmuPlace& at, const char* text, int64_t n) {
  emu::Report f{kind};
  f.pc = emu::last_pc;
  f.text = text;
  f.n = n;
  f.m = strcmp(at.file, "header.metal") == 0;
  f.line = strcmp(at.file, "kernel.metal") == 0 || f.m ? int(at.line) : 0;
  emu::fail(f);
}
void __ubsan_handle_out_of_bounds(EmuBounds* b, uintptr_t i) {
  // Small indices come as they are, others as a pointer; the type's info is twice the logarithm of its bits, and a sign.
  int bits = 1 << (b->index->info >> 1);
  int64_t n = bits <= 64 ? int64_t(i) : 0;
  if (bits < 64 && (b->index->info & 1)) {
    n = int64_t(uint64_t(i) << (64 - bits)) >> (64 - bits);
  }
  emu_undefined("array", b->at, b->array->name, n);
}
void __ubsan_handle_divrem_overflow(EmuPlace* at, uintptr_t, uintptr_t divisor) { emu_undefined("divide", *at, "", int64_t(divisor)); }
void __ubsan_handle_missing_return(EmuPlace* at) { emu_undefined("noreturn", *at, "", 0); }
void __ubsan_handle_builtin_unreachable(EmuPlace* at) { emu_undefined("noreturn", *at, "", 0); }
}
#undef HERE
