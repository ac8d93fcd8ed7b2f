// Scan: a body repeated along the first axis of its inputs.
#include <algorithm>
#include <cstring>

#include "ext/rows.h"
#include "mlx/backend/cpu/encoder.h"

namespace adj {

using namespace mlx::core;

namespace {

Arrays scan(
    const Body& b, const Layout& l, const Arrays& in, std::shared_ptr<Step> step = nullptr, size_t visible = 0);

// slices returns examples of what a step gets.
Arrays slices(const Layout& l, const Arrays& in) {
  auto like = part(in, 0, l.carried);
  for (size_t i = l.carried; i < in.size(); i++) {
    auto shape = in[i].shape();
    if (i < l.carried + l.sliced) {
      shape.erase(shape.begin());
    }
    like.push_back(array(shape, in[i].dtype(), nullptr, {}));
  }
  return like;
}

class Scan : public Own {
 public:
  Scan(Stream s, Body b, Layout l, std::shared_ptr<Step> step, size_t visible, size_t results)
      : Own(s), body_(std::move(b)), l_(l), step_(std::move(step)), visible_(visible), results_(results) {}

  const char* name() const override {
    return "Scan";
  }

  void prepare() override {
    if (!prepared_) {
      rows_ = Rows::of(body_->prepared(), l_);
      prepared_ = true;
    }
  }
  void eval_cpu(const Arrays& given, Arrays& outputs) override {
    prepare();
    auto inputs = given;
    for (size_t i = l_.carried; i < l_.carried + l_.sliced; i++) {
      inputs[i] = ready(inputs[i], stream());
    }
    if (rows_ && tasks_run_here() && rows_->run(stream(), inputs, outputs)) {
      return;
    }
    auto& encoder = cpu::get_command_encoder(stream());
    auto carry = part(inputs, 0, l_.carried);
    auto captures = part(inputs, l_.carried + l_.sliced, inputs.size());
    for (size_t i = l_.carried; i < outputs.size(); i++) {
      outputs[i].set_data(allocator::malloc(outputs[i].nbytes()));
    }
    for (int t = 0; t < l_.length; t++) {
      int at = l_.reverse ? l_.length - 1 - t : t;
      auto args = std::move(carry);
      for (size_t i = l_.carried; i < l_.carried + l_.sliced; i++) {
        args.push_back(slice_of(inputs[i], at));
      }
      auto out = body_->evaluate(std::move(args) + captures);
      if (out.empty()) {
        return;
      }
      carry = part(out, 0, l_.carried);
      for (size_t i = l_.carried; i < outputs.size(); i++) {
        auto y = out[i];
        if (!y.flags().row_contiguous) {
          y = contiguous(y, false, stream());
          if (!eval_node(y)) {
            return;
          }
        }
        auto* to = outputs[i].data<char>() + at * y.nbytes();
        encoder.dispatch([to, from = y.data<char>(), n = y.nbytes(), y = y.data_shared_ptr(),
                          o = outputs[i].data_shared_ptr()] { std::memcpy(to, from, n); });
      }
    }
    for (size_t i = 0; i < l_.carried; i++) {
      outputs[i].copy_shared_buffer(carry[i]);
    }
  }

  void eval_gpu(const Arrays&, Arrays&) override {
    throw std::runtime_error("[Scan] runs on the CPU only");
  }

  Arrays pull(
      const Arrays& primals, const std::vector<std::optional<array>>& cotangents,
      const std::vector<int>& argnums, const Arrays& outputs) override {
    // A step that was made ready when the function ran serves if nothing flows
    // into what it added, and if it knows the arguments.
    bool ready = step_ && std::all_of(argnums.begin(), argnums.end(), [&](int i) {
      return !inexact(primals[i]) || std::count(step_->wrt.begin(), step_->wrt.end(), i);
    });
    for (size_t i = visible_; i < cotangents.size(); i++) {
      ready = ready && !cotangents[i];
    }
    if (ready) {
      return reverse(*step_, primals, cotangents, argnums, part(outputs, visible_, outputs.size()));
    }
    auto wrt = range(0, 0);
    for (size_t i = 0; i < primals.size(); i++) {
      bool asked = i < l_.carried || std::count(argnums.begin(), argnums.end(), int(i));
      if (asked && inexact(primals[i])) {
        wrt.push_back(i);
      }
    }
    auto step = make_step(body_, l_, slices(l_, primals), wrt);
    auto again = scan(step->forward, l_, primals + step->captures);
    return reverse(*step, primals, cotangents, argnums, part(again, outputs.size(), again.size()));
  }

  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) override {
    // All carried arrays have tangents, since one may come to depend on another.
    std::vector<int> wrt;
    Arrays d;
    for (size_t i = 0; i < primals.size(); i++) {
      auto it = std::find(argnums.begin(), argnums.end(), int(i));
      if (!inexact(primals[i]) || (it == argnums.end() && i >= l_.carried)) {
        continue;
      }
      wrt.push_back(i);
      d.push_back(it == argnums.end() ? zeros_like(primals[i], stream()) : tangents[it - argnums.begin()]);
    }
    auto like = slices(l_, primals);
    auto p = placeholders(like);
    auto out = body_->run(p, false);
    Arrays x;
    for (int i : wrt) {
      x.push_back(p[i]);
    }
    auto dx = placeholders(x);
    auto dout = filled(Tape(out, x, true).push(out, dx), out);
    // Both kinds of a step's inputs and outputs are sorted by their role.
    auto count = [&](size_t from, size_t to) {
      return std::count_if(wrt.begin(), wrt.end(), [&](int i) { return size_t(i) >= from && size_t(i) < to; });
    };
    size_t dc = count(0, l_.carried), ds = count(l_.carried, l_.carried + l_.sliced);
    auto sorted = [&](const Arrays& v, const Arrays& dv) {
      return part(v, 0, l_.carried) + part(dv, 0, dc) + part(v, l_.carried, l_.carried + l_.sliced) +
          part(dv, dc, dc + ds) + part(v, l_.carried + l_.sliced, v.size()) + part(dv, dc + ds, dv.size());
    };
    Arrays outs = part(out, 0, l_.carried);
    for (size_t i = 0; i < l_.carried; i++) {
      if (inexact(out[i])) {
        outs.push_back(dout[i]);
      }
    }
    outs = outs + part(dout, l_.carried, dout.size());
    Arrays more;
    auto b = body(sorted(p, dx), outs, more);
    auto l = l_;
    l.carried += dc;
    l.sliced += ds;
    auto r = scan(b, l, sorted(primals, d) + more);
    Arrays result;
    for (size_t i = 0, k = l_.carried; i < l_.carried; i++) {
      result.push_back(inexact(out[i]) ? r[k++] : zeros_like(r[i], stream()));
    }
    return result + part(r, l.carried, r.size());
  }

  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    int size = mapped_size(inputs, axes);
    auto ax = axes;
    Arrays in;
    for (size_t i = 0; i < inputs.size(); i++) {
      auto& s = stream();
      if (ax[i] != unmapped && i < l_.carried) {
        in.push_back(moveaxis(inputs[i], ax[i], 0, s));
        ax[i] = 0;
      } else if (ax[i] != unmapped && i < l_.carried + l_.sliced) {
        // The steps stay the first axis; a slice is mapped along its own first.
        in.push_back(moveaxis(inputs[i], ax[i], 1, s));
        ax[i] = 0;
      } else {
        in.push_back(inputs[i]);
      }
    }
    for (;;) {
      // A carried array is mapped if it is so before any step.
      std::vector<bool> force;
      for (size_t i = 0; i < results_; i++) {
        force.push_back(i < l_.carried && ax[i] != unmapped);
      }
      Arrays more;
      auto r = mapped(body_, slices(l_, in), ax, size, force, more);
      bool settled = true;
      for (size_t i = 0; i < l_.carried; i++) {
        if (ax[i] == unmapped && r.out[i] != unmapped) {
          in[i] = moved({in[i], unmapped}, 0, size);
          ax[i] = 0;
          settled = false;
        }
      }
      if (!settled) {
        continue;
      }
      auto out_axes = r.out;
      for (size_t i = l_.carried; i < out_axes.size(); i++) {
        out_axes[i] += out_axes[i] != unmapped; // behind the steps
      }
      return {scan(r.body, l_, in + more), out_axes};
    }
  }

  // The steps one after the other.
  Arrays plain(const Arrays& inputs, const Repeat& repeat) override {
    if (l_.length == 0) {
      throw std::invalid_argument("[export] a Scan without steps is no operation of MLX's");
    }
    auto& s = stream();
    auto carry = part(inputs, 0, l_.carried);
    auto captures = part(inputs, l_.carried + l_.sliced, inputs.size());
    std::vector<Arrays> stacked;
    for (int t = 0; t < l_.length; t++) {
      int at = l_.reverse ? l_.length - 1 - t : t;
      auto args = std::move(carry);
      for (size_t i = l_.carried; i < l_.carried + l_.sliced; i++) {
        auto start = Shape(inputs[i].ndim(), 0), stop = inputs[i].shape();
        start[0] = at;
        stop[0] = at + 1;
        args.push_back(squeeze(slice(inputs[i], start, stop, s), 0, s));
      }
      auto out = repeat(*body_, std::move(args) + captures);
      carry = part(out, 0, l_.carried);
      stacked.resize(out.size() - l_.carried, Arrays(l_.length, out[0]));
      for (size_t i = l_.carried; i < out.size(); i++) {
        stacked[i - l_.carried][at] = out[i];
      }
    }
    for (auto& list : stacked) {
      carry.push_back(stack(list, 0, s));
    }
    return carry;
  }

 private:
  // reverse runs the steps backwards.
  Arrays reverse(
      const Step& s, const Arrays& primals, const std::vector<std::optional<array>>& cotangents,
      const std::vector<int>& argnums, const Arrays& residuals);

  array slice_of(const array& x, int at) const {
    Shape shape(x.shape().begin() + 1, x.shape().end());
    Strides strides(x.strides().begin() + 1, x.strides().end());
    return view(x, std::move(shape), std::move(strides), at * x.strides(0));
  }

  Body body_;
  Layout l_;
  std::shared_ptr<Step> step_;
  size_t visible_; // outputs in front of the residuals of step_
  size_t results_;
  bool prepared_ = false;
  std::shared_ptr<const Rows> rows_;
};

Arrays Scan::reverse(
    const Step& s, const Arrays& primals, const std::vector<std::optional<array>>& cotangents,
    const std::vector<int>& argnums, const Arrays& residuals) {
  auto& st = stream();
  auto wanted = [&](int i) { return std::count(argnums.begin(), argnums.end(), i) > 0; };
  auto role = [&](size_t i) { return i < l_.carried ? 0 : i < l_.carried + l_.sliced ? 1 : 2; };
  // Which gradients are computed, by the role of the input. Those of carried
  // arrays pass through every step; those of captures are summed up.
  std::vector<int> of[3];
  std::vector<array> grads[3];
  Arrays used;
  for (size_t k = 0; k < s.wrt.size(); k++) {
    int i = s.wrt[k], r = role(i);
    if (r == 0 || wanted(i)) {
      of[r].push_back(i);
      grads[r].push_back(s.grads[k] ? *s.grads[k] : zeros_like(s.in[i], st));
      if (s.grads[k]) {
        used.push_back(*s.grads[k]);
      }
    }
  }
  Arrays from = {}, values = {}, outs = grads[0], sums;
  auto f = frontier(s, l_, used);
  std::vector<Total> totals;
  for (size_t k = 0; k < of[2].size(); k++) {
    totals.push_back(total(grads[2][k], f.residual + f.sliced));
    if (auto& rest = totals[k].rest) {
      sums.push_back(placeholder(s.in[of[2][k]]));
      outs.push_back(add(sums.back(), *rest, st));
    }
  }
  // The carried arrays of the reverse pass and their values.
  size_t nc = of[0].size(), u = 0;
  for (size_t i = 0; i < cotangents.size() && i < s.out.size(); i++) {
    if (!inexact(s.out[i])) {
      continue;
    }
    auto zero = [&] {
      auto shape = s.out[i].shape();
      if (i >= l_.carried) {
        shape.insert(shape.begin(), l_.length);
      }
      return zeros(shape, s.out[i].dtype(), st);
    };
    auto ct = cotangents[i] ? *cotangents[i] : zero();
    from.push_back(s.cotangents[u++]);
    values.push_back(ct);
  }
  auto sliced_from = part(from, nc, from.size()) + f.residual + f.sliced;
  Arrays sliced = part(values, nc, values.size());
  for (auto& r : f.residual) {
    sliced.push_back(residuals.at(s.place.at(r.id())));
  }
  for (auto& x : f.sliced) {
    for (size_t i = 0; i < s.in.size(); i++) {
      if (s.in[i].id() == x.id()) {
        sliced.push_back(primals[i]);
      }
    }
  }
  auto init = part(values, 0, nc);
  for (size_t k = 0; k < of[2].size(); k++) {
    if (totals[k].rest) {
      init.push_back(zeros_like(primals[of[2][k]], st));
    }
  }
  // What the products are made of is stacked, unless it is there already.
  Arrays stacked = grads[1];
  for (auto& t : totals) {
    for (auto& p : t.products) {
      for (auto* a : {&p.left, &p.right}) {
        if (!contains(sliced_from, *a) && !contains(stacked, *a)) {
          stacked.push_back(*a);
        }
      }
    }
  }
  Arrays more;
  // Behind the inputs of the step are the captures of its forward pass.
  auto given = part(primals, 0, s.in.size());
  auto invariant = Graph(s.in, f.invariant, [](const array&) {}).run(given, false);
  auto b = body(
      part(from, 0, nc) + sums + sliced_from + f.invariant, outs + stacked, more);
  Layout l{nc + sums.size(), sliced.size(), l_.length, !l_.reverse, l_.remat};
  auto r = scan(b, l, init + sliced + invariant + more);
  auto all_of = [&](const array& a) {
    auto i = index(sliced_from, a);
    return i < sliced_from.size() ? sliced[i] : r[l.carried + index(stacked, a)];
  };
  Arrays summed;
  for (size_t k = 0, next = nc; k < of[2].size(); k++) {
    auto g = totals[k].rest ? std::optional<array>(r[next++]) : std::nullopt;
    for (auto& p : totals[k].products) {
      auto product = matmul(
          transpose(flatten(all_of(p.left), 0, 1, st), st), flatten(all_of(p.right), 0, 1, st), st);
      g = g ? add(*g, product, st) : product;
    }
    summed.push_back(*g);
  }
  Arrays result;
  for (int i : argnums) {
    if (!inexact(primals[i])) {
      result.push_back(zeros_like(primals[i], st));
      continue;
    }
    int k = role(i);
    size_t at = std::find(of[k].begin(), of[k].end(), i) - of[k].begin();
    result.push_back(k == 2 ? summed[at] : r[k == 0 ? at : l.carried + at]);
  }
  return result;
}

// unrolled builds all steps at once, where no primitive can run them.
Arrays unrolled(const Body& b, const Layout& l, const Arrays& in) {
  auto& s = current();
  auto carry = part(in, 0, l.carried);
  auto captures = part(in, l.carried + l.sliced, in.size());
  std::vector<Arrays> stacks;
  for (int t = 0; t < l.length; t++) {
    auto args = std::move(carry);
    for (size_t i = l.carried; i < l.carried + l.sliced; i++) {
      args.push_back(take(in[i], l.reverse ? l.length - 1 - t : t, 0, s));
    }
    auto out = b->run(std::move(args) + captures, false);
    carry = part(out, 0, l.carried);
    stacks.resize(out.size() - l.carried);
    for (size_t i = l.carried; i < out.size(); i++) {
      stacks[i - l.carried].push_back(out[i]);
    }
  }
  for (auto& y : stacks) {
    if (l.reverse) {
      std::reverse(y.begin(), y.end());
    }
    carry.push_back(stack(y, 0, s));
  }
  return carry;
}

Arrays scan(const Body& b, const Layout& l, const Arrays& in, std::shared_ptr<Step> step, size_t visible) {
  auto& s = current();
  if (l.length > 0 && !here({b})) {
    return unrolled(b, l, in);
  }
  auto like = b->run(placeholders(slices(l, in)), false);
  for (size_t i = l.carried; i < like.size(); i++) {
    auto shape = like[i].shape();
    shape.insert(shape.begin(), l.length);
    like[i] = array(shape, like[i].dtype(), nullptr, {});
  }
  auto n = like.size();
  return make(like, std::make_shared<Scan>(s, b, l, std::move(step), visible ? visible : n, n), in);
}

} // namespace

int scan_of(
    uint64_t fn, uint64_t trace, const uint64_t* h, uint64_t n, uint64_t carried,
    uint64_t length, bool reverse, bool remat, uint64_t** out, uint64_t* nout) {
  ensure_thread();
  return guarded([&] {
    auto in = arrays(h, n);
    Layout l{carried, n - carried, int(length), reverse, remat};
    auto r = record(fn, trace, slices(l, in));
    Arrays captures;
    auto b = body(r.in, r.out, captures);
    auto all = in + captures;
    std::vector<int> wrt;
    bool tracers = false;
    for (size_t i = 0; i < all.size(); i++) {
      if (inexact(all[i]) && (i < carried || all[i].is_tracer())) {
        wrt.push_back(i);
      }
      tracers = tracers || all[i].is_tracer();
    }
    if (!reversing() || !tracers || !here({b})) {
      give(scan(b, l, all), out, nout);
      return;
    }
    // It will be differentiated: what that needs of the steps is kept.
    auto step = make_step(b, l, slices(l, all), wrt);
    auto results = scan(step->forward, l, all + step->captures, step, r.out.size());
    give(part(results, 0, r.out.size()), out, nout);
  });
}

} // namespace adj
