// Recording and repeating computations.
#include <algorithm>
#include <cstring>
#include <optional>
#include <typeinfo>
#include <unordered_map>
#include <unordered_set>

#include "ext/foreign.h"
#include "ext/passes.h"
#include "ext/rules.h"
#include "ext/whole.h"

namespace adj {

using namespace mlx::core;

std::vector<array> topological(
    const std::vector<array>& outputs, const std::function<bool(const array&)>& enter) {
  std::vector<array> order;
  std::unordered_map<uintptr_t, bool> seen;
  std::vector<std::pair<array, size_t>> stack;
  auto visit = [&](const array& a) {
    if (seen.count(a.id())) {
      return;
    }
    seen[a.id()] = true;
    for (auto& s : a.siblings()) {
      seen[s.id()] = true;
    }
    if (enter(a)) {
      stack.push_back({a, 0});
    }
  };
  for (auto& o : outputs) {
    visit(o);
    while (!stack.empty()) {
      auto& [a, next] = stack.back();
      if (next < a.inputs().size()) {
        array in = a.inputs()[next++];
        visit(in);
        continue;
      }
      order.push_back(a);
      stack.pop_back();
    }
  }
  return order;
}

std::string_view op_name(const Primitive& p) {
  if (std::strncmp(typeid(p).name(), "N3mlx4core", 10) == 0) {
    return p.name();
  }
  auto* own = dynamic_cast<const Own*>(&p);
  return own && own->points() ? p.name() : "";
}

Graph::Graph(
    const std::vector<array>& placeholders, const std::vector<array>& outputs,
    const std::function<void(const array&)>& constant, bool fills) {
  std::unordered_map<uintptr_t, bool> dynamic; // depends on a placeholder
  for (auto& p : placeholders) {
    inputs_.push_back({p.shape(), p.dtype()});
    dynamic[p.id()] = true;
  }
  auto order = topological(outputs, [&](const array& a) {
    return a.has_primitive() && !dynamic.count(a.id());
  });
  std::vector<array> tape;
  for (auto& a : order) {
    bool dyn = false;
    for (auto& in : a.inputs()) {
      auto it = dynamic.find(in.id());
      dyn = dyn || (it != dynamic.end() && it->second);
    }
    dynamic[a.id()] = dyn;
    for (auto& s : a.siblings()) {
      dynamic[s.id()] = dyn;
    }
    if (dyn) {
      tape.push_back(a);
    }
  }
  // Slots of inputs and constants come first, so the constants are found first.
  std::unordered_map<uintptr_t, uint32_t> slot;
  for (size_t i = 0; i < placeholders.size(); i++) {
    slot[placeholders[i].id()] = i;
  }
  auto is_dynamic = [&](const array& a) {
    auto it = dynamic.find(a.id());
    return it != dynamic.end() && it->second;
  };
  constexpr size_t large = 4096;
  std::vector<array> filling;
  std::unordered_set<uintptr_t> filled;
  std::function<void(const array&)> keep = [&](const array& a) {
    if (is_dynamic(a) || slot.count(a.id())) {
      return;
    }
    if (fills && a.status() == array::Status::unscheduled && a.has_primitive() && a.size() > large &&
        op_name(a.primitive()) == "Full") {
      if (filled.insert(a.id()).second) {
        filling.push_back(a);
        keep(a.inputs()[0]);
      }
      return;
    }
    constant(a);
    slot[a.id()] = inputs_.size() + constants_.size();
    constants_.push_back(a);
  };
  for (auto& a : tape) {
    for (auto& in : a.inputs()) {
      keep(in);
    }
  }
  for (auto& o : outputs) {
    keep(o);
  }
  slots_ = inputs_.size() + constants_.size();
  tape.insert(tape.begin(), filling.begin(), filling.end());
  for (auto& a : tape) {
    Node n;
    n.primitive = a.primitive_ptr();
    n.broadcast = op_name(*n.primitive) == "Broadcast";
    n.reduces = dynamic_cast<Reduce*>(n.primitive.get());
    n.whole = dynamic_cast<Whole*>(n.primitive.get());
    for (auto& in : a.inputs()) {
      n.in.push_back(slot.at(in.id()));
    }
    for (auto& o : a.outputs()) {
      slot[o.id()] = slots_++;
      n.shapes.push_back(o.shape());
      n.dtypes.push_back(o.dtype());
    }
    nodes_.push_back(std::move(n));
  }
  for (auto& o : outputs) {
    outputs_.push_back(slot.at(o.id()));
  }
}

Graph::Graph(
    std::vector<Spec> inputs, std::vector<array> constants, std::vector<Node> nodes,
    std::vector<uint32_t> outputs)
    : inputs_(std::move(inputs)),
      constants_(std::move(constants)),
      nodes_(std::move(nodes)),
      outputs_(std::move(outputs)) {
  slots_ = inputs_.size() + constants_.size();
  for (auto& n : nodes_) {
    slots_ += n.shapes.size();
  }
}

// unreduced returns what a reduction over axes of one element gives. MLX never makes
// such a node where it knows the sizes, and crashes when it evaluates one.
static std::optional<array> unreduced(const Graph::Node& n, const std::vector<array>& args) {
  if (!n.reduces) {
    return std::nullopt;
  }
  auto& a = args[0];
  for (int axis : static_cast<Reduce&>(*n.primitive).state().second) {
    if (a.shape(axis) != 1) {
      return std::nullopt;
    }
  }
  return astype(a, n.dtypes[0], n.primitive->stream());
}

std::vector<array> Graph::run(const std::vector<array>& in, bool infer) const {
  std::vector<array> slots;
  slots.reserve(slots_);
  slots.insert(slots.end(), in.begin(), in.end());
  slots.insert(slots.end(), constants_.begin(), constants_.end());
  for (auto& n : nodes_) {
    std::vector<array> args;
    args.reserve(n.in.size());
    for (auto i : n.in) {
      args.push_back(slots[i]);
    }
    if (auto a = unreduced(n, args)) {
      slots.push_back(*a);
      continue;
    }
    if (n.whole) {
      for (auto& o : static_cast<Whole&>(*n.primitive).make(args)) {
        slots.push_back(o);
      }
      continue;
    }
    if (n.shapes.size() == 1) {
      Shape shape = infer ? output_shapes(*n.primitive, args, n.dtypes).at(0) : n.shapes[0];
      slots.emplace_back(std::move(shape), n.dtypes[0], n.primitive, std::move(args));
      continue;
    }
    auto shapes = infer ? output_shapes(*n.primitive, args, n.dtypes) : n.shapes;
    for (auto& o : array::make_arrays(std::move(shapes), n.dtypes, n.primitive, args)) {
      slots.push_back(std::move(o));
    }
  }
  std::vector<array> out;
  out.reserve(outputs_.size());
  for (auto o : outputs_) {
    out.push_back(slots[o]);
  }
  return out;
}

std::vector<array> Graph::lift() {
  for (auto& c : constants_) {
    inputs_.push_back({c.shape(), c.dtype()});
  }
  return std::exchange(constants_, {});
}

bool Graph::only(const Stream& s) const {
  return std::all_of(
      nodes_.begin(), nodes_.end(), [&](const Node& n) { return n.primitive->stream() == s; });
}

void Graph::prepare() const {
  if (fused_) {
    return;
  }
  fused_ = std::make_shared<const Graph>(optimise(*this, true, true).graph);
  for (auto& n : fused_->nodes_) {
    if (auto* own = dynamic_cast<Own*>(n.primitive.get())) {
      own->prepare();
    }
  }
}

std::vector<array> Graph::evaluate(std::vector<array> in) const {
  prepare();
  return fused_->evaluate_as_it_is(std::move(in));
}

std::vector<array> Graph::evaluate_as_it_is(std::vector<array> in) const {
  // A slot is let go after its last use, so that its buffer can be used again.
  std::vector<uint32_t> uses(slots_);
  for (auto& n : nodes_) {
    for (auto i : n.in) {
      uses[i]++;
    }
  }
  for (auto o : outputs_) {
    uses[o]++;
  }
  std::vector<std::optional<array>> slots;
  slots.reserve(slots_);
  for (auto* list : {&in, const_cast<std::vector<array>*>(&constants_)}) {
    slots.insert(slots.end(), list->begin(), list->end());
  }
  in.clear();
  for (auto& n : nodes_) {
    std::vector<array> args;
    for (auto i : n.in) {
      args.push_back(*slots[i]);
    }
    for (auto i : n.in) {
      if (--uses[i] == 0) {
        slots[i].reset();
      }
    }
    std::vector<array> results;
    if (auto a = unreduced(n, args)) {
      results.push_back(*a);
    } else if (n.shapes.size() == 1) {
      results.emplace_back(n.shapes[0], n.dtypes[0], n.primitive, std::move(args));
    } else {
      results = array::make_arrays(n.shapes, n.dtypes, n.primitive, args);
      args.clear();
    }
    if (results[0].status() == array::Status::unscheduled && !eval_node(results[0])) {
      return {};
    }
    for (auto& r : results) {
      slots.push_back(uses[slots.size()] ? std::optional<array>(std::move(r)) : std::nullopt);
    }
  }
  std::vector<array> out;
  for (auto o : outputs_) {
    out.push_back(*slots[o]);
  }
  return out;
}

void Graph::eval_constants() {
  std::vector<array> lazy;
  for (auto& c : constants_) {
    if (c.status() == array::Status::unscheduled) {
      lazy.push_back(c);
    }
  }
  if (!lazy.empty() && !eval_inline(lazy)) {
    eval(lazy);
  }
}

// repeats says whether two primitives of two traces of one function are the same op.
static bool repeats(const Primitive& a, const Primitive& b) {
  auto *f = dynamic_cast<const Foreign*>(&a), *g = dynamic_cast<const Foreign*>(&b);
  return f && g ? f->alike(*g) : a.is_equivalent(b);
}

static bool equal_bits(const array& a, const array& b) {
  if (a.dtype() != b.dtype() || a.shape() != b.shape()) {
    return false;
  }
  if (a.id() == b.id()) {
    return true;
  }
  auto zero = [](int64_t stride) { return stride == 0; };
  if (a.size() > 0 && std::all_of(a.strides().begin(), a.strides().end(), zero) &&
      a.strides() == b.strides()) {
    return std::memcmp(a.data<char>(), b.data<char>(), a.itemsize()) == 0;
  }
  // Transposed ones, too, hold their elements without gaps.
  return a.flags().contiguous && b.flags().contiguous && a.strides() == b.strides() &&
      a.data_size() == b.data_size() &&
      std::memcmp(a.data<char>(), b.data<char>(), a.data_size() * a.itemsize()) == 0;
}

std::string Graph::difference(const Graph& g) const {
  if (constants_.size() == g.constants_.size()) {
    for (size_t i = 0; i < constants_.size(); i++) {
      if (!equal_bits(constants_[i], g.constants_[i])) {
        return "a constant" + user(inputs_.size() + i);
      }
    }
  }
  for (size_t i = 0; i < std::min(nodes_.size(), g.nodes_.size()); i++) {
    auto &a = nodes_[i], &b = g.nodes_[i];
    if (std::strcmp(a.primitive->name(), b.primitive->name()) != 0 || a.in != b.in ||
        a.dtypes != b.dtypes ||
        // A broadcast of several arrays infers its shape from them; Depends holds nothing.
        !(std::strcmp(a.primitive->name(), "Depends") == 0 ||
          (a.in.size() > 1 && std::strcmp(a.primitive->name(), "Broadcast") == 0) ||
          repeats(*a.primitive, *b.primitive))) {
      return a.primitive->name();
    }
  }
  if (nodes_.size() != g.nodes_.size()) {
    auto& longer = nodes_.size() > g.nodes_.size() ? nodes_ : g.nodes_;
    return longer[std::min(nodes_.size(), g.nodes_.size())].primitive->name();
  }
  return outputs_ == g.outputs_ && constants_.size() == g.constants_.size() ? "" : "an output";
}

// user names the first op that takes a slot, behind a broadcast of it.
std::string Graph::user(uint32_t slot) const {
  uint32_t result = inputs_.size() + constants_.size();
  for (auto& n : nodes_) {
    if (std::find(n.in.begin(), n.in.end(), slot) != n.in.end()) {
      if (!n.broadcast) {
        return std::string(" of ") + n.primitive->name();
      }
      slot = result;
    }
    result += n.shapes.size();
  }
  return "";
}

} // namespace adj
