// Evaluations that nobody waits for.
//
// MLX puts the kernel of every node into the queue of its stream by itself, and decides
// beforehand which memory each gets. Handing them over one by one costs more than many of
// them take, on the processors that the kernels could use. Here the whole tape is one
// task, which gives the nodes their memory as it comes to them.
//
// Until the task has run, its arrays are evaluated for all that MLX can see, and have an
// event, but no memory yet. Who reads them waits for the event. What would take their
// memory beforehand, MLX's own evaluation, first waits for all tasks.
#include <atomic>
#include <mutex>

#include "ext/bindings.h"
#include "ext/derive.h"
#include "ext/inline.h"
#include "mlx/event.h"
#include "mlx/memory.h"
#include "mlx/scheduler.h"

namespace adj {

using namespace mlx::core;

// Set when bindings are made: an initial value would be one of them.
static void (*stock_eval)(std::vector<array>);
static void (*stock_async_eval)(std::vector<array>);

namespace {

// Work is a node whose arrays no longer lead to it: they may go on to be used, and be
// dropped, by the thread that asked for them.
struct Work {
  std::shared_ptr<Primitive> primitive;
  std::vector<array> in, out;
};

struct Task {
  Signal done;
  std::vector<Work> works; // those before next are done
  size_t next = 0;
};

// Who would add one to so many tasks waits for all of them.
constexpr int most = 16;

std::atomic<int> waiting{0};
std::atomic<bool> broken{false}; // tasks that failed, or came after one that did, wait to be undone
std::mutex failed_mutex;
std::vector<std::shared_ptr<Task>> failed;

// compute evaluates a node. MLX's may ask their results for the primitive, which those
// that others see have no more.
bool compute(Work& w) {
  std::vector<array> out;
  out.reserve(w.out.size());
  for (auto& o : w.out) {
    out.emplace_back(o.shape(), o.dtype(), w.primitive, std::vector<array>{});
  }
  bool good = compute_here(*w.primitive, w.in, out);
  for (size_t i = 0; good && i < out.size(); i++) {
    w.out[i].copy_shared_buffer(out[i]);
  }
  return good;
}

void run(const std::shared_ptr<Task>& t) {
  bool good = !broken && with_tasks_here([&] {
    for (; t->next < t->works.size(); t->next++) {
      // Nothing must hold what a later op could overwrite.
      auto w = std::move(t->works[t->next]);
      if (!compute(w)) {
        t->works[t->next] = std::move(w);
        throw std::runtime_error("a node failed");
      }
    }
    t->done.give();
  });
  if (!good) {
    std::lock_guard<std::mutex> hold(failed_mutex);
    failed.push_back(t);
    broken = true;
  }
}

// Nothing is a node whose evaluation has an event that we want.
class Nothing : public Primitive {
 public:
  using Primitive::Primitive;
  const char* name() const override {
    return "Nothing";
  }
  void eval_cpu(const std::vector<array>&, std::vector<array>&) override {}
  void eval_gpu(const std::vector<array>&, std::vector<array>&) override {}
};

// signal_of_nothing has MLX make an event, which is not among what it exports, and
// takes the task that signals it.
Signal signal_of_nothing() {
  array a(Shape{}, bool_, std::make_shared<Nothing>(later_stream()), {});
  auto s = caught_signal([&] { stock_async_eval({a}); });
  s.event = a.event();
  return s;
}

// undo makes a node what it was before it was put into the queue.
void undo(Work& w) {
  for (size_t i = 0; i < w.out.size(); i++) {
    auto& o = w.out[i];
    auto siblings = w.out;
    siblings.erase(siblings.begin() + i);
    o.primitive_ptr() = w.primitive;
    o.inputs() = w.in;
    o.set_siblings(std::move(siblings), i);
    o.event() = Event{};
    o.set_status(array::Status::unscheduled);
  }
}

} // namespace

const Stream& later_stream() {
  static const Stream s = new_thread_unsafe_stream(Device::cpu);
  return s;
}

bool later(std::vector<array>& tape) {
  for (auto& a : tape) {
    if (a.is_tracer()) {
      return false;
    }
  }
  // Tasks hold what they read.
  if (waiting >= most || (waiting > 0 && get_active_memory() > get_memory_limit())) {
    settle_later();
  }
  auto t = std::make_shared<Task>();
  t->done = signal_of_nothing();
  t->works.reserve(tape.size());
  for (auto& entry : tape) {
    array a = std::move(entry);
    // MLX's own primitives need nothing.
    if (op_name(a.primitive()).empty()) {
      if (auto* own = dynamic_cast<Own*>(&a.primitive())) {
        own->prepare();
      }
    }
    t->works.push_back({a.primitive_ptr(), a.inputs(), a.outputs()});
    a.detach();
    for (auto& o : t->works.back().out) {
      o.attach_event(t->done.event);
      o.set_status(array::Status::evaluated);
    }
  }
  waiting++;
  scheduler::enqueue(stream(0), [t = std::move(t)] {
    run(t);
    waiting--;
  });
  return true;
}

void settle_failed() {
  if (!broken) {
    return;
  }
  synchronize(stream(0));
  std::lock_guard<std::mutex> hold(failed_mutex);
  for (auto& t : failed) {
    for (size_t i = t->next; i < t->works.size(); i++) {
      undo(t->works[i]);
    }
    t->done.give();
  }
  failed.clear();
  broken = false;
}

void settle_later() {
  if (tasks_run_here()) {
    return;
  }
  if (waiting > 0) {
    synchronize(stream(0));
  }
  settle_failed();
}

#if defined(__linux__)

static void (*stock_wait)(array*);

static void settled_eval(std::vector<array> outputs) {
  settle_later();
  stock_eval(std::move(outputs));
}
static void settled_async_eval(std::vector<array> outputs) {
  settle_later();
  stock_async_eval(std::move(outputs));
}
static void settled_wait(array* a) {
  settle_later();
  stock_wait(a);
}

bool later_init() {
  union {
    void (array::*m)();
    void* p;
    void (*f)(array*);
  } wait{&array::wait};
  stock_eval = eval;
  stock_async_eval = async_eval;
  stock_wait = wait.f;
  std::vector<Binding> bindings = {
      {"_ZN3mlx4core4evalESt6vectorINS0_5arrayESaIS2_EE", reinterpret_cast<void*>(&settled_eval)},
      {"_ZN3mlx4core10async_evalESt6vectorINS0_5arrayESaIS2_EE", reinterpret_cast<void*>(&settled_async_eval)},
      {"_ZN3mlx4core5array4waitEv", reinterpret_cast<void*>(&settled_wait)},
  };
  bind(bindings);
  return bindings[0].found > 0 && bindings[1].found > 0 && bindings[2].found > 0;
}

#else

bool later_init() {
  return false;
}

#endif

} // namespace adj
