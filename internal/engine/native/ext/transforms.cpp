// Derivatives of Go functions.
#include <cstring>

#include "ext/engine.h"
#include "mlx/transforms.h"

namespace adj {

using namespace mlx::core;

static bool is_stop(const array& a) {
  return a.has_primitive() && std::strcmp(a.primitive().name(), "StopGradient") == 0;
}

static const Stream& stream_of(const array& a) {
  return a.has_primitive() ? a.primitive().stream() : stream(0);
}

// Seed gives the outputs of a traced function their cotangents. MLX pairs them
// by position, passes over outputs that are stop_gradient nodes, and keeps one
// cotangent for an array that is returned twice; here each array is named once
// and the cotangents of its places are added up.
struct Seed {
  std::vector<array> outputs, cotangents;

  void add(const array& out, const array& ct) {
    if (is_stop(out)) {
      return;
    }
    for (size_t i = 0; i < outputs.size(); i++) {
      if (outputs[i].id() == out.id()) {
        cotangents[i] = mlx::core::add(cotangents[i], ct, stream_of(out));
        return;
      }
    }
    outputs.push_back(out);
    cotangents.push_back(ct);
  }
};

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

// differentiate runs fn on in and pulls back through it to the arguments wrt.
// seed is called with the results of fn and says what is pulled back.
static std::vector<array> differentiate(
    uint64_t fn, uint64_t trace, const std::vector<array>& in, const std::vector<int>& wrt,
    std::vector<array>* results, const std::function<void(const std::vector<array>&, Seed&)>& seed) {
  ensure_thread();
  Seed s;
  Marks marks(results);
  // vjp reads the cotangents after it has called the function, which is when
  // their number and shapes are known.
  auto fun = [&](const std::vector<array>& x) {
    marks.begin(x);
    *results = call_go(fn, trace, with(in, wrt, x));
    seed(*results, s);
    size_t stops;
    auto outs = shallow(s.outputs, &stops);
    // Auxiliary results are walked too, so that their tracer marks are cleared.
    std::vector<array> aux;
    for (auto& r : *results) {
      aux.push_back(is_stop(r) ? r : stop_gradient(r, stream_of(r)));
    }
    aux = shallow(aux, &stops);
    aux.insert(aux.end(), outs.begin(), outs.end());
    return aux;
  };
  return marks.end(vjp(fun, pick(in, wrt), s.cotangents).second);
}

static std::vector<int> indices(const uint32_t* p, uint64_t n) {
  return std::vector<int>(p, p + n);
}

static int grad(
    uint64_t fn, uint64_t trace, const uint64_t* in, uint64_t n,
    const uint32_t* wrt, uint64_t nwrt, uint64_t** out, uint64_t* nout) {
  return guarded([&] {
    std::vector<array> results;
    auto grads = differentiate(
        fn, trace, arrays(in, n), indices(wrt, nwrt), &results,
        [](const std::vector<array>& r, Seed& s) { s.add(r.at(0), array(1.0f)); });
    results.insert(results.end(), grads.begin(), grads.end());
    give(std::move(results), out, nout);
  });
}

static int vjp_of(
    uint64_t fn, uint64_t trace, const uint64_t* in, uint64_t n,
    const uint32_t* wrt, uint64_t nwrt, uint64_t* pullback, uint64_t** out, uint64_t* nout) {
  return guarded([&] {
    std::vector<array> results, placeholders;
    auto grads = differentiate(
        fn, trace, arrays(in, n), indices(wrt, nwrt), &results,
        [&](const std::vector<array>& r, Seed& s) {
          for (auto& a : r) {
            placeholders.push_back(array(a.shape(), a.dtype(), nullptr, {}));
            s.add(a, placeholders.back());
          }
        });
    *pullback = reinterpret_cast<uint64_t>(new Graph(placeholders, grads, [](const array&) {}));
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

// stop_counts cuts the tangents to the number of elements of an array, which a
// mean in a shapeless trace asks for: it has no forward rule, nor a derivative.
static void stop_counts(const std::vector<array>& outputs) {
  for (auto& a : topological(outputs, [](const array& a) { return a.has_primitive(); })) {
    if (std::strcmp(a.primitive().name(), "NumberOfElements") == 0) {
      a.inputs()[0] = stop_gradient(a.inputs()[0], a.primitive().stream());
    }
  }
}

static int jvp_of(
    uint64_t fn, uint64_t trace, const uint64_t* in, uint64_t n,
    const uint32_t* wrt, uint64_t nwrt, const uint64_t* tangents, uint64_t** out, uint64_t* nout) {
  ensure_thread();
  return guarded([&] {
    auto all = arrays(in, n);
    auto at = indices(wrt, nwrt);
    size_t stops = 0;
    std::vector<array> results;
    Marks marks(&results);
    auto fun = [&](const std::vector<array>& x) {
      marks.begin(x);
      results = call_go(fn, trace, with(all, at, x));
      stop_counts(results);
      return shallow(results, &stops);
    };
    auto r = marks.end(jvp(fun, pick(all, at), arrays(tangents, nwrt)).second);
    results.insert(results.end(), r.begin() + stops, r.end());
    give(std::move(results), out, nout);
  });
}

void fill_transforms(adj_api* api) {
  api->grad = grad;
  api->vjp = vjp_of;
  api->graph_run = graph_run;
  api->graph_free = graph_free;
  api->jvp = jvp_of;
}

} // namespace adj
