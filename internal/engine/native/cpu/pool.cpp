// A pool whose threads look for work for a short while and then sleep.
#include "cpu/pool.h"

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <thread>

#if defined(__linux__)
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#elif defined(__APPLE__)
#include <pthread.h>
#include <signal.h>
#endif

namespace adj::cpu {

namespace {

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

int processors() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    return CPU_COUNT(&set);
  }
#endif
  return (int)std::thread::hardware_concurrency();
}

int wanted() {
  int n = 0;
  if (auto* s = std::getenv("ADJOINT_NUM_THREADS")) {
    n = std::atoi(s);
  }
  n = n > 0 ? n : processors();
  return n < 1 ? 1 : n > 256 ? 256 : n;
}

// A thread that finds no work for so many looks goes to sleep; about 50 µs.
constexpr int looks = 2000;

// The number of the next part while there is none to take.
constexpr uint32_t closed = ~uint32_t(0);

class Pool {
 public:
  explicit Pool(int n) {
    // Signals are the business of other threads.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (int i = 1; i < n; i++) {
      std::thread([this] { work(); }).detach();
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  bool run(size_t n, Part part, void* job) {
    std::unique_lock<std::mutex> lock(busy_, std::try_to_lock);
    if (!lock.owns_lock()) {
      return false;
    }
    // A thread that still looks at the last round must not take one of its tickets for
    // a part of this one: they end before anything changes.
    ticket_.store((uint64_t)++round_ << 32 | closed, std::memory_order_seq_cst);
    part_.store(part, std::memory_order_release);
    job_.store(job, std::memory_order_release);
    count_.store((uint32_t)n, std::memory_order_release);
    left_.store(n, std::memory_order_relaxed);
    ticket_.store((uint64_t)round_ << 32, std::memory_order_seq_cst);
    if (asleep_.load(std::memory_order_seq_cst) > 0) {
      rounds_.fetch_add(1);
      rounds_.notify_all();
    }
    take();
    while (left_.load(std::memory_order_acquire) > 0) {
      pause();
    }
    return true;
  }

 private:
  // take does parts until none are left, and says whether it did any.
  bool take() {
    bool any = false;
    for (;;) {
      uint64_t t = ticket_.load(std::memory_order_acquire);
      auto part = part_.load(std::memory_order_acquire);
      auto job = job_.load(std::memory_order_acquire);
      if ((uint32_t)t >= count_.load(std::memory_order_acquire)) {
        return any;
      }
      // Success says that all of this belongs to one round: who sees anything of the
      // next one sees that the tickets of this one have ended, too.
      if (!ticket_.compare_exchange_weak(t, t + 1, std::memory_order_acq_rel)) {
        continue;
      }
      part(job, (uint32_t)t);
      any = true;
      left_.fetch_sub(1, std::memory_order_acq_rel);
    }
  }

  void work();

  std::mutex busy_;
  uint32_t round_ = 0; // guarded by busy_
  std::atomic<uint64_t> ticket_{0}; // the round, and the next part
  std::atomic<Part> part_{nullptr};
  std::atomic<void*> job_{nullptr};
  std::atomic<uint32_t> count_{0};
  std::atomic<size_t> left_{0};
  std::atomic<uint32_t> rounds_{0}, asleep_{0};
};

thread_local bool inside = false;

void Pool::work() {
  inside = true;
  for (int idle = 0;;) {
    if (take()) {
      idle = 0;
      continue;
    }
    if (++idle < looks) {
      pause();
      continue;
    }
    auto seen = rounds_.load();
    asleep_.fetch_add(1, std::memory_order_seq_cst);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (!take()) {
      rounds_.wait(seen);
    }
    asleep_.fetch_sub(1, std::memory_order_seq_cst);
    idle = 0;
  }
}

// Its threads may run until the process ends, so it is never destroyed.
Pool& pool() {
  static auto* p = new Pool(threads());
  return *p;
}

} // namespace

int threads() {
  static const int n = wanted();
  return n;
}

void share(size_t n, Part part, void* job) {
  if (n > 1 && n < ~uint32_t(0) && threads() > 1 && !inside) {
    inside = true;
    bool done = pool().run(n, part, job);
    inside = false;
    if (done) {
      return;
    }
  }
  for (size_t i = 0; i < n; i++) {
    part(job, i);
  }
}

} // namespace adj::cpu
