// Derivatives of recorded computations.
//
// The primitives have their rules; putting them together is done here. It
// differs from MLX's own way in these points: the rules of rules.cpp come first,
// an output may be named twice, cotangents may come after the function was
// called, marks of outer traces stay, and nothing recurses.
#include "ext/derive.h"

#include <cstring>
#include <unordered_set>

#include "ext/rules.h"
#include "ext/whole.h"
#include "mlx/transforms.h"

namespace adj {

using namespace mlx::core;

static bool named(const array& a, const char* name) {
  return std::strcmp(a.primitive().name(), name) == 0;
}

const Stream& stream_of(const array& a) {
  return a.has_primitive() ? a.primitive().stream() : stream(0);
}

// flows says whether derivatives pass from an input to the outputs of a.
static bool flows(const array& a, size_t input, bool forward) {
  if (auto* own = dynamic_cast<const Own*>(&a.primitive())) {
    return own->flows(input, forward);
  }
  // A number that was an integer is a constant.
  if (named(a, "AsType")) {
    return issubdtype(a.inputs()[0].dtype(), mlx::core::inexact) || !issubdtype(a.dtype(), mlx::core::inexact);
  }
  // So is where an update goes. That what is gathered depends on the arguments is an
  // error of MLX's.
  std::string_view name = a.primitive().name();
  for (std::string_view placing : {"Scatter", "MaskedScatter", "DynamicSlice"}) {
    if (name.starts_with(placing) && !issubdtype(a.inputs()[input].dtype(), mlx::core::inexact) &&
        issubdtype(a.dtype(), mlx::core::inexact)) {
      return false;
    }
  }
  // The further inputs of a broadcast only say how large it is.
  return input == 0 || !named(a, "Broadcast");
}

// rounds says whether a makes integers or truth values of numbers, which are constant
// but at jumps, and keep no bits of theirs.
static bool rounds(const array& a) {
  std::string_view name = a.primitive().name();
  for (std::string_view writer : {"View", "Quantize", "ToFP8"}) {
    if (name.starts_with(writer)) {
      return false;
    }
  }
  auto results = a.outputs();
  return !dynamic_cast<const Own*>(&a.primitive()) && std::none_of(results.begin(), results.end(), [](const array& o) {
    return issubdtype(o.dtype(), mlx::core::inexact);
  });
}

Tape::Tape(
    const std::vector<array>& outputs, const std::vector<array>& at, bool forward, const Ids& apart)
    : at_(at), forward_(forward) {
  for (auto& a : at) {
    depends_.insert(a.id());
  }
  reaching_ = depends_;
  auto order = topological(outputs, [&](const array& a) {
    return a.has_primitive() && !reaching_.count(a.id()) && !apart.count(a.id());
  });
  for (auto& a : order) {
    bool reaches = false;
    for (auto& in : a.inputs()) {
      reaches = reaches || reaching_.count(in.id());
    }
    if (!reaches) {
      continue;
    }
    for (auto& o : a.outputs()) {
      reaching_.insert(o.id());
    }
    traced_.push_back(a);
    // The number of elements has no derivative; a mean of a shapeless trace asks for it.
    if (named(a, "StopGradient") || named(a, "NumberOfElements")) {
      continue;
    }
    if (arguments(a).empty()) {
      continue;
    }
    nodes_.push_back(a);
    // Integers beside a factor, such as pivots, are constant wherever it has a derivative,
    // and truth values are everywhere.
    auto results = a.outputs();
    for (auto& o : results) {
      if ((results.size() == 1 && o.dtype() != bool_) || issubdtype(o.dtype(), mlx::core::inexact)) {
        depends_.insert(o.id());
      }
    }
  }
}

std::vector<int> Tape::arguments(const array& a) const {
  std::vector<int> r;
  for (size_t i = 0; i < a.inputs().size(); i++) {
    if (depends_.count(a.inputs()[i].id()) && flows(a, i, forward_)) {
      r.push_back(i);
    }
  }
  return r;
}

void Tape::unmark() {
  auto follow = [](array& a) {
    bool tracer = false;
    for (auto& in : a.inputs()) {
      tracer = tracer || in.is_tracer();
    }
    a.set_tracer(tracer);
    for (auto s : a.siblings()) {
      s.set_tracer(tracer);
    }
  };
  for (auto& a : at_) {
    follow(a);
  }
  for (auto& a : traced_) {
    follow(a);
  }
}

std::vector<array> Own::pull(
    const std::vector<array>& primals, const std::vector<std::optional<array>>& cotangents,
    const std::vector<int>& argnums, const std::vector<array>& outputs) {
  return vjp(primals, filled(cotangents, outputs), argnums, outputs);
}

static std::vector<array> pull_rule(
    Primitive& p, const std::vector<array>& primals,
    const std::vector<std::optional<array>>& cotangents, const std::vector<int>& argnums,
    const std::vector<array>& outputs) {
  if (auto* own = dynamic_cast<Own*>(&p)) {
    return own->pull(primals, cotangents, argnums, outputs);
  }
  auto* r = rules(p);
  if (r && r->pull) {
    return r->pull(p, primals, cotangents, argnums, outputs);
  }
  auto all = filled(cotangents, outputs);
  return r && r->vjp ? r->vjp(p, primals, all, argnums, outputs) : p.vjp(primals, all, argnums, outputs);
}

static std::vector<array> jvp_rule(
    Primitive& p, const std::vector<array>& primals, const std::vector<array>& tangents,
    const std::vector<int>& argnums, const std::vector<array>& outputs) {
  if (auto* r = rules(p); r && r->jvp) {
    return r->jvp(p, primals, tangents, argnums, outputs);
  }
  return p.jvp(primals, tangents, argnums);
}

// pull_node and jvp_node are the rules of a's primitive, whose results a trace
// without sizes records whole.
static std::vector<array> pull_node(
    array& a, const std::vector<std::optional<array>>& cotangents, const std::vector<int>& argnums) {
  if (!Sizeless::on() || dynamic_cast<Own*>(&a.primitive())) {
    return pull_rule(a.primitive(), a.inputs(), cotangents, argnums, a.outputs());
  }
  std::string key = std::string("vjp of ") + a.primitive().name();
  auto in = a.inputs() + a.outputs();
  for (auto& c : cotangents) {
    key += c ? " 1" : " 0";
    in.push_back(c.value_or(array(0)));
  }
  auto pull = [p = a.primitive_ptr(), argnums, cotangents, n = a.inputs().size()](const std::vector<array>& in) {
    size_t outs = cotangents.size();
    std::vector<std::optional<array>> cts;
    for (size_t i = 0; i < outs; i++) {
      cts.push_back(cotangents[i] ? std::optional(in[n + outs + i]) : std::nullopt);
    }
    return pull_rule(*p, part(in, 0, n), cts, argnums, part(in, n, n + outs));
  };
  return whole(key + numbered(argnums), a.primitive().stream(), pull, in);
}

static std::vector<array> jvp_node(
    array& a, const std::vector<array>& tangents, const std::vector<int>& argnums) {
  if (!Sizeless::on() || dynamic_cast<Own*>(&a.primitive())) {
    return jvp_rule(a.primitive(), a.inputs(), tangents, argnums, a.outputs());
  }
  auto push = [p = a.primitive_ptr(), argnums, n = a.inputs().size(), m = tangents.size()](const std::vector<array>& in) {
    return jvp_rule(*p, part(in, 0, n), part(in, n, n + m), argnums, part(in, n + m, in.size()));
  };
  return whole(
      std::string("jvp of ") + a.primitive().name() + numbered(argnums), a.primitive().stream(), push,
      a.inputs() + tangents + a.outputs());
}

// zeros_of are zeros like a.
static array zeros_of(const array& a) {
  auto make = [](const std::vector<array>& in) {
    return std::vector<array>{zeros_like(in[0], stream_of(in[0]))};
  };
  return whole("zeros", stream_of(a), make, {a})[0];
}

std::vector<std::optional<array>> Tape::pull(
    const std::vector<array>& outputs, const std::vector<array>& cotangents) const {
  std::unordered_map<uintptr_t, array> sum;
  auto accumulate = [&](const array& to, const array& ct, const Stream& s) {
    if (auto [it, fresh] = sum.insert({to.id(), ct}); !fresh) {
      it->second = add(it->second, ct, s);
    }
  };
  for (size_t i = 0; i < outputs.size(); i++) {
    if (depends_.count(outputs[i].id())) {
      auto& s = stream_of(outputs[i]);
      accumulate(outputs[i], astype(cotangents[i], outputs[i].dtype(), s), s);
    }
  }
  for (auto it = nodes_.rbegin(); it != nodes_.rend(); ++it) {
    array a = *it;
    auto results = a.outputs();
    bool any = false;
    for (auto& o : results) {
      any = any || sum.count(o.id());
    }
    if (!any || rounds(a)) {
      continue;
    }
    auto s = a.primitive().stream();
    std::vector<std::optional<array>> cts;
    for (auto& o : results) {
      auto found = sum.find(o.id());
      cts.push_back(found == sum.end() ? std::nullopt : std::optional<array>(found->second));
    }
    auto argnums = arguments(a);
    auto grads = pull_node(a, cts, argnums);
    follow_line(a, grads);
    for (size_t i = 0; i < argnums.size(); i++) {
      accumulate(a.inputs()[argnums[i]], grads.at(i), s);
    }
  }
  std::vector<std::optional<array>> r;
  for (auto& a : at_) {
    auto it = sum.find(a.id());
    r.push_back(it == sum.end() ? std::nullopt : std::optional<array>(it->second));
  }
  return r;
}

std::vector<std::optional<array>> Tape::push(
    const std::vector<array>& outputs, const std::vector<array>& tangents) const {
  std::unordered_map<uintptr_t, array> known;
  for (size_t i = 0; i < at_.size(); i++) {
    known.insert({at_[i].id(), tangents[i]});
  }
  std::unordered_set<uintptr_t> needed;
  for (auto& o : outputs) {
    needed.insert(o.id());
  }
  std::vector<bool> wanted(nodes_.size());
  for (size_t i = nodes_.size(); i-- > 0;) {
    for (auto& o : nodes_[i].outputs()) {
      wanted[i] = wanted[i] || needed.count(o.id());
    }
    if (wanted[i]) {
      for (auto& in : nodes_[i].inputs()) {
        needed.insert(in.id());
      }
    }
  }
  for (size_t n = 0; n < nodes_.size(); n++) {
    if (!wanted[n]) {
      continue;
    }
    array a = nodes_[n];
    auto argnums = arguments(a);
    std::vector<array> given;
    for (int i : argnums) {
      given.push_back(known.at(a.inputs()[i].id()));
    }
    auto results = a.outputs();
    auto found = rounds(a) ? std::vector<array>{} : jvp_node(a, given, argnums);
    follow_line(a, found);
    for (size_t i = 0; i < results.size(); i++) {
      known.insert({results[i].id(), i < found.size() ? found[i] : zeros_of(results[i])});
    }
  }
  std::vector<std::optional<array>> r;
  for (auto& o : outputs) {
    auto it = known.find(o.id());
    r.push_back(it == known.end() ? std::nullopt : std::optional<array>(it->second));
  }
  return r;
}

std::vector<array> filled(
    const std::vector<std::optional<array>>& values, const std::vector<array>& like) {
  std::vector<array> r;
  for (size_t i = 0; i < values.size(); i++) {
    r.push_back(values[i] ? *values[i] : zeros_of(like[i]));
  }
  return r;
}

// blank returns arrays like the given ones that have no value.
static std::vector<array> blank(const std::vector<array>& like) {
  std::vector<array> r;
  for (auto& a : like) {
    r.push_back(array(a.shape(), a.dtype(), nullptr, {}));
  }
  return r;
}

// adjoint is the transpose, applied to weights, of the linear map that a rule of p
// made from the arrays at to values. What the lists in apart hold depends on
// nothing of at.
static std::vector<array> adjoint(
    Primitive& p, const char* mode, const std::vector<array>& values, const std::vector<array>& at,
    const std::vector<array>& weights, std::initializer_list<const std::vector<array>*> apart) {
  Ids below, left;
  for (auto* list : apart) {
    for (auto& a : *list) {
      below.insert(a.id());
    }
  }
  auto r = filled(Tape(values, at, false, below).pull(values, weights), at);
  for (auto& a : weights) {
    below.insert(a.id());
  }
  for (auto& a : at) {
    left.insert(a.id());
  }
  bool linear = true;
  topological(r, [&](const array& a) {
    linear = linear && !left.count(a.id());
    // A trace without sizes asks these for the size of what they are given.
    return a.has_primitive() && !below.count(a.id()) && !named(a, "StopGradient") && !named(a, "NumberOfElements");
  });
  if (!linear) {
    throw std::invalid_argument("[Linear::" + std::string(mode) + "] " + p.name() + " has no rule.");
  }
  return r;
}

std::vector<array> transposed(
    Primitive& p, const std::vector<array>& primals, const std::vector<array>& tangents,
    const std::vector<int>& argnums, const std::vector<array>& outputs) {
  auto u = blank(outputs);
  auto grads = pull_rule(p, primals, {u.begin(), u.end()}, argnums, outputs);
  return adjoint(p, "jvp", grads, u, tangents, {&primals, &outputs});
}

std::vector<array> reversed(
    Primitive& p, const std::vector<array>& primals,
    const std::vector<std::optional<array>>& cotangents, const std::vector<int>& argnums, const std::vector<array>& outputs) {
  std::vector<array> like, values, weights;
  for (int i : argnums) {
    like.push_back(primals[i]);
  }
  auto v = blank(like);
  auto tangents = jvp_rule(p, primals, v, argnums, outputs);
  for (size_t i = 0; i < tangents.size(); i++) {
    if (cotangents[i]) {
      values.push_back(tangents[i]);
      weights.push_back(*cotangents[i]);
    }
  }
  return adjoint(p, "vjp", values, v, weights, {&primals, &outputs});
}

static thread_local int reverse_traces = 0;

bool reversing() {
  return reverse_traces > 0;
}
Reversing::Reversing(bool on) : on_(on) {
  reverse_traces += on_;
}
Reversing::~Reversing() {
  reverse_traces -= on_;
}

// tracer returns an array that stands for a while a function is traced.
static array tracer(const array& a) {
  auto source = a;
  if (!a.is_tracer() && a.has_primitive() && !a.inputs().empty() && named(a, "Copy")) {
    source = a.inputs()[0];
  }
  auto t = copy(source, stream_of(a));
  t.set_tracer(true);
  return t;
}

static thread_local int grad_traces = 0;

bool tracing() {
  return LiveTrace::any() || grad_traces > 0;
}

Tracing::Tracing() {
  grad_traces++;
}
Tracing::~Tracing() {
  grad_traces--;
}

void in_grad_tracing(
    const std::vector<array>& in, const std::function<void(const std::vector<array>&)>& f) {
  Tracing now;
  // Only a derivative tells MLX that one is being traced: one of nothing.
  vjp(
      [&](const std::vector<array>&) {
        std::vector<array> x;
        for (auto& a : in) {
          x.push_back(tracer(a));
        }
        f(x);
        return std::vector<array>{};
      },
      std::vector<array>{}, std::vector<array>{});
}

} // namespace adj
