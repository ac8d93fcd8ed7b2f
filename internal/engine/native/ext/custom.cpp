// Custom: a function whose derivatives or batch rule are Go functions.
#include "ext/goop.h"
#include "ext/through.h"

namespace adj {

using namespace mlx::core;

namespace {

// The inputs are the function's arguments and its results, which were computed
// from what argument() made of the arguments: where there is a rule, the results
// depend only on what the function captured.
class Custom : public Through {
 public:
  Custom(Stream s, GoOp op, size_t arguments, size_t results, bool vjp, bool jvp)
      : Through(s, results), op_(std::move(op)), arguments_(arguments), vjp_(vjp), jvp_(jvp) {}

  const char* name() const override {
    return "Custom";
  }

  bool flows(size_t input, bool forward) const override {
    return input >= arguments_ || (forward ? jvp_ : vjp_);
  }

  Arrays vjp(
      const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
      const Arrays& outputs) override {
    if (!vjp_) {
      return Through::vjp(primals, cotangents, argnums, outputs);
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
    if (!jvp_) {
      return Through::jvp(primals, tangents, argnums);
    }
    refuse_captures("jvp", argnums);
    return op_.jvp(primals, tangents, argnums);
  }

  std::pair<Arrays, std::vector<int>> vmap(
      const Arrays& inputs, const std::vector<int>& axes) override {
    return op_.vmap(inputs, axes);
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

  GoOp op_;
  size_t arguments_;
  bool vjp_, jvp_;
};

} // namespace

int custom_of(
    uint64_t number, const uint64_t* h, uint64_t n, uint64_t results, bool vjp, bool jvp,
    uint64_t** out, uint64_t* nout) {
  ensure_thread();
  return guarded([&] {
    GoOp op(number);
    auto in = arrays(h, n);
    auto values = part(in, n - results, n);
    if (tracing() && results > 0) {
      values = make(values, std::make_shared<Custom>(current(), op, n - results, results, vjp, jvp), in);
    }
    give(std::move(values), out, nout);
  });
}

} // namespace adj
