// vmap of Go functions.
//
// The primitives have their batch rules; putting them together is done here. It
// differs from MLX's own way in these points: a result that does not depend on
// the mapped axis, though it was reached through mapped arrays, is repeated and
// not taken for mapped along its last axis; an array may be returned twice, with
// different axes; rules that write to their primitive (Broadcast, Reshape,
// Transpose) are replaced; the shapes of results are checked; and nothing recurses.
#include <algorithm>
#include <cstring>
#include <numeric>
#include <unordered_map>
#include <unordered_set>

#include "ext/axis.h"
#include "ext/rules.h"
#include "ext/whole.h"
#include "mlx/transforms_impl.h"

namespace adj {

using namespace mlx::core;

namespace {

bool named(const array& a, const char* name) {
  return std::strcmp(a.primitive().name(), name) == 0;
}

Batched broadcast(const array& a, const Batched& in) {
  auto shape = a.shape();
  auto s = a.primitive().stream();
  if (in.axis == unmapped) {
    return {broadcast_to(in.value, shape, s), unmapped};
  }
  int axis = in.axis + (int)shape.size() - (int)in.value.ndim() + 1;
  // The mapped axis stays where it is, counted from the last.
  shape.insert(shape.begin() + axis, in.value.shape(in.axis));
  return {broadcast_to(in.value, shape, s), axis};
}

Batched reshaped(const array& a, const Batched& in) {
  auto shape = a.shape();
  auto s = a.primitive().stream();
  shape.insert(shape.begin(), in.value.shape(in.axis));
  return {reshape(moveaxis(in.value, in.axis, 0, s), shape, s), 0};
}

Batched transposed(const array& a, const Batched& in) {
  auto axes = static_cast<const Transpose&>(a.primitive()).state();
  for (auto& ax : axes) {
    ax += ax >= in.axis;
  }
  axes.insert(axes.begin() + in.axis, in.axis);
  return {transpose(in.value, axes, a.primitive().stream()), in.axis};
}

// MLX's own rule puts several axes at wrong places where the mapped one lies behind.
Batched expanded(const array& a, const Batched& in) {
  auto axes = static_cast<const ExpandDims&>(a.primitive()).state();
  for (auto& ax : axes) {
    ax++;
  }
  auto s = a.primitive().stream();
  return {expand_dims(moveaxis(in.value, in.axis, 0, s), axes, s), 0};
}

// MLX's rule takes the mapped axis for one of an example's where other arrays are not
// mapped, or have fewer axes. The axes that are left alone are counted from the last.
Batched broadcast_apart(const array& a, const std::vector<Batched>& in) {
  auto s = a.primitive().stream();
  size_t most = 0; // axes of an example
  for (auto& x : in) {
    most = std::max(most, x.value.ndim() - (x.axis != unmapped));
  }
  Arrays values;
  for (auto& x : in) {
    auto v = x.value;
    if (x.axis != unmapped) {
      v = moveaxis(v, x.axis, 0, s);
      std::vector<int> ones(most + 1 - v.ndim());
      std::iota(ones.begin(), ones.end(), 1);
      v = ones.empty() ? v : expand_dims(v, ones, s);
    }
    values.push_back(v);
  }
  return {array(a.primitive().output_shapes(values).at(0), a.dtype(), a.primitive_ptr(), values), 0};
}

// One call for each mapped element, where there is no other way.
constexpr int most_calls = 4096;

Batched unrolled(const array& a, const std::vector<array>& values, const std::vector<int>& axes) {
  auto s = a.primitive().stream();
  int size = 0;
  for (size_t i = 0; i < axes.size(); i++) {
    size = axes[i] == unmapped ? size : values[i].shape(axes[i]);
  }
  if (size > most_calls) {
    throw std::invalid_argument(
        std::string("[Unrolled::vmap] ") + a.primitive().name() + " is called once for each mapped element, " +
        std::to_string(size) + " are more than " + std::to_string(most_calls));
  }
  std::vector<array> parts;
  for (int k = 0; k < size; k++) {
    auto in = values;
    for (size_t i = 0; i < in.size(); i++) {
      in[i] = axes[i] == unmapped ? in[i] : contiguous(take(in[i], k, axes[i], s), false, s);
    }
    parts.push_back(array(a.shape(), a.dtype(), a.primitive_ptr(), in));
  }
  auto none = a.shape();
  none.insert(none.begin(), 0);
  return {size == 0 ? zeros(none, a.dtype(), s) : stack(parts, 0, s), 0};
}

} // namespace

bool maps_itself(std::string_view name) {
  static const std::unordered_set<std::string_view> names{
      "Broadcast", "BroadcastAxes", "Reshape", "Transpose", "ToFP8", "FromFP8", "QQMatmul", "GatherQQMM"};
  return names.count(name);
}

namespace {

// batch returns the outputs of a's primitive on batched inputs.
std::vector<Batched> batch(array& a, const std::vector<Batched>& in) {
  std::vector<array> values;
  std::vector<int> axes;
  bool any = false;
  for (auto& x : in) {
    values.push_back(x.value);
    axes.push_back(x.axis);
    any = any || x.axis != unmapped;
  }
  if (named(a, "Broadcast")) {
    return {broadcast(a, in[0])};
  }
  if (any && named(a, "BroadcastAxes")) {
    return {broadcast_apart(a, in)};
  }
  if (any && named(a, "Reshape")) {
    return {reshaped(a, in[0])};
  }
  if (any && named(a, "Transpose")) {
    return {transposed(a, in[0])};
  }
  if (any && named(a, "ExpandDims")) {
    return {expanded(a, in[0])};
  }
  if (any && (named(a, "ToFP8") || named(a, "FromFP8"))) {
    return {{array(values[0].shape(), a.dtype(), a.primitive_ptr(), values), axes[0]}};
  }
  if (any && (named(a, "QQMatmul") || named(a, "GatherQQMM"))) {
    return {unrolled(a, values, axes)};
  }
  std::vector<Batched> out;
  if (any) {
    auto* own = rules(a.primitive());
    size_t count = a.outputs().size();
    auto [v, ax] = own && own->vmap ? own->vmap(a.primitive(), values, axes) : a.primitive().vmap(values, axes);
    for (size_t i = 0; i < v.size() && i < count; i++) {
      out.push_back({v[i], ax[i]});
    }
    return out;
  }
  auto like = a.outputs();
  if (like.size() == 1) {
    return {{array(a.shape(), a.dtype(), a.primitive_ptr(), values), unmapped}};
  }
  std::vector<Shape> shapes;
  std::vector<Dtype> dtypes;
  for (auto& o : like) {
    shapes.push_back(o.shape());
    dtypes.push_back(o.dtype());
  }
  for (auto& o : array::make_arrays(shapes, dtypes, a.primitive_ptr(), values)) {
    out.push_back({o, unmapped});
  }
  return out;
}

// check says whether a rule's result has the shape of an example's, and the mapped axis.
void check(const array& a, const array& like, const Batched& out) {
  auto shape = out.value.shape();
  if (out.axis != unmapped) {
    shape.erase(shape.begin() + out.axis);
  }
  if (shape != like.shape()) {
    throw std::logic_error(
        std::string("[") + a.primitive().name() + "::vmap] the rule of " + a.primitive().name() +
        " gives results of another shape.");
  }
}

// batched is batch, whose results a trace without sizes records whole: the rules go by
// the shapes of a and of its inputs.
std::vector<Batched> batched(array& a, const std::vector<Batched>& in) {
  Arrays values;
  std::vector<int> axes;
  for (auto& x : in) {
    values.push_back(x.value);
    axes.push_back(x.axis);
  }
  bool any = std::any_of(axes.begin(), axes.end(), [](int ax) { return ax != unmapped; });
  if (!Sizeless::on() || !any || dynamic_cast<Own*>(&a.primitive()) || !open(a)) {
    return batch(a, in);
  }
  std::vector<Dtype> dtypes;
  for (auto& o : a.outputs()) {
    dtypes.push_back(o.dtype());
  }
  auto out = std::make_shared<std::vector<int>>();
  auto map = [p = a.primitive_ptr(), axes, dtypes, out](const Arrays& values) {
    std::vector<Batched> in;
    for (size_t i = 0; i < values.size(); i++) {
      in.push_back({values[i], axes[i]});
    }
    auto one = values; // stands for one element each
    for (size_t i = 0; i < one.size(); i++) {
      if (axes[i] != unmapped) {
        auto shape = one[i].shape();
        shape.erase(shape.begin() + axes[i]);
        one[i] = array(shape, one[i].dtype(), nullptr, {});
      }
    }
    auto like = array::make_arrays(output_shapes(*p, one, dtypes), dtypes, p, one);
    Arrays r;
    out->clear();
    for (auto& b : batch(like[0], in)) {
      r.push_back(b.value);
      out->push_back(b.axis);
    }
    return r;
  };
  auto r = whole(std::string("vmap of ") + a.primitive().name() + numbered(axes), a.primitive().stream(), map, values);
  std::vector<Batched> done;
  for (size_t i = 0; i < r.size(); i++) {
    done.push_back({r[i], out->at(i)});
  }
  return done;
}

// The trace whose axis is being mapped, also within the bodies of its operations.
thread_local uint64_t mapping = 0;
class Mapping {
 public:
  explicit Mapping(uint64_t trace) : outer_(std::exchange(mapping, trace)) {}
  ~Mapping() {
    mapping = outer_;
  }
  Mapping(const Mapping&) = delete;

 private:
  uint64_t outer_;
};

} // namespace

std::vector<Batched> vectorize(
    const std::vector<Batched>& inputs, const std::vector<array>& placeholders,
    const std::vector<array>& results) {
  std::unordered_map<uintptr_t, Batched> known;
  for (size_t i = 0; i < inputs.size(); i++) {
    known.insert({placeholders[i].id(), inputs[i]});
  }
  auto order = topological(results, [&](const array& a) {
    return a.has_primitive() && !known.count(a.id());
  });
  for (auto& a : order) {
    std::vector<Batched> in;
    bool depends = false;
    for (auto& x : a.inputs()) {
      auto it = known.find(x.id());
      depends = depends || it != known.end();
      in.push_back(it == known.end() ? Batched{x, unmapped} : it->second);
    }
    if (!depends) {
      continue;
    }
    auto like = a.outputs();
    auto own = axis_sum(a, mapping, in);
    auto out = own ? std::vector<Batched>{*own} : batched(a, in);
    for (size_t i = 0; i < out.size(); i++) {
      check(a, like[i], out[i]);
      known.insert({like[i].id(), out[i]});
    }
  }
  std::vector<Batched> out;
  for (auto& r : results) {
    auto it = known.find(r.id());
    out.push_back(it == known.end() ? Batched{r, unmapped} : it->second);
  }
  return out;
}

array moved(const Batched& r, int axis, int size) {
  auto s = stream_of(r.value);
  if (r.axis == axis) {
    return r.value;
  }
  if (axis == unmapped) {
    throw std::invalid_argument("a result with no out axis depends on a mapped argument");
  }
  if (r.axis != unmapped) {
    return moveaxis(r.value, r.axis, axis, s);
  }
  auto shape = r.value.shape();
  shape.insert(shape.begin() + axis, size);
  return broadcast_to(expand_dims(r.value, axis, s), shape, s);
}

namespace {

int vmap_of(
    uint64_t fn, uint64_t trace, const uint64_t* in, const int* axes, uint64_t n,
    uint64_t** out, uint64_t* nout) {
  ensure_thread();
  return guarded([&] {
    auto all = arrays(in, n);
    std::vector<int> in_axes(axes, axes + n), out_axes;
    auto [placeholders, results] = detail::vmap_trace(
        [&](const std::vector<array>& x) { return call_go(fn, trace, x, &out_axes); }, all, in_axes);
    // The function was given the arrays that are not mapped themselves.
    std::vector<Batched> mapped;
    std::vector<array> stand;
    int size = 0;
    for (size_t i = 0; i < all.size(); i++) {
      if (in_axes[i] != unmapped) {
        mapped.push_back({all[i], in_axes[i]});
        stand.push_back(placeholders[i]);
        size = all[i].shape(in_axes[i]);
      }
    }
    std::vector<array> out_arrays;
    Mapping now(trace);
    auto batched = vectorize(mapped, stand, results);
    for (size_t i = 0; i < batched.size(); i++) {
      if (batched[i].axis != unmapped || out_axes[i] == unmapped) {
        out_arrays.push_back(moved(batched[i], out_axes[i], size));
        continue;
      }
      auto repeat = [to = out_axes[i], from = mapped[0].axis](const Arrays& in) {
        return Arrays{moved({in[0], unmapped}, to, in[1].shape(from))};
      };
      auto& r = batched[i].value;
      out_arrays.push_back(whole("repeat" + numbered({out_axes[i]}), stream_of(r), repeat, {r, mapped[0].value})[0]);
    }
    give(std::move(out_arrays), out, nout);
  });
}

} // namespace

void fill_vmap(adj_api* api) {
  api->vmap = vmap_of;
}

} // namespace adj
