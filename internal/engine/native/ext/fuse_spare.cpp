// What groups compute again, and what nobody needs.
//
// On the CPU what a group reads of another one is computed again where that takes little
// and spares memory: of several results of one group, a second one needs but what they
// were computed from.
#include <algorithm>
#include <map>

#include "ext/fusing.h"

namespace adj {

using namespace mlx::core;

size_t Fusing::bytes(uint32_t s) const {
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

bool Fusing::trace(uint32_t r, const Shape& full, Copy& c) {
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

void Fusing::spare(Unit& u) {
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

void Fusing::need(std::vector<Unit>& units) {
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

} // namespace adj
