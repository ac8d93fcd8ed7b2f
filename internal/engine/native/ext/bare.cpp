// What a replay is measured against: its clones alone. Only benchmarks look this
// up, so it is no part of the interface.
#include "ext/engine.h"
#include "ext/passes.h"

using namespace mlx::core;

// adj_bare makes the arrays of the trace with that tag as often as said. It says
// whether there is one.
extern "C" __attribute__((visibility("default"))) bool adj_bare(
    uint64_t program, uint64_t tag, const uint64_t* in, uint64_t n, uint64_t times) {
  const adj::Graph* recorded = nullptr;
  const adj::Optimised* fast = nullptr;
  if (!adj::program_entry(program, tag, &recorded, &fast)) {
    return false;
  }
  auto& g = fast->graph;
  std::vector<array> first;
  for (uint64_t i = 0; i < n; i++) {
    first.push_back(adj::arr(in[i]));
  }
  first.insert(first.end(), g.constants().begin(), g.constants().end());
  for (uint64_t t = 0; t < times; t++) {
    auto slots = first;
    for (auto& node : g.nodes()) {
      std::vector<array> args;
      for (auto i : node.in) {
        args.push_back(slots[i]);
      }
      slots.emplace_back(node.shapes[0], node.dtypes[0], node.primitive, std::move(args));
    }
    slots = {slots[g.outputs()[0]]};
  }
  return true;
}
