// Debugging: evaluation one operation at a time, which knows what failed and
// where values stop being numbers, and the lines that operations come from.
#include <cstdlib>
#include <cstring>
#include <unordered_map>
#include <unordered_set>

#include "ext/engine.h"

namespace adj {

using namespace mlx::core;

// Lines by primitive: a primitive is made by one call of an operation and stays
// the same when a recorded computation is repeated. A primitive that is gone
// keeps its address as long as it is listed, so no other is taken for it.
namespace {

bool on = false;

// Bits of a line.
constexpr uint64_t derivative = 1ull << 63; // of an operation of the line
constexpr uint64_t makes_odd = 1ull << 62; // by a constant of its own

constexpr uint64_t line_bits = makes_odd - 1;

struct Lines {
  struct Made {
    std::weak_ptr<Primitive> primitive;
    uint64_t line;
  };
  std::unordered_map<Primitive*, Made> of;
  size_t sweep_at = 4096;

  uint64_t find(Primitive* p) const {
    auto it = of.find(p);
    return it == of.end() ? 0 : it->second.line;
  }
  void put(const std::shared_ptr<Primitive>& p, uint64_t line) {
    if (of.size() >= sweep_at) {
      std::erase_if(of, [](auto& e) { return e.second.primitive.expired(); });
      sweep_at = std::max<size_t>(4096, 2 * of.size());
    }
    of[p.get()] = {p, line};
  }
} lines;

enum { is_nan = 1, is_inf = 2 };

// odd says which of NaN and infinity a buffer holds, by bits: the compiler may
// assume that neither exists.
template <class U>
int odd(const void* data, size_t n, U exponent) {
  auto* p = static_cast<const U*>(data);
  constexpr U sign = U(1) << (8 * sizeof(U) - 1);
  int r = 0;
  for (size_t i = 0; i < n; i++) {
    U magnitude = p[i] & U(~sign);
    r |= magnitude > exponent ? is_nan : magnitude == exponent ? is_inf : 0;
  }
  return r;
}

int odd(array a, const Stream& s) {
  if (!issubdtype(a.dtype(), inexact) || a.size() == 0) {
    return 0;
  }
  a.wait();
  if (!a.flags().contiguous) {
    a = contiguous(a, false, s);
    eval(a);
  }
  auto* p = a.data<char>();
  switch (a.dtype()) {
    case float16: return odd<uint16_t>(p, a.data_size(), 0x7c00);
    case bfloat16: return odd<uint16_t>(p, a.data_size(), 0x7f80);
    case float32: return odd<uint32_t>(p, a.data_size(), 0x7f800000);
    case complex64: return odd<uint32_t>(p, 2 * a.data_size(), 0x7f800000);
    case float64: return odd<uint64_t>(p, a.data_size(), 0x7ff0000000000000);
    default: return 0;
  }
}

// put_lines gives what made depends on a line, down to stop and to what has one.
void put_lines(
    const std::vector<array>& made, std::unordered_set<uintptr_t> stop, uint64_t line) {
  for (auto& a : topological(made, [&](const array& a) {
         return a.has_primitive() && a.status() == array::Status::unscheduled &&
             !stop.count(a.id()) && !lines.find(a.primitive_ptr().get());
       })) {
    bool own = false;
    for (auto& in : a.inputs()) {
      own = own || (in.size() == 1 && in.is_available() && !stop.count(in.id()) &&
                       odd(in, a.primitive().stream()));
    }
    lines.put(a.primitive_ptr(), line | (own ? makes_odd : 0));
  }
}

// A Node is one operation of an evaluation, held so that nothing of it is freed
// or overwritten.
struct Node {
  std::shared_ptr<Primitive> primitive;
  std::vector<array> inputs, outputs;
};

// What the last inspection found and nobody has asked for.
struct Finding {
  std::string name;
  std::vector<uint64_t> words;
};
Finding finding;

void note(const Node& n, size_t number, size_t total, bool given, bool values) {
  auto& s = n.primitive->stream();
  auto state = [&](const array& a) { return values ? odd(a, s) : 0; };
  int made = 0;
  for (auto& o : n.outputs) {
    made |= state(o);
  }
  auto line = lines.find(n.primitive.get());
  finding.name = n.primitive->name();
  finding.words = {given, number + 1, total, line & line_bits, (line & derivative) != 0,
                   (uint64_t)made, n.inputs.size()};
  for (auto& in : n.inputs) {
    finding.words.insert(
        finding.words.end(), {(uint64_t)(int)in.dtype().val(), (uint64_t)state(in), in.ndim()});
    for (auto d : in.shape()) {
      finding.words.push_back(d);
    }
  }
}

// hunt goes from those of outputs that are odd to the first node that made them so
// of inputs that are not; failing that, to one that was given such an input.
bool hunt(const std::vector<Node>& nodes, const std::vector<array>& outputs, int look) {
  std::unordered_map<uintptr_t, size_t> maker;
  for (size_t k = 0; k < nodes.size(); k++) {
    for (auto& o : nodes[k].outputs) {
      maker[o.id()] = k;
    }
  }
  const size_t none = nodes.size();
  size_t first = none, given = none;
  std::unordered_set<size_t> met;
  std::vector<size_t> todo;
  auto follow = [&](const array& a) {
    auto it = maker.find(a.id());
    if (it != maker.end() && met.insert(it->second).second) {
      todo.push_back(it->second);
    }
    return it != maker.end();
  };
  for (auto& o : outputs) {
    auto it = maker.find(o.id());
    if (it != maker.end() && odd(o, nodes[it->second].primitive->stream()) & look) {
      follow(o);
    }
  }
  while (!todo.empty()) {
    size_t k = todo.back();
    todo.pop_back();
    bool clean = true;
    for (auto& in : nodes[k].inputs) {
      if (odd(in, nodes[k].primitive->stream()) & look) {
        clean = false;
        if (!follow(in)) {
          given = std::min(given, k);
        }
      }
    }
    if (clean || lines.find(nodes[k].primitive.get()) & makes_odd) {
      first = std::min(first, k);
    }
  }
  size_t at = first < none ? first : given;
  if (at == none) {
    return false;
  }
  note(nodes[at], at, none, first == none, true);
  return true;
}

} // namespace

void follow_line(const array& from, const std::vector<array>& made) {
  if (!on) {
    return;
  }
  if (auto line = lines.find(from.primitive_ptr().get()) & line_bits) {
    put_lines(made, {}, line | derivative);
  }
}

bool watched() {
  return on;
}

uint64_t line_of(Primitive& p) {
  return lines.find(&p) & line_bits;
}

static void watch(bool now) {
  on = now;
}

static void mark(
    const uint64_t* h, uint64_t n, const uint64_t* in, uint64_t nin, uint64_t line) {
  std::unordered_set<uintptr_t> stop;
  for (auto& a : arrays(in, nin)) {
    stop.insert(a.id());
  }
  put_lines(arrays(h, n), std::move(stop), line);
}

static int inspect(const uint64_t* h, uint64_t n, int look, uint64_t trace) {
  ensure_thread();
  finding = {};
  if (trace != 0 && !LiveTrace::has(trace)) {
    return ADJ_TRACE;
  }
  bool odd_found = false;
  auto evaluate = [](const std::vector<array>& v) {
    if (!eval_inline(v)) {
      eval(v);
    }
  };
  int code = guarded([&] {
    auto outputs = arrays(h, n);
    bool known = true; // whether all values can be had
    auto order = topological(outputs, [&](const array& a) {
      bool lazy = a.status() == array::Status::unscheduled;
      known = known && (!lazy || a.has_primitive());
      return lazy && a.has_primitive();
    });
    if (!known) {
      evaluate(outputs); // fails as it would anyhow
      return;
    }
    std::vector<Node> nodes;
    for (size_t k = 0; k < order.size(); k++) {
      array a = std::move(order[k]);
      Node node{a.primitive_ptr(), a.inputs(), a.outputs()};
      try {
        evaluate({a});
      } catch (...) {
        note(node, k, order.size(), false, false);
        throw;
      }
      if (look) {
        nodes.push_back(std::move(node));
      }
    }
    evaluate(outputs); // what another evaluation is computing
    odd_found = look && hunt(nodes, outputs, look);
  });
  return code == ADJ_OK && odd_found ? ADJ_ODD : code;
}

static const char* found(uint64_t** out, uint64_t* nout) {
  static Finding last;
  last = std::exchange(finding, {});
  auto& w = last.words;
  *nout = w.size();
  *out = static_cast<uint64_t*>(std::malloc(sizeof(uint64_t) * (w.size() + 1)));
  std::copy(w.begin(), w.end(), *out);
  return last.name.c_str();
}

// depth is the length of the longest chain of operations that are not evaluated.
static uint64_t depth(uint64_t h) {
  std::unordered_map<uintptr_t, uint64_t> levels;
  for (auto& a : topological({arr(h)}, [](const array& a) {
         return a.has_primitive() && a.status() == array::Status::unscheduled;
       })) {
    uint64_t d = 0;
    for (auto& in : a.inputs()) {
      auto it = levels.find(in.id());
      d = std::max(d, it == levels.end() ? 0 : it->second);
    }
    for (auto& o : a.outputs()) {
      levels[o.id()] = d + 1;
    }
  }
  auto it = levels.find(arr(h).id());
  return it == levels.end() ? 0 : it->second;
}

void fill_inspect(adj_api* api) {
  api->watch = watch;
  api->mark = mark;
  api->inspect = inspect;
  api->found = found;
  api->depth = depth;
}

} // namespace adj
