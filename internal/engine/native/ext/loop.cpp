// Loop: a body repeated while a condition on its state holds.
#include <algorithm>

#include "ext/flow.h"
#include "mlx/backend/cpu/encoder.h"

namespace adj {

using namespace mlx::core;

namespace {

// Code is what a loop runs. The inputs are the state, the captures of the
// condition, then those of the body.
struct Code {
  Body condition, step;
  size_t state, tests; // how many arrays are state, and captures of the condition

  void prepare() const {
    condition->prepare();
    step->prepare();
  }
  Arrays of_condition(const Arrays& state_, const Arrays& in) const {
    return state_ + part(in, state, state + tests);
  }
  Arrays of_step(const Arrays& state_, const Arrays& in) const {
    return state_ + part(in, state + tests, in.size());
  }
};

// run repeats the body from the state in in. visit sees each state but the last.
// It returns the last, or nothing after a failure.
Arrays run(const Code& c, const Stream& s, const Arrays& in, const std::function<void(const Arrays&)>& visit) {
  auto state = part(in, 0, c.state);
  for (;;) {
    auto go_on = c.condition->evaluate(c.of_condition(state, in));
    if (go_on.empty() || !settle(s)) {
      return {};
    }
    if (!*go_on[0].data<bool>()) {
      return state;
    }
    visit(state);
    state = c.step->evaluate(c.of_step(state, in));
    if (state.empty()) {
      return {};
    }
  }
}

Arrays loop(const Code& c, const Arrays& in);

// widened is the code over examples, all of whose inputs are mapped along axes.
Code widened(const Code& c, const Arrays& in, const std::vector<int>& axes, int size, Arrays& all);

// Undo is the reverse of a loop: from the loop's inputs and the cotangents of its
// floating-point results to the gradients for the floating-point state, and for
// the captures of the body that wrt names. The states are kept while it runs.
class Undo : public Own {
 public:
  // undone maps the inputs of a step and the cotangents of its results to the
  // gradients for the floating-point state, then for wrt.
  Undo(Stream s, Code c, Body undone, size_t inputs, std::vector<int> wrt, size_t added)
      : Own(s), c_(std::move(c)), undone_(std::move(undone)), inputs_(inputs), wrt_(std::move(wrt)), added_(added) {}

  const char* name() const override {
    return "While's reverse";
  }

  void prepare() override {
    c_.prepare();
    undone_->prepare();
  }
  void eval_cpu(const Arrays& inputs, Arrays& outputs) override {
    std::vector<Arrays> states;
    auto in = part(inputs, 0, inputs_);
    auto extra = part(inputs, inputs.size() - added_, inputs.size());
    auto cts = part(inputs, inputs_, inputs.size() - added_);
    auto last = run(c_, stream(), in, [&](const Arrays& state) { states.push_back(state); });
    if (last.empty()) {
      return;
    }
    for (; !states.empty(); states.pop_back()) {
      cts = undone_->evaluate(c_.of_step(states.back(), in) + cts + extra);
      if (cts.empty()) {
        return;
      }
    }
    for (size_t i = 0; i < cts.size(); i++) {
      outputs[i].copy_shared_buffer(cts[i]);
    }
  }

  void eval_gpu(const Arrays&, Arrays&) override {
    throw std::runtime_error("[While] runs on the CPU only");
  }

  Arrays vjp(const Arrays&, const Arrays&, const std::vector<int>&, const Arrays&) override {
    throw std::invalid_argument("[While::vjp] the gradient of a While has no reverse rule: use flow.Scan or flow.For for higher derivatives");
  }
  Arrays jvp(const Arrays&, const Arrays&, const std::vector<int>&) override {
    throw std::invalid_argument("[While::jvp] the gradient of a While has no forward rule: use flow.Scan or flow.For for higher derivatives");
  }
  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes) override;

 private:
  Code c_;
  Body undone_;
  size_t inputs_;
  std::vector<int> wrt_; // inputs of a step, captures of the body
  size_t added_; // captures of undone
};

Arrays undo(const Code& c, const Arrays& in, const Arrays& cotangents, const std::vector<int>& wrt);

class While : public Own {
 public:
  While(Stream s, Code c) : Own(s), c_(std::move(c)) {}

  const char* name() const override {
    return "While";
  }

  bool flows(size_t input, bool) const override {
    return input < c_.state || input >= c_.state + c_.tests;
  }

  void prepare() override {
    c_.prepare();
  }
  void eval_cpu(const Arrays& inputs, Arrays& outputs) override {
    auto last = run(c_, stream(), inputs, [](const Arrays&) {});
    for (size_t i = 0; i < last.size(); i++) {
      outputs[i].copy_shared_buffer(last[i]);
    }
  }

  void eval_gpu(const Arrays&, Arrays&) override {
    throw std::runtime_error("[While] runs on the CPU only");
  }

  Arrays vjp(
      const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
      const Arrays&) override {
    std::vector<int> wrt; // of the step's inputs
    for (int i : argnums) {
      if (size_t(i) >= c_.state && inexact(primals[i])) {
        wrt.push_back(i - c_.tests);
      }
    }
    Arrays cts;
    for (auto& c : cotangents) {
      if (inexact(c)) {
        cts.push_back(c);
      }
    }
    auto grads = undo(c_, primals, cts, wrt);
    Arrays out;
    size_t state = 0, captured = cts.size();
    for (size_t i = 0; i < primals.size(); i++) {
      bool asked = std::count(argnums.begin(), argnums.end(), int(i));
      if (!inexact(primals[i])) {
        if (asked) {
          out.push_back(zeros_like(primals[i], stream()));
        }
        continue;
      }
      if (i < c_.state) {
        if (asked) {
          out.push_back(grads[state]);
        }
        state++;
      } else if (asked) {
        out.push_back(grads[captured++]);
      }
    }
    return out;
  }

  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) override {
    // The whole state has tangents, since one array may come to depend on another.
    std::vector<int> wrt;
    Arrays state = part(primals, 0, c_.state), dstate, dcaptures;
    for (size_t i = 0; i < primals.size(); i++) {
      auto it = std::find(argnums.begin(), argnums.end(), int(i));
      if (!inexact(primals[i]) || (it == argnums.end() && i >= c_.state)) {
        continue;
      }
      auto d = it == argnums.end() ? zeros_like(primals[i], stream()) : tangents[it - argnums.begin()];
      (i < c_.state ? dstate : dcaptures).push_back(d);
      wrt.push_back(i < c_.state ? i : i - c_.tests);
    }
    auto args = c_.of_step(state, primals);
    auto p = placeholders(args);
    auto out = c_.step->run(p, false);
    Arrays x;
    for (int i : wrt) {
      x.push_back(p[i]);
    }
    auto dx = placeholders(x);
    auto dout = filled(Tape(out, x, true).push(out, dx), out);
    for (size_t i = 0; i < c_.state; i++) {
      if (inexact(out[i])) {
        out.push_back(dout[i]);
      }
    }
    Arrays more;
    size_t n = dstate.size();
    auto step = body(
        part(p, 0, c_.state) + part(dx, 0, n) + part(p, c_.state, p.size()) + part(dx, n, dx.size()), out, more);
    // The condition does not look at the tangents.
    auto q = placeholders(c_.of_condition(state, primals));
    Arrays none;
    auto condition = body(
        part(q, 0, c_.state) + placeholders(dstate) + part(q, c_.state, q.size()), c_.condition->run(q, false), none);
    auto r = loop(
        {condition, step, c_.state + n, c_.tests},
        state + dstate + part(primals, c_.state, primals.size()) + dcaptures + more);
    Arrays result;
    for (size_t i = 0, k = c_.state; i < c_.state; i++) {
      result.push_back(inexact(primals[i]) ? r[k++] : zeros_like(r[i], stream()));
    }
    return result;
  }

  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    Arrays in;
    auto c = widened(c_, inputs, axes, mapped_size(inputs, axes), in);
    return {loop(c, in), std::vector<int>(c_.state, 0)};
  }

 private:
  Code c_;
};

// at_front maps everything along the first axis.
Arrays at_front(const Arrays& in, const std::vector<int>& axes, int size) {
  Arrays r;
  for (size_t i = 0; i < in.size(); i++) {
    r.push_back(moved({in[i], axes[i]}, 0, size));
  }
  return r;
}

Code widened(const Code& c, const Arrays& in, const std::vector<int>& axes, int size, Arrays& all) {
  // Examples end at different steps: the state of those that have ended stays.
  all = at_front(in, axes, size);
  auto state = part(all, 0, c.state);
  Arrays more_test, more_step;
  auto test_in = c.of_condition(state, all), step_in = c.of_step(state, all);
  std::vector<bool> one{true}, each(c.state, true);
  auto test = mapped(c.condition, test_in, std::vector<int>(test_in.size(), 0), size, one, more_test);
  auto step = mapped(c.step, step_in, std::vector<int>(step_in.size(), 0), size, each, more_step);
  auto& s = current();

  auto p = placeholders(test_in + more_test);
  Arrays none;
  auto condition = body(p, {any(test.body->run(p, false)[0], s)}, none);

  auto q = placeholders(step_in + more_step);
  auto tests = placeholders(part(test_in + more_test, c.state, test_in.size() + more_test.size()));
  auto now = part(q, 0, c.state);
  auto next = step.body->run(q, false);
  auto going = test.body->run(now + tests, false)[0];
  for (size_t i = 0; i < next.size(); i++) {
    Shape wide(next[i].ndim(), 1);
    wide[0] = size;
    next[i] = where(reshape(going, wide, s), next[i], now[i], s);
  }
  auto select = body(q + tests, next, none);
  auto captures_test = part(test_in + more_test, c.state, test_in.size() + more_test.size());
  auto captures_step = part(step_in + more_step, c.state, step_in.size() + more_step.size());
  all = state + captures_test + captures_step + captures_test + none;
  return {condition, select, c.state, captures_test.size()};
}

Arrays undo(const Code& c, const Arrays& in, const Arrays& cotangents, const std::vector<int>& wrt) {
  auto& s = current();
  auto like = c.of_step(part(in, 0, c.state), in);
  auto p = placeholders(like);
  auto out = c.step->run(p, false);
  Arrays x, values, sums, init = cotangents;
  for (size_t i = 0; i < c.state; i++) {
    if (inexact(p[i])) {
      x.push_back(p[i]);
      values.push_back(out[i]);
    }
  }
  auto u = placeholders(values);
  for (int i : wrt) {
    x.push_back(p[i]);
    sums.push_back(placeholder(p[i]));
    init.push_back(zeros_like(like[i], s));
  }
  auto grads = filled(Tape(values, x, false).pull(values, u), x);
  for (size_t i = 0; i < sums.size(); i++) {
    grads[values.size() + i] = add(grads[values.size() + i], sums[i], s);
  }
  Arrays more;
  auto undone = body(p + u + sums, grads, more);
  return make(init, std::make_shared<Undo>(s, c, undone, in.size(), wrt, more.size()), in + init + more);
}

std::pair<Arrays, std::vector<int>> Undo::vmap(const Arrays& inputs, const std::vector<int>& axes) {
  int size = mapped_size(inputs, axes);
  auto all = at_front(part(inputs, 0, inputs.size() - added_),
                      std::vector<int>(axes.begin(), axes.end() - added_), size);
  auto in = part(all, 0, inputs_);
  Arrays wide;
  auto c = widened(c_, in, std::vector<int>(inputs_, 0), size, wide);
  size_t floating = all.size() - inputs_ - wrt_.size();
  auto grads = undo(c, wide, part(all, inputs_, inputs_ + floating), wrt_);
  return {grads, std::vector<int>(grads.size(), 0)};
}

// told repeats the body from here, where no primitive can run it.
Arrays told(const Code& c, const Arrays& in) {
  auto state = part(in, 0, c.state);
  for (auto& a : in) {
    if (a.is_tracer()) {
      throw std::invalid_argument("[While] inside a transform it runs on the CPU only: use flow.For, or core.Using(core.CPU, ...)");
    }
  }
  for (;;) {
    auto go_on = c.condition->run(c.of_condition(state, in), false)[0];
    eval({go_on});
    if (!go_on.item<bool>()) {
      return state;
    }
    state = c.step->run(c.of_step(state, in), false);
    eval(state);
  }
}

Arrays loop(const Code& c, const Arrays& in) {
  if (!here({c.condition, c.step})) {
    return told(c, in);
  }
  return make(part(in, 0, c.state), std::make_shared<While>(current(), c), in);
}

} // namespace

int loop_of(
    uint64_t condition, uint64_t step, uint64_t trace, const uint64_t* h, uint64_t n,
    uint64_t** out, uint64_t* nout) {
  ensure_thread();
  return guarded([&] {
    auto in = arrays(h, n);
    auto test = record(condition, trace, in), next = record(step, trace, in);
    Arrays tests, more;
    Code c{body(test.in, test.out, tests), nullptr, in.size(), 0};
    c.step = body(next.in, next.out, more);
    c.tests = tests.size();
    give(loop(c, in + tests + more), out, nout);
  });
}

} // namespace adj
