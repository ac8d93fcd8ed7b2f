#include "ext/through.h"

#include <numeric>

namespace adj {

using namespace mlx::core;

void Through::eval_cpu(const Arrays& inputs, Arrays& outputs) {
  for (size_t i = 0, j = head(inputs); i < outputs.size(); i++, j++) {
    outputs[i].copy_shared_buffer(inputs[j]);
  }
}

Arrays Through::vjp(
    const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
    const Arrays&) {
  Arrays r;
  for (int i : argnums) {
    r.push_back(cotangents.at(i - head(primals)));
  }
  return r;
}

Arrays Through::jvp(
    const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) {
  std::vector<std::optional<array>> r(outputs_);
  for (size_t i = 0; i < argnums.size(); i++) {
    r.at(argnums[i] - head(primals)) = tangents[i];
  }
  return filled(r, part(primals, head(primals), primals.size()));
}

std::vector<Shape> Through::output_shapes(const Arrays& inputs) {
  std::vector<Shape> r;
  for (size_t i = head(inputs); i < inputs.size(); i++) {
    r.push_back(inputs[i].shape());
  }
  return r;
}

namespace {

// Same is one array under another name. Derivatives pass between its output and
// its first input, which is the last too, except in a Saved.
class Same : public Through {
 public:
  Same(Stream s, const char* name, bool passes = true, std::string label = "")
      : Through(s, 1), name_(name), passes_(passes), label_(std::move(label)) {}

  const char* name() const override {
    return name_;
  }
  const std::string& label() const {
    return label_;
  }
  bool flows(size_t input, bool) const override {
    return input == 0 && passes_;
  }
  Arrays vjp(
      const Arrays&, const Arrays& cotangents, const std::vector<int>&, const Arrays&) override {
    return cotangents;
  }
  Arrays jvp(const Arrays&, const Arrays& tangents, const std::vector<int>&) override {
    return tangents;
  }
  std::pair<Arrays, std::vector<int>> vmap(
      const Arrays& inputs, const std::vector<int>& axes) override {
    auto in = inputs;
    int axis = axes.back();
    if (in.size() == 2 && axes[0] != axis) {
      // The two that a Saved stands between agree in their axis.
      int size = mapped_size(inputs, axes);
      axis = 0;
      for (int i : {0, 1}) {
        in[i] = moved({inputs[i], axes[i]}, axis, size);
      }
    }
    auto p = std::make_shared<Same>(stream(), name_, passes_, label_);
    return {{array(in.back().shape(), in.back().dtype(), p, in)}, {axis}};
  }
  bool is_equivalent(const Primitive& other) const override {
    auto* o = dynamic_cast<const Same*>(&other);
    return o && o->name_ == name_ && o->label_ == label_ && o->passes_ == passes_;
  }

 private:
  const char* name_;
  bool passes_;
  std::string label_;
};

constexpr const char *Argument = "Argument", *Named = "Named", *Saved = "Saved";

// Late is computed after all but its last input.
class Late : public Through {
 public:
  explicit Late(Stream s) : Through(s, 1) {}

  const char* name() const override {
    return "Late";
  }
  bool flows(size_t input, bool) const override {
    return input == 0;
  }
  bool idle() const override {
    return false;
  }
  Arrays vjp(
      const Arrays&, const Arrays& cotangents, const std::vector<int>&, const Arrays&) override {
    return cotangents;
  }
  Arrays jvp(const Arrays&, const Arrays& tangents, const std::vector<int>&) override {
    return tangents;
  }
  void eval_cpu(const Arrays& inputs, Arrays& outputs) override {
    outputs[0].copy_shared_buffer(inputs[0]);
  }
  std::vector<Shape> output_shapes(const Arrays& inputs) override {
    return {inputs[0].shape()};
  }
  Arrays plain(const Arrays& inputs, const Repeat&) override {
    return {inputs[0]};
  }
  std::pair<Arrays, std::vector<int>> vmap(
      const Arrays& inputs, const std::vector<int>& axes) override {
    return {{late(inputs[0], part(inputs, 1, inputs.size()))}, {axes[0]}};
  }
  bool is_equivalent(const Primitive& other) const override {
    return dynamic_cast<const Late*>(&other);
  }
};

array same(const array& a, std::shared_ptr<Same> p, Arrays in) {
  return array(a.shape(), a.dtype(), std::move(p), std::move(in));
}

} // namespace

array argument(const array& a, bool passes) {
  return same(a, std::make_shared<Same>(current(), Argument, passes), {a});
}

Body without_arguments(const Graph& g, size_t n) {
  std::vector<uint32_t> place(g.inputs()); // of each old slot
  std::iota(place.begin(), place.end(), 0);
  uint32_t next = g.inputs();
  std::vector<Graph::Node> nodes;
  for (auto node : g.nodes()) {
    // What a function within makes of its argument stays, if that is this one's, too.
    bool own = node.primitive->name() == Argument && node.in[0] < n;
    for (auto& i : node.in) {
      i = place[i];
    }
    if (own) {
      place.push_back(node.in[0]);
      continue;
    }
    for (size_t i = 0; i < node.shapes.size(); i++) {
      place.push_back(next++);
    }
    nodes.push_back(std::move(node));
  }
  std::vector<uint32_t> outputs;
  for (auto o : g.outputs()) {
    outputs.push_back(place[o]);
  }
  return std::make_shared<Graph>(g.input_specs(), Arrays{}, std::move(nodes), std::move(outputs));
}

array late(const array& a, const Arrays& first) {
  return array(a.shape(), a.dtype(), std::make_shared<Late>(stream_of(a)), Arrays{a} + first);
}

array saved(const array& recomputed, const array& value) {
  return same(value, std::make_shared<Same>(stream_of(recomputed), Saved), {recomputed, value});
}

void forget_recomputed(const Arrays& outputs, const Arrays& from) {
  std::unordered_set<uintptr_t> stop;
  for (auto& a : from) {
    stop.insert(a.id());
  }
  for (auto& a : topological(
           outputs, [&](const array& a) { return a.has_primitive() && !stop.count(a.id()); })) {
    if (a.primitive().name() == Saved && a.inputs().size() == 2) {
      a.inputs().erase(a.inputs().begin());
    }
  }
}

const std::string* label(const array& a) {
  auto* p = a.has_primitive() ? dynamic_cast<const Same*>(&a.primitive()) : nullptr;
  return p && p->name() == Named ? &p->label() : nullptr;
}

int arguments_of(
    const uint64_t* h, uint64_t n, bool passes, uint64_t** out, uint64_t* nout) {
  ensure_thread();
  return guarded([&] {
    auto all = arrays(h, n);
    if (tracing()) {
      for (auto& a : all) {
        a = argument(a, passes);
      }
    }
    give(std::move(all), out, nout);
  });
}

int named_of(uint64_t h, const char* label, uint64_t* out) {
  ensure_thread();
  return guarded([&] {
    array a = arr(h);
    if (tracing()) {
      a = same(a, std::make_shared<Same>(current(), Named, true, label), {a});
    }
    *out = handle(a);
  });
}

void fill_through(adj_api* api) {
  api->arguments = arguments_of;
  api->named = named_of;
  api->custom = custom_of;
  api->checkpoint = checkpoint_of;
}

} // namespace adj
