// The pass that makes groups of elementwise nodes.
//
// Every group gets a stage; a node alone is a group. A node that joins the group of one
// of its arguments has the argument's stage; any other use of a result leads to a later
// stage. So a path that leaves a group never comes back to it, and the groups can be put
// in an order. A group that nothing outside of it uses yet waits for the node that is
// the first to do so: it goes to that node's stage.
//
// On the CPU a group may compute by rows along the last axis: then reductions of these,
// what is computed from their results, and what repeats those along the rows belong to
// it, too.
//
// Also on the CPU, what a group reads of another one is computed again where that takes
// little and spares memory: of several results of one group, a second one needs but
// what they were computed from.
#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "ext/fused.h"
#include "ext/passes.h"

namespace adj {

using namespace mlx::core;

namespace {

// A kernel of a GPU takes so many arrays, and its source is kept this short.
constexpr size_t gpu_arrays = 24, gpu_ops = 48;
// A group of the CPU is limited so that its registers stay few.
constexpr size_t cpu_ops = 1024;

class Fusing {
 public:
  Fusing(const Graph& g, std::vector<Group>& groups, std::vector<Unfused>& unfused)
      : g_(g), groups_(groups), unfused_(unfused) {}

  Graph run() {
    index();
    for (size_t i = 0; i < g_.nodes().size(); i++) {
      place(i);
    }
    settle();
    auto units = collect();
    for (auto& u : units) {
      spare(u);
    }
    return emit(units);
  }

 private:
  static constexpr uint32_t none = ~0u;

  // A Unit becomes one node: a group, with what it computes again, or a node alone.
  struct Unit {
    std::vector<uint32_t> nodes;
    size_t group;
    bool has(uint32_t node) const {
      return std::binary_search(nodes.begin(), nodes.end(), node);
    }
  };

  bool gpu(size_t node) const {
    return g_.nodes()[node].primitive->stream().device == Device::gpu;
  }

  void index() {
    for (auto& s : g_.input_specs()) {
      specs_.push_back(s);
    }
    for (auto& c : g_.constants()) {
      specs_.push_back({c.shape(), c.dtype()});
    }
    made_by_.assign(specs_.size(), none);
    for (auto& n : g_.nodes()) {
      first_.push_back(specs_.size());
      for (size_t k = 0; k < n.shapes.size(); k++) {
        made_by_.push_back(first_.size() - 1);
        specs_.push_back({n.shapes[k], n.dtypes[k]});
      }
    }
    stage_.resize(g_.nodes().size());
    left_.resize(g_.nodes().size());
    group_.resize(g_.nodes().size());
    std::iota(group_.begin(), group_.end(), 0);
    members_.assign(g_.nodes().size(), 1);
    rows_.resize(g_.nodes().size());
    used_.resize(specs_.size());
    firm_.resize(specs_.size());
    for (auto o : g_.outputs()) {
      firm_[o] = true;
    }
    for (size_t i = 0; i < g_.nodes().size(); i++) {
      auto& n = g_.nodes()[i];
      std::vector<Dtype> in;
      for (auto s : n.in) {
        in.push_back(specs_[s].dtype);
      }
      auto* in0 = n.in.empty() || gpu(i) ? nullptr : &specs_[n.in[0]].shape;
      auto* whole = in0 && fits(*in0) && by_rows(n, *in0) ? in0 : nullptr;
      bool candidate = whole || elementwise(n);
      std::string why = candidate ? has_tiles(n, in) : "";
      fusable_.push_back(candidate && why.empty());
      if (candidate && !whole && !fusable_[i]) {
        why_[i] = why;
      }
      rows_[i] = fusable_[i] ? whole : nullptr;
      whole_.push_back(whole);
      for (auto s : n.in) {
        firm_[s] = firm_[s] || !fusable_[i];
      }
    }
  }

  size_t group(size_t i) {
    while (group_[i] != i) {
      i = group_[i] = group_[group_[i]];
    }
    return i;
  }

  // spread says whether a node does nothing but repeat its argument, which a
  // group does by itself.
  bool spread(size_t i) const {
    auto op = op_name(*g_.nodes()[i].primitive);
    return op == "Broadcast" || (op == "Full" && !gpu(i));
  }

  // source returns the slot that a group reads for slot s.
  uint32_t source(uint32_t s) const {
    auto from = made_by_[s];
    return from != none && spread(from) ? g_.nodes()[from].in[0] : s;
  }

  const Shape& shape(size_t i) const {
    return g_.nodes()[i].shapes[0];
  }

  // spans returns the shape whose rows node i and the groups of what it reads may be
  // computed by, or null.
  const Shape* spans(size_t i) {
    if (rows_[i] || gpu(i)) {
      return rows_[i];
    }
    const Shape* best = nullptr;
    uint32_t stage = 0;
    for (auto s : g_.nodes()[i].in) {
      auto from = made_by_[source(s)];
      if (from == none || !fusable_[from]) {
        continue;
      }
      auto g = group(from);
      auto* rows = rows_[g];
      if (!rows && source(s) != s && shape(from) != shape(i) && shape(from) == narrowed(shape(i)) && fits(shape(i))) {
        rows = &shape(i);
      }
      if (rows && (shape(i) == *rows || shape(i) == narrowed(*rows)) && (!best || stage_[g] > stage)) {
        best = rows;
        stage = stage_[g];
      }
    }
    return best;
  }

  // joins says whether node i may be computed with the group of what it reads.
  bool joins(size_t i, size_t from, const Shape* rows) {
    if (!fusable_[i] || !fusable_[from] || g_.nodes()[i].primitive->stream() != g_.nodes()[from].primitive->stream()) {
      return false;
    }
    auto g = group(from);
    if (!rows) {
      return !rows_[g] && shape(i) == shape(from);
    }
    return rows_[g] ? *rows_[g] == *rows : shape(g) == *rows || shape(g) == narrowed(*rows);
  }

  // place gives a node its stage and group. Its arguments have theirs.
  void place(size_t i) {
    auto& n = g_.nodes()[i];
    if (spread(i)) {
      // Those that can repeat it by themselves do not need it, see settle.
      auto from = made_by_[n.in[0]];
      if (from != none) {
        stage_[i] = stage_[group(from)] + 1;
        left_[group(from)] = left_[group(from)] || firm_[first_[i]];
      }
      return;
    }
    // What it would join, and the stage that all else leads to.
    auto* rows = fusable_[i] ? spans(i) : nullptr;
    std::vector<size_t> with;
    uint32_t stage = 0;
    for (auto s : n.in) {
      auto from = made_by_[fusable_[i] ? source(s) : s];
      if (from == none) {
        continue;
      }
      auto g = group(from);
      bool join = joins(i, from, rows);
      if (join && std::find(with.begin(), with.end(), g) == with.end()) {
        with.push_back(g);
      }
      stage = std::max(stage, stage_[g] + !join);
    }
    // A group of an earlier stage can wait for this node unless something used it.
    with.erase(std::remove_if(with.begin(), with.end(), [&](size_t g) { return stage_[g] < stage && left_[g]; }), with.end());
    size_t size = 1;
    for (auto g : with) {
      size += members_[g];
    }
    if (size > (gpu(i) ? gpu_ops : cpu_ops)) {
      with.clear();
      stage++;
      size = 1;
    }
    for (auto g : with) {
      group_[g] = i;
      left_[i] = left_[i] || left_[g];
    }
    for (auto s : n.in) {
      if (auto from = made_by_[fusable_[i] ? source(s) : s]; from != none && group(from) != i) {
        left_[group(from)] = true;
      }
    }
    rows_[i] = rows;
    stage_[i] = stage;
    members_[i] = size;
  }

  // settle lets what is repeated come after what makes it, whose stage is known now.
  void settle() {
    for (size_t i = 0; i < g_.nodes().size(); i++) {
      if (auto from = spread(i) ? made_by_[g_.nodes()[i].in[0]] : none; from != none) {
        stage_[i] = stage_[group(from)] + 1;
      }
    }
  }

  // collect lists the units, each after all that it reads, which is of an earlier stage
  // or, outside of any group, of the same one.
  std::vector<Unit> collect() {
    std::vector<Unit> units(g_.nodes().size());
    for (size_t i = 0; i < units.size(); i++) {
      units[group(i)].nodes.push_back(i);
      units[i].group = i;
    }
    units.erase(std::remove_if(units.begin(), units.end(), [](auto& u) { return u.nodes.empty(); }), units.end());
    std::stable_sort(units.begin(), units.end(), [&](auto& a, auto& b) {
      return std::pair(stage_[a.group], a.nodes.back()) < std::pair(stage_[b.group], b.nodes.back());
    });
    return units;
  }

  size_t bytes(uint32_t s) const {
    if (s >= g_.inputs() && made_by_[s] == none) {
      auto& c = g_.constants()[s - g_.inputs()];
      return c.data_size() * c.itemsize(); // of one that repeats a value that is less
    }
    size_t n = specs_[s].dtype.size();
    for (auto d : specs_[s].shape) {
      n *= d;
    }
    return n;
  }

  // A Copy is what leads to some results of a group, and what that reads.
  struct Copy {
    std::set<uint32_t> nodes, reads;
    double cost = 0;
  };

  // trace adds to c what slot r is computed from within its group, in elements of a
  // shape. It fails at a reduction.
  bool trace(uint32_t r, const Shape& full, Copy& c) {
    auto i = made_by_[r];
    if (whole_[i] || shape(i) != full) {
      return false;
    }
    if (!c.nodes.insert(i).second) {
      return true;
    }
    auto op = op_name(*g_.nodes()[i].primitive);
    bool cheap = op == "Add" || op == "Subtract" || op == "Multiply" || op == "Square" || op == "Negative" ||
        op == "Maximum" || op == "Minimum" || op == "Select" || op == "Abs" || op.substr(0, 4) == "Less" ||
        op.substr(0, 7) == "Greater" || op == "Equal" || op == "AsType";
    c.cost += cheap ? 1 : op == "Divide" || op == "Sqrt" ? 3 : 8;
    for (auto s : g_.nodes()[i].in) {
      auto q = source(s), from = made_by_[q];
      bool inside = from != none && group(from) == group(i) && specs_[q].shape == full;
      if (!inside) {
        c.reads.insert(q);
      } else if (!trace(q, full, c)) {
        return false;
      }
    }
    return true;
  }

  // spare lets a unit compute again what it reads of other groups.
  void spare(Unit& u) {
    if (gpu(u.group) || !fusable_[u.group]) {
      return;
    }
    auto& full = rows_[u.group] ? *rows_[u.group] : shape(u.group);
    std::set<uint32_t> reads;
    std::map<size_t, std::vector<uint32_t>> of; // what is read, by group
    for (auto i : u.nodes) {
      for (auto s : g_.nodes()[i].in) {
        auto r = source(s), from = made_by_[r];
        bool outside = from == none || group(from) != u.group;
        if (outside && reads.insert(r).second && from != none && fusable_[from] && specs_[r].shape == full &&
            g_.nodes()[from].primitive->stream() == g_.nodes()[u.group].primitive->stream()) {
          of[group(from)].push_back(r);
        }
      }
    }
    auto take = [&](const std::vector<uint32_t>& results) {
      Copy c;
      double spared = 0; // bytes an element
      for (auto r : results) {
        if (!trace(r, full, c)) {
          return false;
        }
        spared += specs_[r].dtype.size();
      }
      size_t n = std::max<size_t>(1, bytes(results[0]) / specs_[results[0]].dtype.size());
      for (auto r : c.reads) {
        spared -= reads.count(r) ? 0 : double(bytes(r)) / n;
      }
      // An element of four bytes takes as long to be read as some ten operations on it.
      if (c.cost > 2.5 * spared || u.nodes.size() + c.nodes.size() > cpu_ops) {
        return false;
      }
      reads.insert(c.reads.begin(), c.reads.end());
      u.nodes.insert(u.nodes.end(), c.nodes.begin(), c.nodes.end());
      return true;
    };
    for (auto& [g, results] : of) {
      if (!take(results) && results.size() > 1) {
        for (auto r : results) {
          take({r});
        }
      }
    }
    std::sort(u.nodes.begin(), u.nodes.end());
    u.nodes.erase(std::unique(u.nodes.begin(), u.nodes.end()), u.nodes.end());
  }

  // need leaves in each unit what leads to a result that is used, and marks what it
  // reads from outside as such.
  void need(std::vector<Unit>& units) {
    for (auto o : g_.outputs()) {
      used_[o] = true;
    }
    std::vector<bool> inside(g_.nodes().size());
    for (auto u = units.rbegin(); u != units.rend(); u++) {
      std::vector<uint32_t> live;
      for (auto i = u->nodes.rbegin(); i != u->nodes.rend(); i++) {
        auto& n = g_.nodes()[*i];
        bool lives = inside[*i];
        for (size_t k = 0; k < n.shapes.size(); k++) {
          lives = lives || (group(*i) == u->group && used_[first_[*i] + k]);
        }
        if (!lives) {
          continue;
        }
        live.push_back(*i);
        for (auto s : n.in) {
          auto from = made_by_[u->nodes.size() > 1 ? source(s) : s];
          if (from != none && u->has(from)) {
            inside[from] = true;
          }
        }
      }
      for (auto i : u->nodes) {
        inside[i] = false;
      }
      u->nodes.assign(live.rbegin(), live.rend());
      for (auto i : u->nodes) {
        for (auto s : g_.nodes()[i].in) {
          auto r = u->nodes.size() > 1 ? source(s) : s;
          used_[s] = used_[s] || gpu(i); // should MLX not take the group
          used_[r] = used_[r] || made_by_[r] == none || !u->has(made_by_[r]);
        }
      }
    }
  }

  Graph emit(std::vector<Unit>& units) {
    need(units);
    std::vector<uint32_t> moved(specs_.size(), none); // new slots
    uint32_t next = g_.inputs() + g_.constants().size();
    std::iota(moved.begin(), moved.begin() + next, 0);
    std::vector<Graph::Node> nodes;
    auto add = [&](Graph::Node n, const std::vector<uint32_t>& results) {
      for (auto& s : n.in) {
        s = moved[s];
      }
      for (auto r : results) {
        moved[r] = next++;
      }
      nodes.push_back(std::move(n));
    };
    for (auto& u : units) {
      std::vector<uint32_t> results;
      if (u.nodes.size() > 1) {
        auto n = fused(u, results);
        if (n.primitive) {
          groups_.push_back({nodes.size(), names(u.nodes)});
          add(std::move(n), results);
          continue;
        }
      }
      for (auto i : u.nodes) {
        results.clear();
        for (size_t k = 0; k < g_.nodes()[i].shapes.size(); k++) {
          results.push_back(first_[i] + k);
        }
        if (elementwise(g_.nodes()[i]) && fusable_[i] && u.nodes.size() == 1) {
          why_[i] = "nothing beside it has its shape and stream";
        }
        if (auto w = why_.find(i); w != why_.end()) {
          unfused_.push_back({nodes.size(), names({i})[0], w->second});
        }
        add(g_.nodes()[i], results);
      }
    }
    std::vector<uint32_t> outputs;
    for (auto o : g_.outputs()) {
      outputs.push_back(moved[o]);
    }
    return Graph(g_.input_specs(), g_.constants(), std::move(nodes), std::move(outputs));
  }

  std::vector<std::string> names(const std::vector<uint32_t>& u) const {
    std::vector<std::string> v;
    for (auto i : u) {
      v.push_back(g_.nodes()[i].primitive->name());
    }
    return v;
  }

  // fused returns the node of a group with the outer slots that it reads, and in
  // results the outer slots that it makes.
  Graph::Node fused(const Unit& unit, std::vector<uint32_t>& results) {
    auto& u = unit.nodes;
    std::vector<uint32_t> reads, values; // inputs, constants of one element
    std::unordered_map<uint32_t, uint32_t> inner;
    auto outer = [&](uint32_t s) {
      auto from = made_by_[s];
      return from == none || !unit.has(from);
    };
    auto value = [&](uint32_t s) {
      return s >= g_.inputs() && made_by_[s] == none && !gpu(u[0]) &&
          g_.constants()[s - g_.inputs()].size() == 1;
    };
    for (auto i : u) {
      for (auto s : g_.nodes()[i].in) {
        auto r = source(s);
        if (outer(r) && inner.emplace(r, 0).second) {
          (value(r) ? values : reads).push_back(r);
        }
      }
    }
    std::vector<Graph::Spec> inputs;
    std::vector<array> constants;
    std::vector<Graph::Node> nodes;
    uint32_t next = 0;
    for (auto r : reads) {
      inner[r] = next++;
      inputs.push_back(specs_[r]);
    }
    for (auto v : values) {
      inner[v] = next++;
      constants.push_back(g_.constants()[v - g_.inputs()]);
    }
    for (auto i : u) {
      auto n = g_.nodes()[i];
      for (auto& s : n.in) {
        if (auto from = made_by_[s]; from != none && spread(from)) {
          // The group's own copy of the broadcast, of one argument.
          auto b = g_.nodes()[from];
          b.in = {inner.at(b.in[0])};
          if (!inner.count(s)) {
            inner[s] = next++;
            nodes.push_back(std::move(b));
          }
        }
        s = inner.at(s);
      }
      nodes.push_back(std::move(n));
      inner[first_[i]] = next++;
    }
    Graph::Node n{false, nullptr, reads, {}, {}};
    std::vector<uint32_t> outputs;
    for (auto i : u) {
      if (used_[first_[i]] && group(i) == unit.group) {
        results.push_back(first_[i]);
        outputs.push_back(inner[first_[i]]);
        n.shapes.push_back(g_.nodes()[i].shapes[0]);
        n.dtypes.push_back(g_.nodes()[i].dtypes[0]);
      }
    }
    auto s = g_.nodes()[u[0]].primitive->stream();
    Graph inside(std::move(inputs), std::move(constants), std::move(nodes), std::move(outputs));
    if (!gpu(u[0])) {
      n.primitive = std::make_shared<Fused>(s, std::move(inside));
    } else if (reads.size() + n.shapes.size() <= gpu_arrays) {
      n.primitive = compiled(s, inside, reads);
    } else {
      for (auto i : u) {
        why_[i] = "its group has more arrays than a kernel takes";
      }
    }
    return n;
  }

  // compiled returns MLX's primitive for a group, whose kernel MLX writes.
  std::shared_ptr<Primitive> compiled(Stream s, const Graph& inside, const std::vector<uint32_t>& reads) {
    std::vector<array> slots;
    std::unordered_set<uintptr_t> constants;
    for (auto r : reads) {
      bool constant = r >= g_.inputs() && made_by_[r] == none;
      slots.push_back(constant ? g_.constants()[r - g_.inputs()] : array(specs_[r].shape, specs_[r].dtype, nullptr, {}));
      if (constant && slots.back().size() == 1) {
        constants.insert(slots.back().id());
      }
    }
    std::vector<array> in = slots, tape, out;
    for (auto& n : inside.nodes()) {
      std::vector<array> args;
      for (auto i : n.in) {
        args.push_back(slots[i]);
      }
      tape.emplace_back(n.shapes[0], n.dtypes[0], n.primitive, std::move(args));
      slots.push_back(tape.back());
    }
    for (auto o : inside.outputs()) {
      out.push_back(slots[o]);
    }
    return std::make_shared<Compiled>(s, in, out, tape, constants);
  }

  const Graph& g_;
  std::vector<Group>& groups_;
  std::vector<Unfused>& unfused_;
  std::vector<Graph::Spec> specs_; // by slot
  std::vector<uint32_t> made_by_; // the node that makes each slot
  std::vector<uint32_t> first_; // the first slot of each node
  std::vector<uint32_t> stage_, group_; // the stage, of the last node of each group
  std::vector<size_t> members_;
  std::vector<const Shape*> rows_; // what a group, by its last node, computes by rows
  std::vector<bool> fusable_, used_;
  std::vector<bool> whole_; // nodes of whole rows
  std::vector<bool> left_; // something outside of the group uses it
  std::vector<bool> firm_; // by slot: something needs it that fuses with nothing
  std::unordered_map<size_t, std::string> why_;
};

} // namespace

Graph fuse(const Graph& g, std::vector<Group>& groups, std::vector<Unfused>& unfused) {
  return Fusing(g, groups, unfused).run();
}

} // namespace adj
