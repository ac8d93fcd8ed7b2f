// Checkpoint: a function whose intermediate values are not kept for its gradient
// but computed again.
#include <cstring>
#include <sstream>
#include <string_view>

#include "ext/through.h"

namespace adj {

using namespace mlx::core;

namespace {

// The inputs are the arguments, what else the function is computed from, what it
// saved, and its results.
class Checkpoint : public Through {
 public:
  Checkpoint(Stream s, Body body, size_t from, size_t results, std::vector<Shape> shapes)
      : Through(s, results), body_(std::move(body)), from_(from), shapes_(std::move(shapes)) {}

  const char* name() const override {
    return "Checkpoint";
  }

  // In reverse the derivative goes through a repetition; forward there is nothing
  // to save, and it goes through the function as it was computed.
  bool flows(size_t input, bool forward) const override {
    return forward ? input >= body_->inputs() : input < from_;
  }

  Arrays vjp(
      const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
      const Arrays&) override {
    // The repetition waits for the cotangents. Otherwise it would be done at once,
    // together with the function, and all be kept.
    auto in = part(primals, 0, body_->inputs());
    for (size_t i = 0; i < from_; i++) {
      in[i] = late(in[i], cotangents);
    }
    Arrays at;
    for (int i : argnums) {
      at.push_back(in.at(i));
    }
    auto out = body_->run(in, resized(in));
    auto grads = filled(Tape(out, at, false).pull(out, cotangents), at);
    forget_recomputed(out + grads, in);
    return grads;
  }

  std::pair<Arrays, std::vector<int>> vmap(
      const Arrays& inputs, const std::vector<int>& axes) override {
    auto n = body_->inputs();
    int size = mapped_size(inputs, axes);
    Arrays in = part(inputs, 0, n), more;
    auto examples = mapped(
        body_, in, std::vector<int>(axes.begin(), axes.begin() + n), size,
        std::vector<bool>(outputs_, true), more);
    in = in + more;
    auto shapes = shapes_of(in);
    Arrays results;
    for (size_t i = n; i < inputs.size(); i++) {
      results.push_back(moved({inputs[i], axes[i]}, 0, size));
    }
    auto p = std::make_shared<Checkpoint>(stream(), examples.body, from_, outputs_, shapes);
    return {make(results, p, in + results), std::vector<int>(outputs_, 0)};
  }

  bool is_equivalent(const Primitive& other) const override {
    auto* o = dynamic_cast<const Checkpoint*>(&other);
    return o && o->from_ == from_ && o->outputs_ == outputs_ && body_->difference(*o->body_).empty();
  }

 private:
  bool resized(const Arrays& in) const {
    return shapes_of(in) != shapes_;
  }

  Body body_;
  size_t from_; // the inputs that may be differentiated
  std::vector<Shape> shapes_; // of body_'s inputs
};

bool is_matmul(const array& a) {
  static const std::unordered_set<std::string_view> names = {
      "Matmul", "AddMM", "BlockMaskedMM", "GatherMM", "GatherQMM", "QuantizedMatmul", "SegmentedMM",
  };
  return names.count(a.primitive().name());
}

// to_save lists what a policy wants to keep of what leads from in to out.
Arrays to_save(const Arrays& in, const Arrays& out, bool matmuls, const char* names) {
  std::unordered_map<std::string, bool> wanted; // and whether it was found
  std::istringstream lines(names);
  for (std::string line; std::getline(lines, line);) {
    wanted[line] = false;
  }
  std::unordered_set<uintptr_t> dynamic;
  for (auto& a : in) {
    dynamic.insert(a.id());
  }
  Arrays r;
  for (auto& a : topological(
           out, [&](const array& a) { return a.has_primitive() && !dynamic.count(a.id()); })) {
    auto* name = label(a);
    auto it = name ? wanted.find(*name) : wanted.end();
    if (it != wanted.end()) {
      it->second = true;
    }
    for (auto& x : a.inputs()) {
      if (dynamic.count(x.id())) {
        dynamic.insert(a.id());
        for (auto& s : a.siblings()) {
          dynamic.insert(s.id());
        }
      }
    }
    if (dynamic.count(a.id()) && (it != wanted.end() || (matmuls && is_matmul(a)))) {
      r.push_back(a);
    }
  }
  for (auto& [name, found] : wanted) {
    if (!found) {
      throw std::invalid_argument("the function has no array with the name " + name + ": give it one with grad.Name");
    }
  }
  return r;
}

// with_saved replaces in a recorded function, of which the last outputs are what
// is saved, these by inputs behind the others. Derivatives still lead to how they
// are computed.
Body with_saved(const Graph& g, const Arrays& save) {
  size_t n = g.inputs();
  std::vector<uint32_t> place(n); // of each old slot
  for (size_t i = 0; i < n; i++) {
    place[i] = i;
  }
  std::unordered_map<uint32_t, uint32_t> keep; // old slot to number
  size_t results = g.outputs().size() - save.size();
  for (size_t k = 0; k < save.size(); k++) {
    keep[g.outputs()[results + k]] = k;
  }
  uint32_t next = n + save.size();
  std::vector<Graph::Node> nodes;
  for (auto node : g.nodes()) {
    for (auto& i : node.in) {
      i = place[i];
    }
    size_t first = place.size();
    for (size_t i = 0; i < node.shapes.size(); i++) {
      place.push_back(next++);
    }
    nodes.push_back(std::move(node));
    for (size_t slot = first; slot < place.size(); slot++) {
      if (auto it = keep.find(slot); it != keep.end()) {
        auto& value = save[it->second];
        auto s = saved(value, value);
        nodes.push_back(
            {false, s.primitive_ptr(), {place[slot], (uint32_t)(n + it->second)}, {value.shape()}, {value.dtype()}});
        place[slot] = next++;
      }
    }
  }
  std::vector<uint32_t> outputs;
  for (size_t i = 0; i < results; i++) {
    outputs.push_back(place[g.outputs()[i]]);
  }
  auto specs = g.input_specs();
  for (auto& a : save) {
    specs.push_back({a.shape(), a.dtype()});
  }
  return std::make_shared<Graph>(std::move(specs), Arrays{}, std::move(nodes), std::move(outputs));
}

} // namespace

int checkpoint_of(
    const uint64_t* h, uint64_t n, uint64_t results, bool matmuls, const char* names,
    uint64_t** out, uint64_t* nout) {
  ensure_thread();
  return guarded([&] {
    auto all = arrays(h, n);
    auto in = part(all, 0, n - results), values = part(all, n - results, n);
    if (!tracing() || results == 0) {
      give(std::move(values), out, nout);
      return;
    }
    auto save = to_save(in, values, matmuls, names);
    Graph g(in, values + save, [](const array&) {});
    in = in + g.lift();
    auto from = in.size();
    auto body = with_saved(g, save);
    in = in + save;
    auto p = std::make_shared<Checkpoint>(current(), body, from, results, shapes_of(in));
    give(make(values, p, in + values), out, nout);
  });
}

} // namespace adj
