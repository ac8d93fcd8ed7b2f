#include "ext/whole.h"

#include <cstdlib>
#include <cstring>
#include <unordered_set>

#include "ext/rules.h"
#include "mlx/transforms_impl.h"

namespace adj {

using namespace mlx::core;

namespace {

thread_local bool sizeless = false;

} // namespace

// Expm1 and Log1p are not here because MLX cannot tell that two of them are equal.
bool open(const array& a) {
  static const std::unordered_set<std::string_view> names{
      "Abs", "Add", "And", "ArcCos", "ArcCosh", "ArcSin", "ArcSinh", "ArcTan", "ArcTan2", "ArcTanh", "ArgMax", "ArgMin",
      "ArgSort", "AsType", "BitwiseAnd", "BitwiseInvert", "BitwiseOr", "BitwiseXor", "Ceil", "Concatenate", "Conjugate",
      "Contiguous", "Copy", "Cos", "Cosh", "Depends", "Divide", "Equal", "Erf", "ErfInv", "Exp", "ExpandDims",
      "Floor", "Greater", "GreaterEqual", "Imag", "LeftShift", "Less", "LessEqual", "Log", "Log10", "Log2",
      "LogAddExp", "LogSumExp", "LogicalAnd", "LogicalNot", "LogicalOr", "Matmul", "Max", "Maximum", "Min", "Minimum",
      "Multiply", "NaNEqual", "Negative", "NotEqual", "NumberOfElements", "Or", "Power", "Prod", "Real", "Remainder",
      "RightShift", "Round", "Rsqrt", "Select", "Sigmoid", "Sign", "Sin", "Sinh", "Softmax", "Sort", "Sqrt", "Square",
      "Squeeze", "StopGradient", "Subtract", "Sum", "Tan", "Tanh", "Transpose"};
  auto& p = a.primitive();
  if (dynamic_cast<const Own*>(&p)) {
    return true;
  }
  auto name = op_name(p);
  // A broadcast of several arrays takes its shape from them.
  return names.count(name) || (name == "Broadcast" && a.inputs().size() > 1);
}

namespace {

// sized says whether out, made of in, holds sizes: in a primitive, in a constant, or
// in that there was nothing to do.
bool sized(const Arrays& out, const Arrays& in) {
  Ids given;
  for (auto& a : in) {
    given.insert(a.id());
  }
  bool found = false;
  for (auto& a : out) {
    found = found || given.count(a.id());
  }
  for (auto& a : topological(out, [&](const array& a) { return !given.count(a.id()); })) {
    found = found || !a.has_primitive() || !open(a);
  }
  return found;
}

bool traced(const Arrays& in) {
  for (auto& a : in) {
    if (a.is_tracer()) {
      return true;
    }
  }
  return false;
}

Arrays kept(const std::string& key, const Stream& s, const Maker& make, const Arrays& in, const Arrays& made) {
  return traced(in) && sized(made, in) ? adj::make(made, std::make_shared<Whole>(s, key, make), in) : made;
}

// derived makes the derivative of make at x with respect to the inputs argnums: derive
// gets the results, those inputs, and what leads from these to the results.
Arrays derived(
    const Maker& make, Arrays x, const std::vector<int>& argnums, bool forward,
    const std::function<Arrays(const Arrays& out, const Arrays& at, const Tape& tape)>& derive) {
  Arrays at, r;
  for (int i : argnums) {
    at.push_back(x[i]);
  }
  // The table's operations ask whether they are differentiated.
  in_grad_tracing(at, [&](const Arrays& tracers) {
    for (size_t i = 0; i < argnums.size(); i++) {
      x[argnums[i]] = tracers[i];
    }
    auto out = make(x);
    Tape tape(out, tracers, forward);
    tape.unmark();
    r = derive(out, tracers, tape);
  });
  return r;
}

} // namespace

std::string numbered(const std::vector<int>& numbers) {
  std::string r;
  for (int i : numbers) {
    r += ' ' + std::to_string(i);
  }
  return r;
}

Sizeless::Sizeless(bool on) : outer_(std::exchange(sizeless, on)) {}
Sizeless::~Sizeless() {
  sizeless = outer_;
}
bool Sizeless::on() {
  return sizeless;
}

Arrays whole(const std::string& key, const Stream& s, const Maker& make, const Arrays& in) {
  if (!sizeless) {
    return make(in);
  }
  Arrays made;
  {
    Sizeless off(false);
    made = make(in);
  }
  return kept(key, s, make, in, made);
}

Arrays Whole::make(const Arrays& in) {
  return whole(key_, stream(), make_, in);
}

void Whole::eval_cpu(const Arrays&, Arrays&) {
  throw std::runtime_error("[compile] " + key_ + " was recorded without sizes and is evaluated as it is.");
}

Arrays Whole::vjp(
    const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums, const Arrays&) {
  auto pull = [make = make_, n = primals.size(), argnums](const Arrays& in) {
    return derived(make, part(in, 0, n), argnums, false, [&](auto& out, auto& at, auto& tape) {
      return filled(tape.pull(out, part(in, n, in.size())), at);
    });
  };
  return whole("vjp" + numbered(argnums) + " of " + key_, stream(), pull, primals + cotangents);
}

Arrays Whole::jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) {
  auto push = [make = make_, n = primals.size(), argnums](const Arrays& in) {
    return derived(make, part(in, 0, n), argnums, true, [&](auto& out, auto&, auto& tape) {
      return filled(tape.push(out, part(in, n, in.size())), out);
    });
  };
  return whole("jvp" + numbered(argnums) + " of " + key_, stream(), push, primals + tangents);
}

std::pair<Arrays, std::vector<int>> Whole::vmap(const Arrays& inputs, const std::vector<int>& axes) {
  auto map = [make = make_, axes](const Arrays& in) {
    auto [examples, out] = detail::vmap_trace(make, in, axes);
    Arrays stand, r;
    std::vector<Batched> mapped;
    for (size_t i = 0; i < in.size(); i++) {
      if (axes[i] != unmapped) {
        stand.push_back(examples[i]);
        mapped.push_back({in[i], axes[i]});
      }
    }
    for (auto& b : vectorize(mapped, stand, out)) {
      r.push_back(moved(b, 0, mapped_size(in, axes)));
    }
    return r;
  };
  auto out = whole("vmap" + numbered(axes) + " of " + key_, stream(), map, inputs);
  return {out, std::vector<int>(out.size(), 0)};
}

namespace {

// handles calls f with the place of each handle among the words of a call. It
// returns the number of words. A layout has a letter for each argument: see adj_ops.
size_t handles(const char* layout, const uint64_t* w, const std::function<void(size_t)>& f) {
  size_t i = 0;
  for (; *layout; layout++) {
    switch (*layout) {
      case 'a':
        if (w[i]) {
          f(i);
        }
        i++;
        break;
      case 'A':
        for (size_t n = w[i++]; n > 0; n--) {
          f(i++);
        }
        break;
      case 'n':
        i += w[i] + 1;
        break;
      case 't':
        i += (w[i] + 7) / 8 + 1;
        break;
      default:
        i += *layout - '0';
    }
  }
  return i;
}

// results are the places of the handles that a call left.
std::pair<uint64_t*, size_t> results(char kind, uint64_t* w) {
  return kind == '*' ? std::pair{reinterpret_cast<uint64_t*>(w[1]), (size_t)w[0]} : std::pair{w, size_t(kind - '0')};
}

// again makes the call of an op once more, for other arrays.
Arrays again(uint32_t id, std::vector<uint64_t> w, const std::vector<size_t>& places, int64_t stream, Arrays in) {
  for (size_t k = 0; k < places.size(); k++) {
    w[places[k]] = reinterpret_cast<uint64_t>(&in[k]);
  }
  w.resize(std::max<size_t>(w.size(), 8));
  OnStream on(stream);
  int code = adj_calls[id](w.data());
  if (code < 0) {
    throw std::runtime_error(last_error());
  }
  auto [h, n] = results(adj_ops[id].layout[0], w.data());
  Arrays r;
  for (size_t i = 0; i < n; i++) {
    r.push_back(arr(h[i]));
    delete reinterpret_cast<array*>(h[i]);
  }
  if (h != w.data()) {
    std::free(h);
  }
  return r;
}

} // namespace

int call_whole(uint32_t id, uint64_t* w) {
  auto* layout = adj_ops[id].layout;
  if (!*layout) {
    return adj_calls[id](w);
  }
  Arrays in;
  std::vector<size_t> places;
  size_t n = handles(layout + 1, w, [&](size_t i) {
    in.push_back(arr(w[i]));
    places.push_back(i);
  });
  std::vector<uint64_t> given(w, w + n);
  for (auto i : places) {
    given[i] = 0;
  }
  int code;
  {
    Sizeless off(false);
    code = adj_calls[id](w);
  }
  if (code < 0 || !traced(in)) {
    return code;
  }
  auto [h, count] = results(*layout, w);
  Arrays made;
  for (size_t i = 0; i < count; i++) {
    made.push_back(arr(h[i]));
  }
  std::string key = adj_ops[id].name;
  key.push_back(0);
  key.append(reinterpret_cast<const char*>(given.data()), n * sizeof(uint64_t));
  auto make = [id, given, places, stream = stream_current()](const Arrays& in) { return again(id, given, places, stream, in); };
  made = kept(key, current(), make, in, made);
  for (size_t i = 0; i < count; i++) {
    arr(h[i]) = made[i];
  }
  return code;
}

} // namespace adj
