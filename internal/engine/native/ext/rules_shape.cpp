// Rules for what moves elements: padding, strides, slices at computed places,
// searches.
#include <cmath>

#include "ext/rules.h"

namespace adj {

using namespace mlx::core;

namespace {

Arrays strided_jvp(
    Primitive& p, const Arrays&, const Arrays& tangents, const std::vector<int>&, const Arrays&) {
  auto [shape, strides, offset] = static_cast<AsStrided&>(p).state();
  return {as_strided(contiguous(tangents[0], false, p.stream()), shape, strides, offset, p.stream())};
}

std::pair<Arrays, std::vector<int>> strided_vmap(
    Primitive& p, const Arrays& inputs, const std::vector<int>& mapped) {
  auto [shape, strides, offset] = static_cast<AsStrided&>(p).state();
  auto s = p.stream();
  Batch b(inputs, mapped, s);
  auto x = contiguous(b.front(0), false, s);
  shape.insert(shape.begin(), b.size);
  strides.insert(strides.begin(), b.size == 0 ? 0 : x.size() / b.size);
  return {{as_strided(x, shape, strides, offset, s)}, {0}};
}

struct Padding {
  std::vector<int> axes;
  Shape low, high;
  Stream s;

  explicit Padding(Primitive& p) : s(p.stream()) {
    std::tie(axes, low, high) = static_cast<Pad&>(p).state();
  }
  array of(const array& x, const array& value) const {
    return pad(x, axes, low, high, value, "constant", s);
  }
  // inside is true where the result is of an input like x.
  array inside(const array& x) const {
    return of(full(x.shape(), array(true), bool_, s), array(false));
  }
  array cut(const array& y) const {
    Shape from(y.ndim(), 0), to = y.shape();
    for (size_t i = 0; i < axes.size(); i++) {
      int ax = axes[i] < 0 ? axes[i] + y.ndim() : axes[i];
      from[ax] = low[i], to[ax] -= high[i];
    }
    return slice(y, from, to, s);
  }
};

Arrays pad_vjp(
    Primitive& p, const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums, const Arrays&) {
  Padding pad(p);
  auto& ct = cotangents[0];
  Arrays r;
  for (int i : argnums) {
    r.push_back(i == 0 ? pad.cut(ct) : sum(where(pad.inside(primals[0]), array(0.0f, ct.dtype()), ct, pad.s), pad.s));
  }
  return r;
}

Arrays pad_jvp(
    Primitive& p, const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums, const Arrays&) {
  Padding pad(p);
  auto x = argnums[0] == 0 ? tangents[0] : zeros_like(primals[0], pad.s);
  auto v = argnums.back() == 1 ? tangents.back() : zeros_like(primals[1], pad.s);
  return {pad.of(x, v)};
}

std::pair<Arrays, std::vector<int>> pad_vmap(
    Primitive& p, const Arrays& inputs, const std::vector<int>& mapped) {
  Padding pad(p);
  Batch b(inputs, mapped, pad.s);
  auto x = b.repeated(0);
  for (auto& ax : pad.axes) {
    ax = ax < 0 ? ax : ax + 1;
  }
  if (mapped[1] < 0) {
    return {{pad.of(x, inputs[1])}, {0}};
  }
  Shape shape(x.ndim(), 1);
  shape[0] = b.size;
  auto y = pad.of(x, array(0, x.dtype()));
  return {{where(pad.inside(x), y, reshape(b.front(1), shape, pad.s), pad.s)}, {0}};
}

struct Places {
  Arrays at;
  std::vector<int> axes;
};

// With one place per mapped element slices are gathered and scattered: places
// returns start, for each element a number for each axis or one number, as one index array
// per axis, led by the batch's own.
Places places(const Batch& b, const array& start, const std::vector<int>& axes) {
  Places r{{arange(0, b.size, int32, b.s)}, {0}};
  int n = axes.size();
  auto each = b.size == 0 ? zeros({n, 0}, int32, b.s) : swapaxes(reshape(start, {b.size, n}, b.s), 0, 1, b.s);
  for (size_t i = 0; i < axes.size(); i++) {
    r.at.push_back(astype(take(each, array((int)i), 0, b.s), int32, b.s));
    r.axes.push_back(axes[i] + 1);
  }
  return r;
}

std::pair<Arrays, std::vector<int>> slice_vmap(
    Primitive& p, const Arrays& inputs, const std::vector<int>& mapped) {
  auto [axes, size] = static_cast<DynamicSlice&>(p).state();
  auto s = p.stream();
  Batch b(inputs, mapped, s);
  auto x = b.repeated(0);
  if (mapped[1] < 0) {
    for (auto& ax : axes) {
      ax++;
    }
    size.insert(size.begin(), b.size);
    return {{slice(x, inputs[1], axes, size, s)}, {0}};
  }
  auto at = places(b, b.front(1), axes);
  size.insert(size.begin(), 1);
  return {{squeeze(gather(x, at.at, at.axes, size, s), 1, s)}, {0}};
}

std::pair<Arrays, std::vector<int>> slice_update_vmap(
    Primitive& p, const Arrays& inputs, const std::vector<int>& mapped) {
  auto axes = static_cast<DynamicSliceUpdate&>(p).state();
  auto s = p.stream();
  Batch b(inputs, mapped, s);
  auto x = b.repeated(0), u = b.repeated(1);
  if (mapped[2] < 0) {
    for (auto& ax : axes) {
      ax++;
    }
    return {{slice_update(x, u, inputs[2], axes, s)}, {0}};
  }
  auto at = places(b, b.front(2), axes);
  return {{scatter(x, at.at, expand_dims(u, 1, s), at.axes, s)}, {0}};
}

// MLX's rule lets an update that is not mapped stand for one example only. Its own
// derivatives make such updates: the zeros that replace a cotangent.
std::pair<Arrays, std::vector<int>> range_update_vmap(
    Primitive& p, const Arrays& inputs, const std::vector<int>& mapped) {
  Batch b(inputs, mapped, p.stream());
  return p.vmap({b.repeated(0), b.repeated(1)}, {0, 0});
}

// search_vmap bisects all sequences at once.
std::pair<Arrays, std::vector<int>> search_vmap(
    Primitive& p, const Arrays& inputs, const std::vector<int>& mapped) {
  bool right = static_cast<SearchSorted&>(p).state();
  auto s = p.stream();
  if (mapped[0] < 0) {
    return {{searchsorted(inputs[0], inputs[1], right ? "right" : "left", s)}, {mapped[1]}};
  }
  Batch b(inputs, mapped, s);
  auto row = b.front(0), v = b.repeated(1);
  auto shape = v.shape();
  v = reshape(v, {b.size, b.size == 0 ? 0 : (int)(v.size() / b.size)}, s);
  int n = row.shape(1);
  // NaN counts as larger than all numbers.
  auto less = [&](const array& x, const array& y) {
    auto nan = logical_and(isnan(y, s), logical_not(isnan(x, s), s), s);
    return logical_or(mlx::core::less(x, y, s), nan, s);
  };
  auto low = zeros(v.shape(), int32, s), high = full(v.shape(), array(n), int32, s);
  for (int reach = n; reach > 0; reach /= 2) {
    auto mid = floor_divide(add(low, high, s), array(2), s);
    auto x = take_along_axis(row, minimum(mid, array(n - 1), s), 1, s);
    auto open = mlx::core::less(low, high, s);
    auto up = logical_and(open, right ? logical_not(less(v, x), s) : less(x, v), s);
    low = where(up, add(mid, array(1), s), low, s);
    high = where(logical_and(open, logical_not(up, s), s), mid, high, s);
  }
  return {{reshape(astype(low, uint32, s), shape, s)}, {0}};
}

// The outputs of Depends are its first inputs.
Arrays depends_jvp(
    Primitive& p, const Arrays&, const Arrays& tangents, const std::vector<int>& argnums, const Arrays& outputs) {
  Arrays r;
  for (auto& o : outputs) {
    r.push_back(zeros_like(o, p.stream()));
  }
  for (size_t i = 0; i < argnums.size(); i++) {
    if (argnums[i] < (int)r.size()) {
      r[argnums[i]] = tangents[i];
    }
  }
  return r;
}

std::pair<Arrays, std::vector<int>> depends_vmap(
    Primitive&, const Arrays& inputs, const std::vector<int>& mapped) {
  return {depends(inputs, {}), mapped};
}

// MLX's rule goes by the shape that the primitive was made with.
Arrays broadcast_jvp(
    Primitive& p, const Arrays&, const Arrays& tangents, const std::vector<int>&, const Arrays& outputs) {
  return {broadcast_to(tangents[0], outputs[0].shape(), p.stream())};
}

} // namespace

void add_shapes(RuleTable& t) {
  t["Broadcast"] = {nullptr, broadcast_jvp};
  t["AsStrided"] = {nullptr, strided_jvp, strided_vmap};
  t["Pad"] = {pad_vjp, pad_jvp, pad_vmap};
  t["DynamicSlice"] = {nullptr, nullptr, slice_vmap};
  t["DynamicSliceUpdate"] = {nullptr, nullptr, slice_update_vmap};
  for (auto name : {"SliceUpdate", "SliceUpdate Sum", "SliceUpdate Prod", "SliceUpdate Min", "SliceUpdate Max"}) {
    t[name] = {nullptr, nullptr, range_update_vmap};
  }
  t["SearchSorted"] = {nullptr, nullptr, search_vmap};
  t["Depends"] = {nullptr, depends_jvp, depends_vmap};
}

} // namespace adj
