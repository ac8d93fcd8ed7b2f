// Evaluation on the calling thread.
//
// MLX hands every CPU task to its stream's thread, which costs about 50 µs for
// a small graph. When a graph lies wholly on the CPU stream and that stream's
// queue is empty, its tasks may as well run at once on the thread that waits for
// them. The tasks pass through two functions of MLX's scheduler; their bindings
// in libmlx and in this library are replaced, and the replacements run a task
// directly while inlining is on for this thread. What is not waited for is one task of
// the queue, see later.cpp. Where the bindings are not found MLX's own way is used.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <vector>

#include "ext/bindings.h"
#include "ext/engine.h"
#include "ext/inline.h"
#include "mlx/backend/cpu/encoder.h"
#include "mlx/scheduler.h"

namespace adj {

using namespace mlx::core;

static bool hooked = false;
static bool queued = false; // something may be in the CPU stream's queue
static thread_local bool inlining = false;
static thread_local std::exception_ptr failure;
static thread_local std::function<void(Event&)>* catching = nullptr; // where a signal's task goes

void queue_used() {
  queued = true;
}

bool tasks_run_here() {
  return inlining;
}

#if defined(__linux__)

using EnqueueFn = void (*)(scheduler::Scheduler*, Stream, std::function<void()>);
using SignalFn = void (*)(scheduler::Scheduler*, Stream, Event, std::function<void(Event&)>);

static EnqueueFn queue_task = nullptr;
static SignalFn queue_signal = nullptr;

static void keep_failure() {
  if (!failure) {
    failure = std::current_exception();
  }
}

static void enqueue(scheduler::Scheduler* self, Stream s, std::function<void()> task) {
  if (!inlining) {
    queue_task(self, s, std::move(task));
    return;
  }
  try {
    task();
  } catch (...) {
    keep_failure();
  }
}

static void signal(
    scheduler::Scheduler* self, Stream s, Event event, std::function<void(Event&)> task) {
  if (catching) {
    *catching = std::move(task);
    return;
  }
  if (!inlining) {
    queue_signal(self, s, std::move(event), std::move(task));
    return;
  }
  try {
    task(event);
  } catch (...) {
    keep_failure();
  }
}

void inline_init() {
  const char* off = std::getenv("ADJOINT_INLINE");
  if (off && std::strcmp(off, "0") == 0) {
    return;
  }
  // The addresses of the members, as libmlx defines them.
  union {
    void (scheduler::Scheduler::*m)(Stream, std::function<void()>);
    void* p;
  } task{&scheduler::Scheduler::enqueue};
  union {
    void (scheduler::Scheduler::*m)(Stream, Event, std::function<void(Event&)>);
    void* p;
  } sig{&scheduler::Scheduler::signal_event};
  queue_task = reinterpret_cast<EnqueueFn>(task.p);
  queue_signal = reinterpret_cast<SignalFn>(sig.p);
  std::vector<Binding> bindings = {
      {"_ZN3mlx4core9scheduler9Scheduler7enqueueENS0_6StreamESt8functionIFvvEE",
       reinterpret_cast<void*>(&enqueue)},
      {"_ZN3mlx4core9scheduler9Scheduler12signal_eventENS0_6StreamENS0_5EventESt8functionIFvRS4_EE",
       reinterpret_cast<void*>(&signal)},
  };
  bind(bindings);
  hooked = bindings[0].found > 0 && bindings[1].found > 0 && later_init();
}

#else

void inline_init() {}

#endif

// Seen is a set of array ids whose memory is kept for the next walk.
class Seen {
 public:
  // Adds id and says whether it is new.
  bool insert(uintptr_t id) {
    if (2 * (n_ + 1) > slots_.size()) {
      grow();
    }
    if (!place(id)) {
      return false;
    }
    n_++;
    return true;
  }
  void clear() {
    if (n_ > 0) {
      std::fill(slots_.begin(), slots_.end(), 0);
    }
    if (slots_.size() > 1 << 16) {
      slots_ = std::vector<uintptr_t>(64);
    }
    n_ = 0;
  }

 private:
  bool place(uintptr_t id) {
    size_t mask = slots_.size() - 1;
    for (size_t i = (id >> 4) * 0x9E3779B97F4A7C15ull >> 20;; i++) {
      auto& s = slots_[i & mask];
      if (s == id) {
        return false;
      }
      if (s == 0) {
        s = id;
        return true;
      }
    }
  }
  void grow() {
    auto old = std::move(slots_);
    slots_ = std::vector<uintptr_t>(std::max<size_t>(64, 2 * old.size()));
    for (auto id : old) {
      if (id) {
        place(id);
      }
    }
  }
  std::vector<uintptr_t> slots_;
  size_t n_ = 0;
};

// order lists what outputs still need, inputs first. It says false when something
// of it is not the business of the CPU stream alone.
static bool order(const std::vector<array>& outputs, std::vector<array>& tape) {
  static thread_local Seen seen;
  static thread_local std::vector<std::pair<const array*, size_t>> stack;
  seen.clear();
  stack.clear();
  auto& cpu = stream(0);
  auto visit = [&](const array& a) {
    if (a.is_available()) {
      return true;
    }
    if (a.event().valid()) {
      auto& s = a.event().stream();
      return s == cpu || s == later_stream(); // it has its turn before this
    }
    if (a.status() != array::Status::unscheduled || !seen.insert(a.id())) {
      return true;
    }
    if (!a.has_primitive() || !(a.primitive().stream() == cpu)) {
      return false;
    }
    for (auto& s : a.siblings()) {
      seen.insert(s.id());
    }
    stack.emplace_back(&a, 0);
    return true;
  };
  for (auto& o : outputs) {
    if (!visit(o)) {
      return false;
    }
    while (!stack.empty()) {
      auto& [a, next] = stack.back();
      if (next < a->inputs().size()) {
        if (!visit(a->inputs()[next++])) {
          return false;
        }
        continue;
      }
      tape.push_back(*a);
      stack.pop_back();
    }
  }
  return true;
}

bool compute_here(Primitive& p, const std::vector<array>& in, std::vector<array>& out) {
  try {
    p.eval_cpu(in, out);
  } catch (...) {
    keep_failure();
  }
  cpu::get_command_encoder(stream(0)).temporaries().clear();
  return !failure;
}

// run evaluates the tape on this thread. What fails stays unevaluated, and so does
// all that comes after it.
static void run(std::vector<array>& tape) {
  for (auto& entry : tape) {
    // The tape must not hold what a later op could overwrite.
    array a = std::move(entry);
    auto outputs = a.outputs();
    {
      std::vector<array> kept;
      if (a.is_tracer()) {
        kept = a.inputs();
      }
      if (!compute_here(a.primitive(), a.inputs(), outputs)) {
        return;
      }
    }
    for (auto& o : outputs) {
      o.set_status(array::Status::available);
    }
    if (!a.is_tracer()) {
      a.detach();
    }
  }
}

bool eval_node(array& a) {
  auto s = a.primitive().stream();
  auto outputs = a.outputs();
  a.primitive().eval_cpu(a.inputs(), outputs);
  auto& encoder = cpu::get_command_encoder(s);
  if (inlining) {
    encoder.temporaries().clear();
  } else {
    std::vector<std::shared_ptr<array::Data>> held;
    for (auto& in : a.inputs()) {
      held.push_back(in.data_shared_ptr());
    }
    for (auto& o : outputs) {
      held.push_back(o.data_shared_ptr());
    }
    encoder.dispatch([held = std::move(held), temporaries = std::move(encoder.temporaries())] {});
  }
  if (failure) {
    return false;
  }
  for (auto& o : outputs) {
    o.set_status(inlining ? array::Status::available : array::Status::evaluated);
  }
  a.detach();
  return true;
}

bool settle(const Stream& s) {
  if (!inlining) {
    synchronize(s);
  }
  return !failure;
}

// small says whether a tape is done in about the time that handing it to another
// thread takes.
static bool small(const std::vector<array>& tape) {
  constexpr size_t most = 256 << 10;
  size_t bytes = 0;
  for (auto& a : tape) {
    bytes += a.nbytes();
    for (auto& s : a.siblings()) {
      bytes += s.nbytes();
    }
    if (bytes > most) {
      return false;
    }
  }
  return true;
}

TasksHere::TasksHere() : outer_(std::exchange(inlining, true)) {}
TasksHere::~TasksHere() {
  inlining = outer_;
}

bool with_tasks_here(const std::function<void()>& f) {
  failure = nullptr;
  inlining = true;
  try {
    f();
  } catch (...) {
    keep_failure();
  }
  inlining = false;
  return !failure;
}

Signal caught_signal(const std::function<void()>& f) {
  Signal s;
  catching = &s.task;
  with_tasks_here(f);
  catching = nullptr;
  return s;
}

bool eval_inline(std::vector<array> outputs, bool wait) {
  if (!hooked || inlining) {
    return false;
  }
  if (wait && queued) {
    synchronize(stream(0));
    queued = false;
  }
  settle_failed();
  std::vector<array> tape;
  if (!order(outputs, tape)) {
    settle_later();
    queued = true;
    return false;
  }
  if (!wait && (queued || !small(tape))) {
    queued = true;
    return later(tape);
  }
  if (!with_tasks_here([&] { run(tape); })) {
    std::rethrow_exception(std::exchange(failure, nullptr));
  }
  return true;
}

} // namespace adj
