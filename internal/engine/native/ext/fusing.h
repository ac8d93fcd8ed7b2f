// How the nodes of a graph become groups, in three steps: see fuse.cpp, fuse_spare.cpp
// and fuse_emit.cpp.
#pragma once
#include <algorithm>
#include <set>
#include <unordered_map>

#include "ext/fused.h"
#include "ext/passes.h"

namespace adj {

// A group of the CPU is limited so that its registers stay few.
constexpr size_t cpu_ops = 1024;
// A kernel of a GPU takes so many arrays, and its source is kept this short.
constexpr size_t gpu_arrays = 24, gpu_ops = 48;

class Fusing {
 public:
  Fusing(const Graph& g, std::vector<Group>& groups, std::vector<Unfused>& unfused)
      : g_(g), groups_(groups), unfused_(unfused) {}

  Graph run();

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
  // A Copy is what leads to some results of a group, and what that reads.
  struct Copy {
    std::set<uint32_t> nodes, reads;
    double cost = 0;
  };

  bool gpu(size_t node) const {
    return g_.nodes()[node].primitive->stream().device == mlx::core::Device::gpu;
  }
  // index fills in what is known of each slot and node by itself.
  void index();
  // group is the last node of node i's group.
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
  const Shape* spans(size_t i);
  // joins says whether node i may be computed with the group of what it reads.
  bool joins(size_t i, size_t from, const Shape* rows);
  // place gives a node its stage and group. Its arguments have theirs.
  void place(size_t i);
  // settle lets what is repeated come after what makes it, whose stage is known now.
  void settle();
  // collect lists the units, each after all that it reads, which is of an earlier stage
  // or, outside of any group, of the same one.
  std::vector<Unit> collect();
  // bytes is what the memory of slot s takes.
  size_t bytes(uint32_t s) const;
  // trace adds to c what slot r is computed from within its group, in elements of a
  // shape. It fails at a reduction.
  bool trace(uint32_t r, const Shape& full, Copy& c);
  // spare lets a unit compute again what it reads of other groups.
  void spare(Unit& u);
  // need leaves in each unit what leads to a result that is used, and marks what it
  // reads from outside as such.
  void need(std::vector<Unit>& units);
  Graph emit(std::vector<Unit>& units);
  std::vector<std::string> names(const std::vector<uint32_t>& u) const;
  // fused returns the node of a group with the outer slots that it reads, and in
  // results the outer slots that it makes.
  Graph::Node fused(const Unit& unit, std::vector<uint32_t>& results);
  // compiled returns MLX's primitive for a group, whose kernel MLX writes.
  std::shared_ptr<mlx::core::Primitive> compiled(Stream s, const Graph& inside, const std::vector<uint32_t>& reads);

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

} // namespace adj
