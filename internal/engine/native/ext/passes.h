// The passes that a recorded graph goes through before it is repeated.
#pragma once
#include "ext/engine.h"

namespace adj {

// A Group is a set of elementwise ops that became one node.
struct Group {
  size_t node; // its index among the optimised graph's nodes
  std::vector<std::string> ops;
};

// An Unfused op is an elementwise one that stayed a node of its own.
struct Unfused {
  size_t node;
  std::string op, why;
};

// An Optimised graph computes what another does, for inputs of the same sizes
// that are no tracers.
struct Optimised {
  Graph graph;
  std::vector<Group> groups;
  std::vector<Unfused> unfused;
  size_t merged; // nodes that were duplicates, or did nothing
  size_t dead; // nodes that nothing needed any more
};

Optimised optimise(const Graph& recorded, bool simplify, bool group);

// The entry of a program with that tag: what was recorded and what runs. False
// when it is gone.
bool program_entry(uint64_t program, uint64_t tag, const Graph** recorded, const Optimised** fast);

// merge leaves out nodes that repeat another one or only pass their input on,
// and counts them.
Graph merge(const Graph& g, size_t* merged);
// sweep leaves out nodes and constants that no output needs, and counts the nodes.
Graph sweep(const Graph& g, size_t* dead);
// pooled makes one node of what the gradient of an extreme over windows consists of.
Graph pooled(const Graph& g);
// fuse makes one node of each set of elementwise nodes that may be computed
// together.
Graph fuse(const Graph& g, std::vector<Group>& groups, std::vector<Unfused>& unfused);

} // namespace adj
