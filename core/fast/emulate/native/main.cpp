// The process: reads the plan, maps the buffers, gives up the right to ask the system for anything, runs the grid, and
// writes one report. Everything comes from and goes to the folder that the first argument names.
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

namespace emu {

void anchor() {}

static int report_fd = -1;
static bool reporting = false;

static void out(const char* format, ...) {
  char line[512];
  va_list args;
  va_start(args, format);
  int n = vsnprintf(line, sizeof line, format, args);
  va_end(args);
  if (n > 0) {
    ssize_t done = write(report_fd, line, size_t(n) < sizeof line ? size_t(n) : sizeof line - 1);
    (void)done;
  }
}

[[noreturn]] static void leave() {
  syscall(SYS_exit, 0); // exit_group is not among what is still allowed
  __builtin_unreachable();
}

[[noreturn]] void fail(const Report& r) {
  if (reporting) {
    leave();
  }
  reporting = true;
  const Lane* l = current;
  out("kind=%s\nop=%s\nregion=%d\noffset=%lld\nsize=%llu\nn=%lld\nm=%lld\nline=%d\ntext=%s\n", r.kind, r.op, r.region, (long long)r.offset,
      (unsigned long long)r.size, (long long)r.n, (long long)r.m, r.line, r.text);
  if (r.region >= 0) {
    const Region& g = regions[r.region];
    out("bytes=%llu\nelem=%u\ngroup=%d\nsite=%d\n", (unsigned long long)g.bytes, g.elem, int(g.group), g.site);
  }
  out("pc=%d\n", r.pc);
  if (l != nullptr) {
    out("thread=%u %u %u\n", group_index[0] * nominal[0] + l->position[0], group_index[1] * nominal[1] + l->position[1],
        group_index[2] * nominal[2] + l->position[2]);
    int depth = l->fiber == nullptr ? 0 : l->fiber->depth;
    for (int i = (depth < max_calls ? depth : max_calls) - 1; i >= 0; i--) {
      out("pc=%d\n", l->fiber->calls[i]);
    }
  }
  out("other=%d\n", r.other_pc);
  if (r.other_local >= 0) {
    const Lane& o = lanes[r.other_local];
    out("otherthread=%u %u %u\n", group_index[0] * nominal[0] + o.position[0], group_index[1] * nominal[1] + o.position[1],
        group_index[2] * nominal[2] + o.position[2]);
  }
  out("end=\n");
  leave();
}

static void on_signal(int number, siginfo_t* info, void* context) {
  auto* c = static_cast<ucontext_t*>(context);
#if defined(__x86_64__)
  auto at = uintptr_t(c->uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
  auto at = uintptr_t(c->uc_mcontext.pc);
#else
  uintptr_t at = 0;
#endif
  Report r{"crash"};
  r.pc = pc_of(reinterpret_cast<void*>(at + 1));
  r.other_pc = last_pc;
  r.n = number;
  auto a = uintptr_t(info->si_addr);
  if (number == SIGALRM) {
    r.kind = "timeout";
  } else if (number == SIGSEGV && current != nullptr && current->fiber != nullptr && a < current->fiber->low && current->fiber->low - a <= (64 << 10)) {
    r.kind = "stack";
  } else if (number == SIGFPE) {
    r.kind = "divide";
  }
  fail(r);
}

static bool watch_signals(uint64_t limit_ms) {
  static char stack[64 << 10];
  stack_t s{};
  s.ss_sp = stack;
  s.ss_size = sizeof stack;
  struct sigaction action{};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  if (sigaltstack(&s, nullptr) != 0) {
    return false;
  }
  for (int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGALRM}) {
    if (sigaction(number, &action, nullptr) != 0) {
      return false;
    }
  }
  itimerval t{};
  t.it_value.tv_sec = time_t(limit_ms / 1000);
  t.it_value.tv_usec = suseconds_t(limit_ms % 1000 * 1000);
  return setitimer(ITIMER_REAL, &t, nullptr) == 0;
}

static uint64_t next(const uint64_t*& p, const uint64_t* end) {
  if (p == end) {
    _exit(3);
  }
  return *p++;
}

static void say(const char* what) {
  dprintf(2, "%s: %s\n", what, strerror(errno));
  _exit(3);
}

static void set_up(const char* dir) {
  static uint64_t plan[16 + 4 * max_regions];
  float value;
  if (chdir(dir) != 0) {
    say("folder");
  }
  int fd = open("plan", O_RDONLY);
  ssize_t n = fd < 0 ? -1 : read(fd, plan, sizeof plan);
  if (n < 0) {
    say("plan");
  }
  close(fd);
  const uint64_t *p = plan, *end = plan + n / 8;
  uint64_t limit = next(p, end);
  for (auto* list : {grid, nominal}) {
    for (int i = 0; i < 3; i++) {
      list[i] = uint32_t(next(p, end));
    }
  }
  bool fill = next(p, end) != 0;
  auto bits = uint32_t(next(p, end));
  memcpy(&value, &bits, sizeof value);
  if (!reserve()) {
    say("address space");
  }
  for (uint64_t i = 0, regions = next(p, end); i < regions; i++) {
    char path[32];
    snprintf(path, sizeof path, "r%d", int(i));
    uint64_t bytes = next(p, end), elem = next(p, end), writable = next(p, end), initial = next(p, end);
    if (!add_region(path, bytes, uint32_t(elem), writable != 0, initial != 0)) {
      say("buffer");
    }
  }
  report_fd = open("report", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (report_fd < 0 || !reserve_group_memory() || !make_fibers() || !watch_signals(limit)) {
    say("set up");
  }
  if (fill) {
    emu_fill(value);
  }
}

} // namespace emu

int main(int argc, char** argv) {
  if (argc != 2) {
    return 3;
  }
  emu::set_up(argv[1]);
  prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT); // as good as it goes: where it is refused, the kernel runs without
  emu::run_grid();
  emu::find_unwritten();
  emu::out("kind=done\nend=\n");
  emu::leave();
}
