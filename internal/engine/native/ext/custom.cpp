// Custom: a function whose derivatives or batch rule are Go functions.
#include "ext/goop.h"
#include "ext/through.h"

namespace adj {

using namespace mlx::core;

namespace {

// The inputs are the function's arguments, what it captured, and its results, which
// were computed from what argument() made of the arguments: where there is a rule,
// they depend only on what was captured. A function with a rule for one mode has
// the derivative of its body in the other. That is taken of a repetition: the
// values that a tangent is computed from must have gradients too, and those of the
// results have none.
class Custom : public Through {
 public:
  Custom(Stream s, GoOp op, size_t arguments, size_t results, bool vjp, bool jvp, Body body, std::vector<Shape> shapes)
      : Through(s, results),
        op_(std::move(op)),
        arguments_(arguments),
        vjp_(vjp),
        jvp_(jvp),
        body_(std::move(body)),
        shapes_(std::move(shapes)) {}

  const char* name() const override {
    return "Custom";
  }

  bool flows(size_t input, bool forward) const override {
    return (forward ? jvp_ : vjp_) || (body_ ? input < body_->inputs() : input >= arguments_);
  }

  Arrays vjp(
      const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
      const Arrays& outputs) override {
    if (!vjp_ && !body_) {
      return Through::vjp(primals, cotangents, argnums, outputs);
    }
    if (!vjp_) {
      auto [out, at] = repeated(primals, argnums);
      return filled(Tape(out, at, false).pull(out, cotangents), at);
    }
    refuse_captures("vjp", argnums);
    auto grads = op_.vjp(part(primals, 0, arguments_), cotangents, outputs);
    Arrays r;
    for (int i : argnums) {
      r.push_back(grads.at(i));
    }
    return r;
  }

  Arrays jvp(
      const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) override {
    if (!jvp_ && !body_) {
      return Through::jvp(primals, tangents, argnums);
    }
    if (!jvp_) {
      auto [out, at] = repeated(primals, argnums);
      return filled(Tape(out, at, true).push(out, tangents), out);
    }
    refuse_captures("jvp", argnums);
    return op_.jvp(uncaptured(primals), tangents, argnums);
  }

  std::pair<Arrays, std::vector<int>> vmap(
      const Arrays& inputs, const std::vector<int>& axes) override {
    return op_.vmap(uncaptured(inputs), uncaptured(axes));
  }

  bool is_equivalent(const Primitive& other) const override {
    auto* o = dynamic_cast<const Custom*>(&other);
    return o && o->op_.number() == op_.number();
  }

 private:
  void refuse_captures(const char* rule, const std::vector<int>& argnums) const {
    for (int i : argnums) {
      if ((size_t)i >= arguments_) {
        throw std::invalid_argument(
            std::string("[Custom::") + rule + "] the function captures an array that is "
            "differentiated, of which its " + rule + " rule does not know: pass it as an argument");
      }
    }
  }

  template <class T>
  std::vector<T> uncaptured(std::vector<T> v) const {
    v.erase(v.begin() + arguments_, v.end() - outputs_);
    return v;
  }

  // repeated runs the body on inputs, and returns with its results what stands for
  // those at argnums.
  std::pair<Arrays, Arrays> repeated(const Arrays& inputs, const std::vector<int>& argnums) const {
    auto in = part(inputs, 0, body_->inputs());
    bool resized = shapes_of(in) != shapes_;
    Arrays at;
    for (int i : argnums) {
      in.at(i) = argument(in[i], true);
      at.push_back(in[i]);
    }
    return {body_->run(in, resized), at};
  }

  GoOp op_;
  size_t arguments_;
  bool vjp_, jvp_;
  Body body_; // from the arguments and captures to the results; null where no mode needs it
  std::vector<Shape> shapes_; // of body_'s inputs
};

} // namespace

int custom_of(
    uint64_t number, const uint64_t* h, uint64_t n, uint64_t results, bool vjp, bool jvp,
    uint64_t** out, uint64_t* nout) {
  ensure_thread();
  return guarded([&] {
    GoOp op(number);
    auto all = arrays(h, n);
    auto in = part(all, 0, n - results), values = part(all, n - results, n);
    if (tracing() && results > 0) {
      Body body;
      if (vjp != jvp) {
        Graph g(in, values, [](const array&) {});
        in = in + g.lift();
        body = without_arguments(g, n - results);
      }
      auto p = std::make_shared<Custom>(current(), op, n - results, results, vjp, jvp, body, shapes_of(in));
      values = make(values, p, in + values);
    }
    give(std::move(values), out, nout);
  });
}

} // namespace adj
