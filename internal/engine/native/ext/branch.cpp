// Branch: one of two bodies, chosen by a condition.
#include "ext/flow.h"
#include "mlx/backend/cpu/encoder.h"

namespace adj {

using namespace mlx::core;

namespace {

Arrays branch(const Body& yes, const Body& no, const Arrays& in);

// both gives two bodies with captures of their own the same inputs.
Arrays both(
    const Body& yes, const Body& no, const array& condition, const Arrays& args,
    const Arrays& more_yes, const Arrays& more_no) {
  auto widened = [&](const Body& b, const Arrays& before, const Arrays& own, const Arrays& behind) {
    auto a = placeholders(args), x = placeholders(before), o = placeholders(own), y = placeholders(behind);
    Arrays none;
    return body(a + x + o + y, b->run(a + o, false), none);
  };
  return branch(
      widened(yes, {}, more_yes, more_no), widened(no, more_yes, more_no, {}),
      Arrays{condition} + args + more_yes + more_no);
}

// The inputs are the condition, then those of both bodies.
class Branch : public Own {
 public:
  Branch(Stream s, Body yes, Body no) : Own(s), yes_(std::move(yes)), no_(std::move(no)) {}

  const char* name() const override {
    return "Branch";
  }

  bool flows(size_t input, bool) const override {
    return input > 0;
  }

  void prepare() override {
    yes_->prepare();
    no_->prepare();
  }
  void eval_cpu(const Arrays& inputs, Arrays& outputs) override {
    if (!settle(stream())) {
      return;
    }
    auto& b = *inputs[0].data<bool>() ? yes_ : no_;
    auto out = b->evaluate(part(inputs, 1, inputs.size()));
    for (size_t i = 0; i < out.size(); i++) {
      outputs[i].copy_shared_buffer(out[i]);
    }
  }

  void eval_gpu(const Arrays&, Arrays&) override {
    throw std::runtime_error("[Branch] runs on the CPU only");
  }

  Arrays vjp(
      const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
      const Arrays&) override {
    auto args = part(primals, 1, primals.size());
    auto wrt = less_one(argnums);
    Arrays cts, more_yes, more_no;
    for (auto& c : cotangents) {
      if (inexact(c)) {
        cts.push_back(c);
      }
    }
    auto y = pulled(yes_, args, wrt, more_yes), n = pulled(no_, args, wrt, more_no);
    return both(y, n, primals[0], args + cts, more_yes, more_no);
  }

  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) override {
    auto args = part(primals, 1, primals.size());
    auto wrt = less_one(argnums);
    Arrays more_yes, more_no;
    auto y = pushed(yes_, args, wrt, false, more_yes), n = pushed(no_, args, wrt, false, more_no);
    return both(y, n, primals[0], args + tangents, more_yes, more_no);
  }

  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    int size = mapped_size(inputs, axes);
    auto args = part(inputs, 1, inputs.size());
    std::vector<int> ax(axes.begin() + 1, axes.end());
    Arrays more_yes, more_no;
    std::vector<bool> force(results(args), true);
    auto y = mapped(yes_, args, ax, size, force, more_yes), n = mapped(no_, args, ax, size, force, more_no);
    std::vector<int> out_axes(force.size(), 0);
    if (axes[0] == unmapped) {
      return {both(y.body, n.body, inputs[0], args, more_yes, more_no), out_axes};
    }
    // Examples differ in their branch: both are run.
    auto a = y.body->run(args + more_yes, false), b = n.body->run(args + more_no, false);
    Arrays out;
    for (size_t i = 0; i < a.size(); i++) {
      Shape wide(a[i].ndim(), 1);
      wide[0] = size;
      out.push_back(where(reshape(inputs[0], wide, stream()), a[i], b[i], stream()));
    }
    return {out, out_axes};
  }

  // Both are run.
  Arrays plain(const Arrays& inputs, const Repeat& repeat) override {
    auto args = part(inputs, 1, inputs.size());
    auto out = repeat(*yes_, args), b = repeat(*no_, args);
    for (size_t i = 0; i < out.size(); i++) {
      out[i] = where(inputs[0], out[i], b[i], stream());
    }
    return out;
  }

 private:
  static std::vector<int> less_one(const std::vector<int>& v) {
    std::vector<int> r;
    for (int i : v) {
      r.push_back(i - 1);
    }
    return r;
  }

  size_t results(const Arrays& args) const {
    return yes_->run(placeholders(args), false).size();
  }

  Body yes_, no_;
};

Arrays branch(const Body& yes, const Body& no, const Arrays& in) {
  auto& s = current();
  auto args = part(in, 1, in.size());
  if (!here({yes, no})) {
    auto a = yes->run(args, false), b = no->run(args, false);
    for (size_t i = 0; i < a.size(); i++) {
      a[i] = where(in[0], a[i], b[i], s);
    }
    return a;
  }
  return make(yes->run(placeholders(args), false), std::make_shared<Branch>(s, yes, no), in);
}

} // namespace

int branch_of(
    uint64_t yes, uint64_t no, uint64_t trace, const uint64_t* h, uint64_t n,
    uint64_t** out, uint64_t* nout) {
  ensure_thread();
  return guarded([&] {
    auto in = arrays(h, n);
    auto args = part(in, 1, in.size());
    auto y = record(yes, trace, args), z = record(no, trace, args);
    Arrays more_yes, more_no;
    auto a = body(y.in, y.out, more_yes), b = body(z.in, z.out, more_no);
    give(both(a, b, in[0], args, more_yes, more_no), out, nout);
  });
}

} // namespace adj
