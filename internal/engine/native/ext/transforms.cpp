// Derivatives and vmap of Go functions.
#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "ext/engine.h"
#include "mlx/transforms.h"
#include "mlx/transforms_impl.h"

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

// differentiate runs fn on in and pulls back through it to the arguments wrt.
// seed is called with the results of fn and says what is pulled back.
static std::vector<array> differentiate(
    uint64_t fn, uint64_t trace, const std::vector<array>& in, const std::vector<int>& wrt,
    std::vector<array>* results, const std::function<void(const std::vector<array>&, Seed&)>& seed) {
  ensure_thread();
  Seed s;
  // vjp reads the cotangents after it has called the function, which is when
  // their number and shapes are known.
  auto fun = [&](const std::vector<array>& x) {
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
  return vjp(fun, pick(in, wrt), s.cotangents).second;
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

static int jvp_of(
    uint64_t fn, uint64_t trace, const uint64_t* in, uint64_t n,
    const uint32_t* wrt, uint64_t nwrt, const uint64_t* tangents, uint64_t** out, uint64_t* nout) {
  ensure_thread();
  return guarded([&] {
    auto all = arrays(in, n);
    auto at = indices(wrt, nwrt);
    size_t stops = 0;
    std::vector<array> results;
    auto fun = [&](const std::vector<array>& x) {
      results = call_go(fn, trace, with(all, at, x));
      return shallow(results, &stops);
    };
    auto r = jvp(fun, pick(all, at), arrays(tangents, nwrt)).second;
    results.insert(results.end(), r.begin() + stops, r.end());
    give(std::move(results), out, nout);
  });
}

// reaches says for each of outputs whether it depends on one of from.
static std::vector<bool> reaches(
    const std::vector<array>& outputs, const std::vector<array>& from) {
  std::vector<bool> r;
  for (auto& o : outputs) {
    bool dep = false;
    for (auto& f : from) {
      dep = dep || f.id() == o.id();
    }
    if (!dep) {
      Graph g(from, {o}, [](const array&) {});
      dep = g.nodes() > 0;
    }
    r.push_back(dep);
  }
  return r;
}

static int vmap_of(
    uint64_t fn, uint64_t trace, const uint64_t* in, const int* axes, uint64_t n,
    uint64_t** out, uint64_t* nout) {
  ensure_thread();
  return guarded([&] {
    auto inputs = arrays(in, n);
    std::vector<int> in_axes(axes, axes + n), out_axes;
    size_t stops = 0;
    std::vector<array> results;
    auto traced = detail::vmap_trace(
        [&](const std::vector<array>& x) {
          results = call_go(fn, trace, x, &out_axes);
          return results;
        },
        inputs, in_axes);
    std::vector<array> mapped, mapped_from;
    std::vector<int> mapped_axes;
    for (uint64_t i = 0; i < n; i++) {
      if (in_axes[i] >= 0) {
        mapped_from.push_back(traced.first[i]);
      }
    }
    std::vector<array> unmapped;
    for (size_t i = 0; i < results.size(); i++) {
      if (out_axes[i] >= 0) {
        mapped.push_back(results[i]);
        mapped_axes.push_back(out_axes[i]);
      } else {
        unmapped.push_back(results[i]);
      }
    }
    for (bool dep : reaches(unmapped, mapped_from)) {
      if (dep) {
        throw std::invalid_argument(
            "a result with no out axis depends on a mapped argument");
      }
    }
    auto outs = shallow(mapped, &stops);
    mapped_axes.insert(mapped_axes.begin(), stops, 0);
    auto r = detail::vmap_replace(inputs, traced.first, outs, in_axes, mapped_axes);
    std::vector<array> give_back;
    size_t next = stops;
    for (size_t i = 0; i < results.size(); i++) {
      give_back.push_back(out_axes[i] >= 0 ? r[next++] : results[i]);
    }
    give(std::move(give_back), out, nout);
  });
}

void fill_transforms(adj_api* api) {
  api->grad = grad;
  api->vjp = vjp_of;
  api->graph_run = graph_run;
  api->graph_free = graph_free;
  api->jvp = jvp_of;
  api->vmap = vmap_of;
}

} // namespace adj
