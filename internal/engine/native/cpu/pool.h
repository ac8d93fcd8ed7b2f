// One pool of threads for all work of the CPU.
#pragma once
#include <cstddef>
#include <utility>

namespace adj::cpu {

// threads is how many threads compute at once, the caller's among them:
// ADJOINT_NUM_THREADS, else as many as this process may run on.
int threads();

// A Part does part i of a job.
using Part = void (*)(void* job, size_t i);

// share calls part(job, i) for each i below n, on the pool's threads and on this
// one, and returns when all are done. No part may throw. Called by a part, or while
// another thread shares out work, it does all of it here.
void share(size_t n, Part part, void* job);

// each shares out f(i) for each i below n.
template <class F> void each(size_t n, F&& f) {
  if (n == 1) {
    f(size_t(0));
    return;
  }
  share(n, [](void* job, size_t i) { (*static_cast<F*>(job))(i); }, const_cast<void*>(static_cast<const void*>(&f)));
}

// split shares out f(begin, end) for ranges that cover [0, n), none of which is
// shorter than grain but the last. Their bounds do not depend on the number of
// threads when whole is given: then each is a multiple of whole but the last.
template <class F> void split(size_t n, size_t grain, F&& f) {
  if (n <= grain || threads() == 1) {
    if (n > 0) {
      f(size_t(0), n);
    }
    return;
  }
  // A few ranges for each thread even out what else the processors do.
  size_t most = (n + grain - 1) / grain, parts = 4 * (size_t)threads();
  size_t length = most <= parts ? grain : (n + parts * grain - 1) / (parts * grain) * grain;
  each((n + length - 1) / length, [&](size_t i) { f(i * length, i * length + length < n ? i * length + length : n); });
}

} // namespace adj::cpu
