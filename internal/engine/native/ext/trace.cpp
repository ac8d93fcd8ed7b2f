// Traces: which are live on this thread, and the marks of their arrays.
#include <cstdlib>
#include <unordered_set>

#include "ext/engine.h"

namespace adj {

using namespace mlx::core;

// A callback that ends its goroutine abandons the frames of C++ below it, and
// deferred Go functions go on to write over them. So the traces do not lie in
// frames, and no destructor of the thread touches their arrays.
struct LiveTrace::Trace {
  uint64_t id;
  Trace* outer;
  std::vector<array> tracers; // the inputs that were marked
};

thread_local LiveTrace::Trace* LiveTrace::innermost_ = nullptr;

LiveTrace::LiveTrace(uint64_t id, const std::vector<array>& in) {
  auto* t = new Trace{id, innermost_, {}};
  for (auto& a : in) {
    if (a.is_tracer()) {
      t->tracers.push_back(a);
    }
  }
  innermost_ = t;
}

LiveTrace::~LiveTrace() {
  auto* t = innermost_;
  innermost_ = t->outer;
  delete t;
}

void LiveTrace::abandon() {
  innermost_ = innermost_->outer;
}

bool LiveTrace::any() {
  return innermost_;
}

bool LiveTrace::has(uint64_t id) {
  auto* t = innermost_;
  while (t && t->id != id) {
    t = t->outer;
  }
  return t;
}

uint64_t LiveTrace::current() {
  return innermost_ ? innermost_->id : 0;
}

void LiveTrace::mark(const std::vector<array>& first, const std::vector<array>& outputs) {
  for (auto* t = innermost_; t; t = t->outer) {
    for (auto& a : t->tracers) {
      a.set_tracer(true);
    }
  }
  auto propagate = [](array& a) {
    for (auto& in : a.inputs()) {
      if (in.is_tracer()) {
        a.set_tracer(true);
        for (auto& s : a.siblings()) {
          s.set_tracer(true);
        }
        return;
      }
    }
  };
  std::unordered_set<uintptr_t> known;
  for (auto a : first) {
    propagate(a);
    known.insert(a.id());
  }
  for (auto& a : topological(outputs, [&](const array& a) {
         return a.has_primitive() && !known.count(a.id());
       })) {
    propagate(a);
  }
}

std::vector<array> call_go(
    uint64_t fn, uint64_t trace, const std::vector<array>& in, std::vector<int>* axes) {
  LiveTrace live(trace, in);
  std::vector<uint64_t> h;
  for (auto& a : in) {
    h.push_back(handle(a));
  }
  uint64_t *out = nullptr, nout = 0;
  // Go owns the input handles from here on.
  int code = go.function(fn, h.data(), h.size(), &out, &nout);
  if (code) {
    throw GoError{};
  }
  std::vector<array> r;
  r.reserve(nout);
  for (uint64_t i = 0; i < nout; i++) {
    r.push_back(arr(out[i]));
    delete reinterpret_cast<array*>(out[i]);
    if (axes) {
      axes->push_back((int)(int64_t)out[nout + i]);
    }
  }
  std::free(out);
  return r;
}

static bool trace_live(uint64_t id) {
  return id == 0 || LiveTrace::has(id);
}

void fill_traces(adj_api* api) {
  api->trace_current = LiveTrace::current;
  api->trace_live = trace_live;
  api->trace_abandon = LiveTrace::abandon;
}

} // namespace adj
