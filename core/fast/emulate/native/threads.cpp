// Threads: those of one threadgroup are fibers of one OS thread, run in the order of their index until each waits or ends.
// Threadgroups run one after the other. A thread that never waits is a plain call: its fiber goes on with the next one.
#include <cstdlib>
#include <cstring>

#include <sys/mman.h>

namespace emu {

Lane lanes[max_group_threads];
Lane* current = nullptr;
uint32_t grid[3], nominal[3], group_index[3], group_size[3];
uint32_t tick = 1, group_start = 1, last_barrier[spaces], last_simd[max_simdgroups][spaces];

static Fiber fibers[max_group_threads];
static Fiber* idle[max_group_threads];
static int idle_count = 0;
static jmp_buf scheduler;
static ucontext_t home;
static int threads, next_fresh;
alignas(16) static unsigned char gathered[max_simdgroups][simd_width][max_deposit];
static uint32_t gathered_mask[max_simdgroups];

static void run_lane(Fiber* f, Lane* l) {
  Thread t;
  for (int i = 0; i < 3; i++) {
    t.thread_position_in_threadgroup[i] = l->position[i];
    t.threadgroup_position_in_grid[i] = group_index[i];
    t.thread_position_in_grid[i] = group_index[i] * nominal[i] + l->position[i];
    t.threads_per_grid[i] = grid[i];
    t.threads_per_threadgroup[i] = group_size[i];
    t.dispatch_threads_per_threadgroup[i] = nominal[i];
    t.threadgroups_per_grid[i] = (grid[i] + nominal[i] - 1) / nominal[i];
  }
  t.thread_index_in_threadgroup = l->local;
  l->fiber = f;
  f->lane = l;
  f->depth = 0;
  current = l;
  emu_kernel(t);
  settle();
  current = nullptr;
  l->wait = Wait::ended;
}

// Every fiber is entered once before the run, which alone needs the system's help, and waits here for threads.
static void fiber_main(unsigned i) {
  Fiber* f = &fibers[i];
  if (_setjmp(f->env) == 0) {
    setcontext(&home);
  }
  for (;;) {
    while (next_fresh < threads) {
      run_lane(f, &lanes[next_fresh++]);
    }
    idle[idle_count++] = f;
    if (_setjmp(f->env) == 0) {
      _longjmp(scheduler, 1);
    }
  }
}

bool make_fibers() {
  constexpr size_t guard = 64 << 10;
  unsigned n = nominal[0] * nominal[1] * nominal[2];
  auto* base = static_cast<char*>(mmap(nullptr, n * (stack_bytes + guard), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  if (base == MAP_FAILED) {
    return false;
  }
  for (unsigned i = 0; i < n; i++) {
    char* low = base + i * (stack_bytes + guard);
    if (mprotect(low, guard, PROT_NONE) != 0) {
      return false;
    }
    fibers[i].low = uintptr_t(low + guard);
    fibers[i].high = fibers[i].low + stack_bytes;
    ucontext_t c;
    getcontext(&c);
    c.uc_stack.ss_sp = low + guard;
    c.uc_stack.ss_size = stack_bytes;
    c.uc_link = nullptr;
    makecontext(&c, reinterpret_cast<void (*)()>(fiber_main), 1, i);
    swapcontext(&home, &c);
    idle[n - 1 - i] = &fibers[i];
  }
  idle_count = int(n);
  return true;
}

// resume lets a fiber run until it waits or has no thread left.
static void resume(Fiber* f) {
  if (_setjmp(scheduler) == 0) {
    _longjmp(f->env, 1);
  }
}

// wait ends the turn of the current thread.
static void wait(Wait why, uint32_t flags, const void* ret) {
  settle();
  Lane* l = current;
  l->wait = why;
  l->flags = flags;
  l->pc = pc_of(ret);
  current = nullptr;
  if (_setjmp(l->fiber->env) == 0) {
    _longjmp(scheduler, 1);
  }
  current = l;
}

void group_barrier(uint32_t fences) { wait(Wait::group_barrier, fences, __builtin_return_address(0)); }

void simd_barrier(uint32_t fences) { wait(Wait::simd_barrier, fences, __builtin_return_address(0)); }

uint32_t lane() { return current->local % simd_width; }

Gathered exchange(const void* value, size_t bytes) {
  Lane* l = current;
  memcpy(l->deposit, value, bytes);
  l->deposited = uint32_t(bytes);
  wait(Wait::exchange, 0, __builtin_return_address(0));
  int simd = l->local / simd_width;
  return {gathered_mask[simd], uint32_t(l->local % simd_width), gathered[simd]};
}

// compare orders the places where two threads wait as they stand in the program: what comes first in it goes first, so
// that threads which took different branches meet again behind them, as on a GPU.
static int compare(const Lane& a, const Lane& b) {
  const Fiber &f = *a.fiber, &g = *b.fiber;
  for (int i = 0; i < max_calls; i++) {
    Pc p = i < f.depth ? f.calls[i] : a.pc, q = i < g.depth ? g.calls[i] : b.pc;
    if (p != q) {
      return p < q ? -1 : 1;
    }
    if (i >= f.depth || i >= g.depth) {
      break;
    }
  }
  return 0;
}

static void fence(uint32_t (&last)[spaces], uint32_t flags) {
  tick++;
  if (flags & fence_group) {
    last[group_space] = tick;
  }
  if (flags & fence_device) {
    last[device_space] = tick;
  }
}

[[noreturn]] static void diverged(const Lane& at, const Lane& elsewhere, int64_t n, int64_t of) {
  Report r{"diverged"};
  r.op = at.wait == Wait::simd_barrier ? "simd" : "group";
  r.pc = at.pc;
  r.other_local = elsewhere.local;
  r.other_pc = elsewhere.wait == Wait::ended ? 0 : elsewhere.pc;
  r.n = n;
  r.m = of;
  current = const_cast<Lane*>(&at);
  fail(r);
}

// meet lets the lanes of a simdgroup that wait at its earliest place go on together.
static bool meet(int simd) {
  Lane* first = &lanes[simd * simd_width];
  int n = threads - simd * simd_width < simd_width ? threads - simd * simd_width : simd_width;
  Lane* at = nullptr;
  for (Lane* l = first; l < first + n; l++) {
    if ((l->wait == Wait::exchange || l->wait == Wait::simd_barrier) && (at == nullptr || compare(*l, *at) < 0)) {
      at = l;
    }
  }
  if (at == nullptr) {
    return false;
  }
  Wait why = at->wait;
  uint32_t mask = 0, flags = at->flags;
  Lane* absent = nullptr;
  for (int i = 0; i < n; i++) {
    if (first[i].wait == why && compare(first[i], *at) == 0) {
      mask |= 1u << i;
    } else if (absent == nullptr) {
      absent = &first[i];
    }
  }
  if (why == Wait::simd_barrier && absent != nullptr) {
    diverged(*at, *absent, __builtin_popcount(mask), n);
  }
  for (int i = 0; i < simd_width; i++) {
    if (mask >> i & 1) {
      memcpy(gathered[simd][i], first[i].deposit, first[i].deposited);
      first[i].wait = Wait::ready;
    } else {
      memset(gathered[simd][i], 0xff, max_deposit); // not a number, for who reads a lane that is not here
    }
  }
  gathered_mask[simd] = mask;
  if (why == Wait::simd_barrier) {
    fence(last_simd[simd], flags);
  }
  return true;
}

// meet_all lets a threadgroup go on from its barrier. It tells whether there was one.
static bool meet_all() {
  Lane *at = nullptr, *absent = nullptr;
  int64_t here = 0;
  for (Lane* l = lanes; l < lanes + threads; l++) {
    if (l->wait == Wait::group_barrier && at == nullptr) {
      at = l;
    }
  }
  if (at == nullptr) {
    return false;
  }
  for (Lane* l = lanes; l < lanes + threads; l++) {
    if (l->wait == Wait::group_barrier && compare(*l, *at) == 0) {
      here++;
    } else if (absent == nullptr) {
      absent = l;
    }
  }
  if (absent != nullptr) {
    diverged(*at, *absent, here, threads);
  }
  fence(last_barrier, at->flags);
  for (Lane* l = lanes; l < lanes + threads; l++) {
    l->wait = Wait::ready;
  }
  return true;
}

static void run_group() {
  threads = 0;
  for (uint32_t z = 0; z < group_size[2]; z++) {
    for (uint32_t y = 0; y < group_size[1]; y++) {
      for (uint32_t x = 0; x < group_size[0]; x++) {
        Lane& l = lanes[threads];
        l.wait = Wait::fresh;
        l.local = uint16_t(threads++);
        l.position[0] = x;
        l.position[1] = y;
        l.position[2] = z;
      }
    }
  }
  group_start = last_barrier[group_space] = last_barrier[device_space] = ++tick;
  for (auto& last : last_simd) {
    last[group_space] = last[device_space] = tick;
  }
  next_fresh = 0;
  while (next_fresh < threads) {
    resume(idle[--idle_count]);
  }
  for (;;) {
    bool met = false;
    for (int simd = 0; simd * simd_width < threads; simd++) {
      met |= meet(simd);
    }
    if (!met && !meet_all()) {
      return;
    }
    for (Lane* l = lanes; l < lanes + threads; l++) {
      if (l->wait == Wait::ready) {
        resume(l->fiber);
      }
    }
  }
}

void run_grid() {
  uint32_t groups[3];
  for (int i = 0; i < 3; i++) {
    groups[i] = (grid[i] + nominal[i] - 1) / nominal[i];
  }
  for (group_index[2] = 0; group_index[2] < groups[2]; group_index[2]++) {
    for (group_index[1] = 0; group_index[1] < groups[1]; group_index[1]++) {
      for (group_index[0] = 0; group_index[0] < groups[0]; group_index[0]++) {
        for (int i = 0; i < 3; i++) {
          uint32_t left = grid[i] - group_index[i] * nominal[i];
          group_size[i] = left < nominal[i] ? left : nominal[i];
        }
        run_group();
      }
    }
  }
}

} // namespace emu
