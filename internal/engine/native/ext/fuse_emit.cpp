// From groups to a graph in which each is a node.
#include <algorithm>
#include <numeric>
#include <unordered_set>

#include "ext/fusing.h"

namespace adj {

using namespace mlx::core;

Graph Fusing::emit(std::vector<Unit>& units) {
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

std::vector<std::string> Fusing::names(const std::vector<uint32_t>& u) const {
  std::vector<std::string> v;
  for (auto i : u) {
    v.push_back(g_.nodes()[i].primitive->name());
  }
  return v;
}

Graph::Node Fusing::fused(const Unit& unit, std::vector<uint32_t>& results) {
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

std::shared_ptr<Primitive> Fusing::compiled(Stream s, const Graph& inside, const std::vector<uint32_t>& reads) {
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

} // namespace adj
