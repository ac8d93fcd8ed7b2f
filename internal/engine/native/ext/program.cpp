// Programs: the traces of one compiled function, by key.
#include <algorithm>
#include <cstdlib>
#include <list>
#include <memory>
#include <unordered_map>
#include <unordered_set>

#include "ext/engine.h"
#include "ext/passes.h"
#include "ext/whole.h"
#include "mlx/export.h"
#include "mlx/transforms_impl.h"

namespace adj {

using namespace mlx::core;

namespace {

struct Entry {
  std::string key;
  uint64_t tag;
  Graph graph; // as it was recorded, which is what other transforms see
  Optimised fast; // what runs at the sizes of the trace
  bool shapeless;
  std::vector<Shape> traced; // shapeless: the sizes of the first trace
  bool trusted = false; // shapeless: a second trace at other sizes agreed
};

// A replay may call Go, which gives up the lock; it holds its entry meanwhile.
using Held = std::shared_ptr<const Entry>;

struct Program {
  std::list<std::shared_ptr<Entry>> entries; // most recently used first
  std::unordered_map<std::string, std::list<std::shared_ptr<Entry>>::iterator> index;
};

Program& get(uint64_t p) {
  return *reinterpret_cast<Program*>(p);
}

// full_key extends Go's part of the key (structure, static leaves, mode) by the
// stream and the dtypes and sizes of the inputs. A shapeless key holds a class
// per axis: 0, 1 or more.
std::string full_key(
    const char* key, uint64_t nkey, const std::vector<array>& in, bool shapeless) {
  std::string k(key, nkey);
  auto put = [&](int64_t v) { k.append(reinterpret_cast<char*>(&v), sizeof v); };
  put((int64_t)reinterpret_cast<intptr_t>(adj_stream().ctx));
  put(shapeless);
  for (auto& a : in) {
    put((int64_t)(int)a.dtype().val() << 32 | (int64_t)a.ndim());
    for (auto d : a.shape()) {
      put(shapeless ? (d > 1 ? 2 : d) : d);
    }
  }
  return k;
}

// sizeless says whether to leave the sizes out of a trace. Those of empty arrays
// stay: some of MLX's operations do not survive them, and the rows that stand in
// for these ask for the size.
bool sizeless(bool shapeless, const std::vector<array>& in) {
  return shapeless &&
      std::none_of(in.begin(), in.end(), [](auto& a) { return a.size() == 0; });
}

std::vector<Shape> sizes(const std::vector<array>& in) {
  std::vector<Shape> s;
  for (auto& a : in) {
    s.push_back(a.shape());
  }
  return s;
}

void give_words(const std::vector<uint64_t>& v, uint64_t** out, uint64_t* nout) {
  *nout = v.size();
  *out = static_cast<uint64_t*>(std::malloc(sizeof(uint64_t) * (v.size() + 1)));
  std::copy(v.begin(), v.end(), *out);
}

// trace runs fn on placeholders and records its graph.
Graph trace_graph(
    uint64_t fn, uint64_t trace, const std::vector<array>& in, bool shapeless) {
  std::unordered_set<uintptr_t> given;
  for (auto& a : in) {
    given.insert(a.id());
  }
  std::vector<Graph> result;
  auto record = [&](const std::vector<array>& placeholders) {
    Sizeless on(shapeless);
    auto outs = call_go(fn, trace, placeholders);
    result.emplace_back(placeholders, outs, [&](const array& a) {
      if (given.count(a.id())) {
        throw std::invalid_argument(
            "[compile] an array that is an argument is also captured by the function");
      }
    }, true);
    return outs;
  };
  if (!shapeless) {
    std::vector<array> placeholders;
    for (auto& a : in) {
      placeholders.push_back(array(a.shape(), a.dtype(), nullptr, {}));
      placeholders.back().set_tracer(true);
    }
    std::vector<int> unmapped(in.size(), -1);
    detail::vmap_trace(record, placeholders, unmapped);
  } else {
    // Only an export sets MLX's mark for dynamic shapes.
    std::vector<array> like;
    for (auto& a : in) {
      like.push_back(array(a.shape(), a.dtype(), nullptr, {}));
    }
    export_function(
        ExportCallback([](const ExportCallbackInput&) {}),
        std::function<std::vector<array>(const Args&)>([&](const Args& x) {
          record(x);
          return std::vector<array>{};
        }),
        like, true);
  }
  return std::move(result.at(0));
}

// expanded is g at the sizes of its trace, with what was recorded whole taken apart.
Graph expanded(const Graph& g) {
  std::vector<array> in;
  for (auto& s : g.input_specs()) {
    in.push_back(array(s.shape, s.dtype, nullptr, {}));
    in.back().set_tracer(true);
  }
  Graph r(in, g.run(in, false), [](const array&) {}, true);
  r.eval_constants();
  return r;
}

} // namespace

static uint64_t program_new() {
  return reinterpret_cast<uint64_t>(new Program);
}
static void program_free(uint64_t p) {
  delete &get(p);
}
static uint64_t program_size(uint64_t p) {
  return get(p).entries.size();
}
static void program_clear(uint64_t p) {
  get(p).index.clear();
  get(p).entries.clear();
}

// Results of at most this size are marked as small.
constexpr size_t small_result = 1024;

static int program_run(
    uint64_t ph, const char* key, uint64_t nkey, const uint64_t* h, uint64_t n,
    bool shapeless, uint64_t* tag, uint64_t* buf, uint64_t cap, uint64_t** out, uint64_t* nout) {
  ensure_thread();
  int code = ADJ_OK;
  int failed = guarded([&] {
    auto& p = get(ph);
    auto in = arrays(h, n);
    shapeless = sizeless(shapeless, in);
    auto it = p.index.find(full_key(key, nkey, in, shapeless));
    if (it == p.index.end()) {
      code = ADJ_MISS;
      return;
    }
    Held held = *it->second;
    auto& e = *held;
    bool same = !shapeless || e.traced == sizes(in);
    if (!same && !e.trusted) {
      code = ADJ_MISS;
      return;
    }
    p.entries.splice(p.entries.begin(), p.entries, it->second);
    *tag = e.tag;
    bool tracing = watched() || std::any_of(in.begin(), in.end(), [](const array& a) { return a.is_tracer(); });
    auto results = tracing || !same ? e.graph.run(in, !same) : e.fast.graph.run(in, false);
    *nout = results.size();
    auto* to = buf;
    if (results.size() > cap) {
      to = *out = static_cast<uint64_t*>(std::malloc(sizeof(uint64_t) * results.size()));
    }
    for (auto& r : results) {
      bool small = r.nbytes() <= small_result;
      *to++ = handle(std::move(r)) | small;
    }
  });
  return failed ? failed : code;
}

// shrink drops the least recently used entries beyond limit.
static void shrink(Program& p, uint64_t limit, std::vector<uint64_t>& evicted) {
  while (p.entries.size() > limit) {
    evicted.push_back(p.entries.back()->tag);
    p.index.erase(p.entries.back()->key);
    p.entries.pop_back();
  }
}

static int program_trace(
    uint64_t ph, uint64_t fn, uint64_t trace, const char* key, uint64_t nkey,
    const uint64_t* h, uint64_t n, bool shapeless, int mode, uint64_t limit, uint64_t tag,
    uint64_t** out, uint64_t* nout) {
  ensure_thread();
  return guarded([&] {
    auto in = arrays(h, n);
    shapeless = sizeless(shapeless, in);
    auto g = trace_graph(fn, trace, in, shapeless);
    g.eval_constants();
    auto fast = optimise(shapeless ? expanded(g) : g, mode != 2, mode != 1);
    // The Go function may have used this very program, so it is looked up now.
    auto& p = get(ph);
    auto k = full_key(key, nkey, in, shapeless);
    std::vector<uint64_t> evicted;
    if (auto it = p.index.find(k); it != p.index.end()) {
      auto& e = **it->second;
      if (shapeless && e.traced != sizes(in)) {
        auto diff = e.graph.difference(g);
        if (!diff.empty()) {
          throw std::invalid_argument(
              "[compile] " + diff + " differs at other sizes of the arguments");
        }
        e.trusted = true;
        evicted.push_back(tag); // the first trace stays
        give_words(evicted, out, nout);
        return;
      }
      evicted.push_back((*it->second)->tag);
      p.entries.erase(it->second);
      p.index.erase(it);
    }
    p.entries.push_front(std::make_shared<Entry>(Entry{k, tag, std::move(g), std::move(fast), shapeless, sizes(in)}));
    p.index[k] = p.entries.begin();
    shrink(p, limit, evicted);
    give_words(evicted, out, nout);
  });
}

static int program_take(
    uint64_t ph, uint64_t from, uint64_t limit, uint64_t** out, uint64_t* nout) {
  return guarded([&] {
    auto &p = get(ph), &q = get(from);
    std::vector<uint64_t> evicted;
    while (!q.entries.empty()) {
      auto e = q.entries.begin();
      if (auto it = p.index.find((*e)->key); it != p.index.end()) {
        evicted.push_back((*it->second)->tag);
        p.entries.erase(it->second);
      }
      p.entries.splice(p.entries.begin(), q.entries, e);
      p.index[(*e)->key] = e;
    }
    q.index.clear();
    shrink(p, limit, evicted);
    give_words(evicted, out, nout);
  });
}

bool program_entry(uint64_t p, uint64_t tag, const Graph** recorded, const Optimised** fast) {
  for (auto& e : get(p).entries) {
    if (e->tag == tag) {
      *recorded = &e->graph;
      *fast = &e->fast;
      return true;
    }
  }
  return false;
}

void fill_program(adj_api* api) {
  api->program_new = program_new;
  api->program_free = program_free;
  api->program_run = program_run;
  api->program_trace = program_trace;
  api->program_size = program_size;
  api->program_take = program_take;
  api->program_clear = program_clear;
}

} // namespace adj
