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
#include <algorithm>
#include <numeric>

#include "ext/fusing.h"

namespace adj {

using namespace mlx::core;

Graph Fusing::run() {
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

void Fusing::index() {
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

const Shape* Fusing::spans(size_t i) {
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

bool Fusing::joins(size_t i, size_t from, const Shape* rows) {
  if (!fusable_[i] || !fusable_[from] || g_.nodes()[i].primitive->stream() != g_.nodes()[from].primitive->stream()) {
    return false;
  }
  auto g = group(from);
  if (!rows) {
    return !rows_[g] && shape(i) == shape(from);
  }
  return rows_[g] ? *rows_[g] == *rows : shape(g) == *rows || shape(g) == narrowed(*rows);
}

void Fusing::place(size_t i) {
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

void Fusing::settle() {
  for (size_t i = 0; i < g_.nodes().size(); i++) {
    if (auto from = spread(i) ? made_by_[g_.nodes()[i].in[0]] : none; from != none) {
      stage_[i] = stage_[group(from)] + 1;
    }
  }
}

std::vector<Fusing::Unit> Fusing::collect() {
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

Graph fuse(const Graph& g, std::vector<Group>& groups, std::vector<Unfused>& unfused) {
  return Fusing(g, groups, unfused).run();
}

} // namespace adj
