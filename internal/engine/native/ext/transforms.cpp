// Derivatives of Go functions.
#include "ext/derive.h"

namespace adj {

using namespace mlx::core;

// with returns all with the arrays at the places wrt replaced.
static std::vector<array> with(
    std::vector<array> all, const std::vector<int>& wrt, const std::vector<array>& x) {
  for (size_t i = 0; i < wrt.size(); i++) {
    all[wrt[i]] = x[i];
  }
  return all;
}

static std::vector<array> pick(const std::vector<array>& all, const std::vector<int>& wrt) {
  std::vector<array> r;
  for (int i : wrt) {
    r.push_back(all.at(i));
  }
  return r;
}

// Marks puts the outer traces' marks back on the inputs and results of a
// derivative, also when it fails.
class Marks {
 public:
  explicit Marks(const std::vector<array>* results) : results_(results) {}
  void begin(const std::vector<array>& primals) {
    primals_ = primals;
  }
  std::vector<array> end(std::vector<array> derivatives) {
    derivatives_ = derivatives;
    return derivatives;
  }
  ~Marks() {
    if (LiveTrace::any()) {
      derivatives_.insert(derivatives_.end(), results_->begin(), results_->end());
      LiveTrace::mark(primals_, derivatives_);
    }
  }

 private:
  const std::vector<array>* results_;
  std::vector<array> primals_, derivatives_;
};

// differentiate runs fn on in, with tracers at the places wrt, and calls derive with the
// tape of its results while their graph is alive. kinds, when asked for, receives the
// function's word on each result: -1 for one without a derivative.
static void differentiate(
    uint64_t fn, uint64_t trace, const std::vector<array>& in, const std::vector<int>& wrt, bool forward,
    std::vector<array>* results, std::vector<int>* kinds,
    const std::function<std::vector<array>(const Tape&)>& derive,
    std::vector<array>* derivatives) {
  ensure_thread();
  Marks marks(results);
  in_grad_tracing(pick(in, wrt), [&](const std::vector<array>& x) {
    marks.begin(x);
    {
      Reversing on(!forward);
      *results = call_go(fn, trace, with(in, wrt, x), kinds);
    }
    Tape tape(*results, x, forward);
    tape.unmark();
    *derivatives = marks.end(derive(tape));
  });
}

static std::vector<int> indices(const uint32_t* p, uint64_t n) {
  return std::vector<int>(p, p + n);
}

static int grad(
    uint64_t fn, uint64_t trace, const uint64_t* in, uint64_t n,
    const uint32_t* wrt, uint64_t nwrt, uint64_t** out, uint64_t* nout) {
  return guarded([&] {
    auto all = arrays(in, n);
    auto at = indices(wrt, nwrt);
    std::vector<array> results, grads;
    differentiate(fn, trace, all, at, false, &results, nullptr, [&](const Tape& tape) {
      return filled(tape.pull({results.at(0)}, {array(1.0f)}), pick(all, at));
    }, &grads);
    results.insert(results.end(), grads.begin(), grads.end());
    give(std::move(results), out, nout);
  });
}

// placeholders returns arrays without a value, one like each of arrays.
static std::vector<array> placeholders(const std::vector<array>& like) {
  std::vector<array> r;
  for (auto& a : like) {
    r.push_back(array(a.shape(), a.dtype(), nullptr, {}));
  }
  return r;
}

// derived returns the results that have a derivative.
static std::vector<array> derived(const std::vector<array>& results, const std::vector<int>& kinds) {
  std::vector<array> r;
  for (size_t i = 0; i < results.size(); i++) {
    if (kinds[i] >= 0) {
      r.push_back(results[i]);
    }
  }
  return r;
}

static uint64_t record(const std::vector<array>& in, const std::vector<array>& out) {
  return reinterpret_cast<uint64_t>(new Graph(in, out, [](const array&) {}));
}

static int vjp_of(
    uint64_t fn, uint64_t trace, const uint64_t* in, uint64_t n,
    const uint32_t* wrt, uint64_t nwrt, uint64_t* pullback, uint64_t** out, uint64_t* nout) {
  return guarded([&] {
    auto all = arrays(in, n);
    auto at = indices(wrt, nwrt);
    std::vector<array> results, cotangents, grads;
    std::vector<int> kinds;
    differentiate(fn, trace, all, at, false, &results, &kinds, [&](const Tape& tape) {
      auto outs = derived(results, kinds);
      cotangents = placeholders(outs);
      return filled(tape.pull(outs, cotangents), pick(all, at));
    }, &grads);
    *pullback = record(cotangents, grads);
    give(std::move(results), out, nout);
  });
}

static int linearize(
    uint64_t fn, uint64_t trace, const uint64_t* in, uint64_t n,
    const uint32_t* wrt, uint64_t nwrt, uint64_t* pushforward, uint64_t** out, uint64_t* nout) {
  return guarded([&] {
    auto all = arrays(in, n);
    auto at = indices(wrt, nwrt);
    auto tangents = placeholders(pick(all, at));
    std::vector<array> results, found;
    std::vector<int> kinds;
    differentiate(fn, trace, all, at, true, &results, &kinds, [&](const Tape& tape) {
      auto outs = derived(results, kinds);
      return filled(tape.push(outs, tangents), outs);
    }, &found);
    *pushforward = record(tangents, found);
    give(std::move(results), out, nout);
  });
}

static int graph_run(uint64_t g, const uint64_t* in, uint64_t n, uint64_t** out, uint64_t* nout) {
  ensure_thread();
  return guarded([&] { give(reinterpret_cast<Graph*>(g)->run(arrays(in, n), false), out, nout); });
}

static void graph_free(uint64_t g) {
  delete reinterpret_cast<Graph*>(g);
}

static int jvp_of(
    uint64_t fn, uint64_t trace, const uint64_t* in, uint64_t n,
    const uint32_t* wrt, uint64_t nwrt, const uint64_t* tangents, uint64_t** out, uint64_t* nout) {
  return guarded([&] {
    std::vector<array> results, found;
    std::vector<int> kinds;
    differentiate(fn, trace, arrays(in, n), indices(wrt, nwrt), true, &results, &kinds, [&](const Tape& tape) {
      auto outs = derived(results, kinds);
      return filled(tape.push(outs, arrays(tangents, nwrt)), outs);
    }, &found);
    results.insert(results.end(), found.begin(), found.end());
    give(std::move(results), out, nout);
  });
}

void fill_transforms(adj_api* api) {
  api->grad = grad;
  api->vjp = vjp_of;
  api->linearize = linearize;
  api->graph_run = graph_run;
  api->graph_free = graph_free;
  api->jvp = jvp_of;
}

} // namespace adj
