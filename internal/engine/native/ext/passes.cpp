// Passes over recorded graphs: duplicates, and what nothing needs.
#include "ext/passes.h"

#include <algorithm>
#include <numeric>
#include <typeinfo>
#include <unordered_map>

#include "ext/fused.h"
#include "ext/through.h"

namespace adj {

using namespace mlx::core;

// constant returns the constant of slot s that is one value, repeated or not, or null.
static const array* constant(const Graph& g, uint32_t s) {
  if (s < g.inputs() || s >= g.inputs() + g.constants().size()) {
    return nullptr;
  }
  auto& c = g.constants()[s - g.inputs()];
  return c.data_size() == 1 && c.size() > 0 && c.is_available() ? &c : nullptr;
}

static bool is_one(const array& c) {
  switch (c.dtype().val()) {
    case Dtype::Val::float32: return *c.data<float>() == 1;
    case Dtype::Val::float64: return *c.data<double>() == 1;
    case Dtype::Val::float16: return static_cast<float>(*c.data<float16_t>()) == 1;
    case Dtype::Val::bfloat16: return static_cast<float>(*c.data<bfloat16_t>()) == 1;
    default: return false;
  }
}

// taken returns the input of a node that its result equals for the sake of a constant
// among the others, else -1: of a choice whose condition is constant, of a product by one.
static int taken(const Graph& g, const Graph::Node& n) {
  auto op = op_name(*n.primitive);
  if (op == "Select") {
    auto* c = constant(g, n.in[0]);
    return !c ? -1 : *c->data<bool>() ? 1 : 2;
  }
  if (op == "Multiply" || op == "Divide") {
    for (int i = op == "Divide"; i < 2; i++) {
      if (auto* c = constant(g, n.in[i]); c && is_one(*c)) {
        return 1 - i;
      }
    }
  }
  return -1;
}

// pass_through says where the results of a node that computes nothing come from:
// the first of as many of its inputs as it has results. It returns -1 for other nodes.
static int pass_through(const Graph::Node& n, const Shape& shape) {
  auto name = op_name(*n.primitive);
  if (name == "StopGradient" || name == "Copy" || (name == "Broadcast" && shape == n.shapes[0])) {
    return 0;
  }
  // What these say matters to transforms only, which repeat the recorded graph.
  auto* through = dynamic_cast<const Through*>(n.primitive.get());
  if (name == "CustomTransforms" || (through && through->idle())) {
    return (int)(n.in.size() - n.shapes.size());
  }
  return -1;
}

// key holds what equal nodes have in common, except for the primitive's state.
static std::string key(const Graph::Node& n, const std::vector<uint32_t>& in) {
  std::string k;
  auto put = [&](uint64_t v) { k.append(reinterpret_cast<char*>(&v), sizeof v); };
  auto& p = *n.primitive;
  put(typeid(p).hash_code());
  put((uint64_t)p.stream().device.type << 32 | (uint32_t)p.stream().index);
  put(in.size());
  for (auto i : in) {
    put(i);
  }
  for (size_t i = 0; i < n.shapes.size(); i++) {
    put((uint64_t)n.dtypes[i].val() << 32 | n.shapes[i].size());
    for (auto d : n.shapes[i]) {
      put(d);
    }
  }
  return k;
}

// value_key tells the value of a constant with one element, by its bits.
static std::string value_key(const array& a) {
  if (a.size() != 1 || !a.is_available()) {
    return "";
  }
  std::string k(a.data<char>(), a.itemsize());
  k.push_back((char)a.dtype().val());
  k.push_back((char)a.ndim());
  return k;
}

// Of nodes that differ in their state alone, as slices of one array, so many are
// compared with the next. All would make long programs slow to record.
constexpr size_t most_alike = 32;

Graph merge(const Graph& g, size_t* merged) {
  std::vector<uint32_t> same; // the slot to use in place of each slot
  std::vector<Shape> shapes; // of each slot
  std::unordered_map<std::string, uint32_t> values;
  for (uint32_t i = 0; i < g.inputs(); i++) {
    same.push_back(i);
    shapes.push_back(g.input_specs()[i].shape);
  }
  for (auto& c : g.constants()) {
    shapes.push_back(c.shape());
    uint32_t slot = same.size();
    auto k = value_key(c);
    same.push_back(k.empty() ? slot : values.emplace(k, slot).first->second);
  }
  std::unordered_map<std::string, std::vector<std::pair<const Graph::Node*, uint32_t>>> known;
  auto nodes = g.nodes();
  for (auto& n : nodes) {
    for (auto& i : n.in) {
      i = same[i];
    }
    shapes.insert(shapes.end(), n.shapes.begin(), n.shapes.end());
    uint32_t first = same.size();
    auto stay = [&] {
      for (uint32_t i = 0; i < n.shapes.size(); i++) {
        same.push_back(first + i);
      }
    };
    if (n.broadcast) {
      n.in.resize(1); // the others only told the shape
    }
    int from = n.in.empty() ? -1 : pass_through(n, shapes[n.in[0]]);
    if (from < 0) {
      from = taken(g, n);
      from = from >= 0 && shapes[n.in[from]] == n.shapes[0] ? from : -1;
    }
    if (from >= 0) {
      for (size_t i = 0; i < n.shapes.size(); i++) {
        same.push_back(n.in[from + i]);
      }
      ++*merged;
      continue;
    }
    auto& alike = known[key(n, n.in)];
    auto last = alike.end() - std::min(alike.size(), most_alike);
    auto twin = std::find_if(last, alike.end(), [&](auto& o) {
      auto &a = *o.first->primitive, &b = *n.primitive;
      return typeid(a) == typeid(b) && a.is_equivalent(b);
    });
    if (twin == alike.end()) {
      alike.emplace_back(&n, first);
      stay();
      continue;
    }
    for (uint32_t i = 0; i < n.shapes.size(); i++) {
      same.push_back(twin->second + i);
    }
    ++*merged;
  }
  auto outputs = g.outputs();
  for (auto& o : outputs) {
    o = same[o];
  }
  return Graph(g.input_specs(), g.constants(), std::move(nodes), std::move(outputs));
}

Graph sweep(const Graph& g, size_t* dead) {
  std::vector<uint32_t> first; // the first result of each node
  uint32_t slots = g.inputs() + g.constants().size();
  for (auto& n : g.nodes()) {
    first.push_back(slots);
    slots += n.shapes.size();
  }
  std::vector<bool> used(slots);
  for (auto o : g.outputs()) {
    used[o] = true;
  }
  std::vector<bool> keep(g.nodes().size());
  for (size_t i = keep.size(); i-- > 0;) {
    auto& n = g.nodes()[i];
    for (size_t k = 0; k < n.shapes.size(); k++) {
      keep[i] = keep[i] || used[first[i] + k];
    }
    for (auto s : n.in) {
      used[s] = used[s] || keep[i];
    }
  }
  std::vector<uint32_t> moved(slots);
  std::iota(moved.begin(), moved.begin() + g.inputs(), 0);
  uint32_t next = g.inputs();
  std::vector<array> constants;
  for (size_t i = 0; i < g.constants().size(); i++) {
    if (used[g.inputs() + i]) {
      moved[g.inputs() + i] = next++;
      constants.push_back(g.constants()[i]);
    }
  }
  std::vector<Graph::Node> nodes;
  for (size_t i = 0; i < keep.size(); i++) {
    if (!keep[i]) {
      ++*dead;
      continue;
    }
    nodes.push_back(g.nodes()[i]);
    for (auto& s : nodes.back().in) {
      s = moved[s];
    }
    for (size_t k = 0; k < nodes.back().shapes.size(); k++) {
      moved[first[i] + k] = next++;
    }
  }
  auto outputs = g.outputs();
  for (auto& o : outputs) {
    o = moved[o];
  }
  return Graph(g.input_specs(), std::move(constants), std::move(nodes), std::move(outputs));
}

// Reductions of elementwise results in two steps become two nodes.
static Graph stepwise(const Graph& g) {
  std::vector<const Shape*> shapes;
  std::vector<uint32_t> moved;
  std::vector<bool> made; // by an elementwise node of the CPU
  for (auto& s : g.input_specs()) {
    shapes.push_back(&s.shape);
  }
  for (auto& c : g.constants()) {
    shapes.push_back(&c.shape());
  }
  made.resize(shapes.size());
  moved.resize(shapes.size());
  std::iota(moved.begin(), moved.end(), 0);
  uint32_t next = moved.size();
  std::vector<Graph::Node> nodes;
  for (auto& n : g.nodes()) {
    auto node = n;
    for (auto& s : node.in) {
      s = moved[s];
    }
    if (n.reduces && made[n.in[0]]) {
      auto& r = static_cast<Reduce&>(*n.primitive);
      auto [type, axes] = r.state();
      auto& in = *shapes[n.in[0]];
      int last = (int)in.size() - 1;
      if (fold_kernel(op_name(r), n.dtypes[0]) && in_two_steps(in, axes, n.dtypes[0])) {
        auto first = node;
        first.primitive = std::make_shared<Reduce>(r.stream(), type, std::vector<int>{last});
        first.shapes = {narrowed(in)};
        nodes.push_back(std::move(first));
        axes.erase(std::remove(axes.begin(), axes.end(), last), axes.end());
        node.primitive = std::make_shared<Reduce>(r.stream(), type, axes);
        node.in = {next++};
      }
    }
    for (auto& s : n.shapes) {
      shapes.push_back(&s);
      made.push_back(elementwise(n) && n.primitive->stream().device == Device::cpu);
      moved.push_back(next++);
    }
    nodes.push_back(std::move(node));
  }
  auto outputs = g.outputs();
  for (auto& o : outputs) {
    o = moved[o];
  }
  return Graph(g.input_specs(), g.constants(), std::move(nodes), std::move(outputs));
}

Optimised optimise(const Graph& recorded, bool simplify, bool group) {
  size_t merged = 0, dead = 0;
  auto graph = simplify ? sweep(merge(recorded, &merged), &dead) : recorded;
  // What was merged is now needed by nothing.
  Optimised o{std::move(graph), {}, {}, merged, dead - merged};
  if (simplify) {
    o.graph = pooled(o.graph);
  }
  if (group) {
    o.graph = fuse(stepwise(o.graph), o.groups, o.unfused);
  }
  return o;
}

} // namespace adj
