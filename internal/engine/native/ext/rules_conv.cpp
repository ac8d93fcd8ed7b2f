// Rules for convolutions.
//
// A convolution in one dimension, of an input x and a window w, is
//
//   y[o] = Σ_k w[k] · X[stride·o + gap·k − lo],  X[spread·i] = x[i],
//
// where gap is the dilation of the window and spread that of the input; both
// gradients are convolutions again. Paddings may be negative here.
#include <numeric>

#include "cpu/blas.h"
#include "cpu/eager.h"
#include "ext/rules.h"
#include "mlxc/crop.h"

namespace adj {

using namespace mlx::core;

namespace {

using Sizes = std::vector<int>;

struct Conv {
  Sizes stride, lo, hi, gap, spread;
  int groups;
  bool flip;
  Stream s;

  explicit Conv(Primitive& p) : s(p.stream()) {
    std::tie(stride, lo, hi, gap, spread, groups, flip) = static_cast<Convolution&>(p).state();
  }
};

int spread_size(int n, int by) {
  return n == 0 ? 0 : (n - 1) * by + 1;
}

// flat makes a convolution of two spatial axes of one of three: what the window
// sees along the first of them become channels. MLX knows groups in two only.
std::pair<array, array> flat(array x, array w, Conv& c, int& outs) {
  int n = x.shape(0), d = x.shape(1), k = w.shape(1), per = x.shape(4) / c.groups;
  outs = (spread_size(d, c.spread[0]) + c.lo[0] + c.hi[0] - (k - 1) * c.gap[0] - 1) / c.stride[0] + 1;
  std::vector<int32_t> at;
  for (int o = 0; o < outs; o++) {
    for (int j = 0; j < k; j++) {
      int place = o * c.stride[0] + (c.flip ? k - 1 - j : j) * c.gap[0] - c.lo[0];
      bool inside = place >= 0 && place % c.spread[0] == 0 && place / c.spread[0] < d;
      at.push_back(inside ? place / c.spread[0] : d);
    }
  }
  x = pad(x, {1}, Shape{0}, Shape{1}, array(0, x.dtype()), "constant", c.s);
  x = take(x, array(at.begin(), Shape{outs, k}), 1, c.s); // n, outs, k, h, w, c
  int h = x.shape(3), b = x.shape(4);
  x = reshape(x, {n, outs, k, h, b, c.groups, per}, c.s);
  x = reshape(transpose(x, {0, 1, 3, 4, 5, 2, 6}, c.s), {n * outs, h, b, c.groups * k * per}, c.s);
  w = transpose(w, {0, 2, 3, 1, 4}, c.s);
  w = flatten(w, 3, 4, c.s);
  for (auto* v : {&c.stride, &c.lo, &c.hi, &c.gap, &c.spread}) {
    v->erase(v->begin());
  }
  return {x, w};
}

array convolve(array x, array w, Conv c) {
  x = mlxc::crop(x, c.lo, c.hi, c.spread, c.s);
  int outs = -1, n = x.shape(0);
  if (x.ndim() == 5 && c.groups > 1) {
    std::tie(x, w) = flat(x, w, c, outs);
  }
  auto y = conv_general(x, w, c.stride, c.lo, c.hi, c.gap, c.spread, c.groups, c.flip, c.s);
  return outs < 0 ? y : unflatten(y, 0, {n, outs}, c.s);
}

array mirrored(const array& w, const Stream& s) {
  Shape from(w.ndim(), 0), to = w.shape(), by(w.ndim(), 1);
  for (size_t i = 1; i + 1 < w.ndim(); i++) {
    from[i] = w.shape(i) - 1, to[i] = -w.shape(i) - 1, by[i] = -1;
  }
  return slice(w, from, to, by, s);
}

// input_gradient spreads ct by the stride and convolves it with the mirrored window.
array input_gradient(const array& x, const array& w, const array& ct, const Conv& c) {
  auto g = c;
  g.stride = c.spread, g.spread = c.stride, g.flip = !c.flip;
  for (size_t i = 0; i < c.lo.size(); i++) {
    g.lo[i] = (w.shape(i + 1) - 1) * c.gap[i] - c.lo[i];
    g.hi[i] = spread_size(x.shape(i + 1), c.spread[i]) + c.lo[i] - spread_size(ct.shape(i + 1), c.stride[i]);
  }
  int outs = w.shape(0) / c.groups, ins = w.shape(-1);
  auto t = swapaxes(unflatten(w, 0, {c.groups, outs}, c.s), 1, -1, c.s); // groups, ins, window, outs
  return convolve(ct, flatten(t, 0, 1, c.s), g);
}

// windows is the part of the padded input that each element of the result sees:
// batch, results, window, channels.
array windows(const array& x, const array& w, const array& ct, const Conv& c) {
  int n = c.lo.size();
  Sizes axes(n);
  std::iota(axes.begin(), axes.end(), 1);
  auto padded = pad(
      x, axes, Shape(c.lo.begin(), c.lo.end()), Shape(c.hi.begin(), c.hi.end()), array(0, x.dtype()), "constant", c.s);
  Strides strides(n + 2, 1);
  for (int i = n; i >= 0; i--) {
    strides[i] = strides[i + 1] * padded.shape(i + 1);
  }
  Shape shape{x.shape(0)};
  Strides by{strides[0]};
  for (int i = 0; i < n; i++) {
    shape.push_back(ct.shape(i + 1));
    by.push_back(strides[i + 1] * c.stride[i]);
  }
  for (int i = 0; i < n; i++) {
    shape.push_back(w.shape(i + 1));
    by.push_back(strides[i + 1] * c.gap[i]);
  }
  shape.push_back(x.shape(-1));
  by.push_back(1);
  return as_strided(contiguous(padded, false, c.s), shape, by, 0, c.s);
}

array window_gradient(const array& x, const array& w, const array& ct, const Conv& c) {
  int outs = w.shape(0) / c.groups, ins = w.shape(-1);
  // Our kernel knows a convolution of this form and reads images and ct as they lie.
  bool ours = c.s.device == Device::cpu && (c.groups == 1 || x.ndim() < 5) && x.dtype() != float64 && cpu::has_blas() && !cpu::all_stock();
  for (int by : c.spread) {
    ours = ours || by != 1;
  }
  if (!ours) {
    // One product of matrices per group: results × channels.
    auto seen = windows(x, w, ct, c);
    int area = w.size() / w.shape(0) / std::max(ins, 1), places = ct.size() / std::max(ct.shape(-1), 1);
    seen = transpose(reshape(seen, {places, area, c.groups, ins}, c.s), {2, 0, 1, 3}, c.s);
    auto t = transpose(reshape(ct, {places, c.groups, outs}, c.s), {1, 2, 0}, c.s);
    auto g = reshape(matmul(t, reshape(seen, {c.groups, places, area * ins}, c.s), c.s), w.shape(), c.s);
    return c.flip ? mirrored(g, c.s) : g;
  }
  // The batch takes the place of the channels, ct that of the window.
  auto g = c;
  g.stride = c.gap, g.gap = c.stride, g.flip = false;
  for (size_t i = 0; i < c.lo.size(); i++) {
    g.hi[i] = (w.shape(i + 1) - 1) * c.gap[i] + (ct.shape(i + 1) - 1) * c.stride[i] + 1 -
        spread_size(x.shape(i + 1), c.spread[i]) - c.lo[i];
  }
  auto batch = moveaxis(unflatten(x, -1, {c.groups, ins}, c.s), -2, 0, c.s); // groups, batch, input, ins
  auto y = convolve(swapaxes(flatten(batch, 0, 1, c.s), 0, -1, c.s), swapaxes(ct, 0, -1, c.s), g);
  y = swapaxes(y, 0, -1, c.s);
  return c.flip ? mirrored(y, c.s) : y;
}

Arrays vjp(
    Primitive& p, const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums, const Arrays&) {
  Conv c(p);
  Arrays r;
  for (int i : argnums) {
    if (cotangents[0].size() == 0 || primals[0].size() == 0 || primals[1].size() == 0) {
      r.push_back(zeros_like(primals[i], c.s));
    } else {
      r.push_back((i == 0 ? input_gradient : window_gradient)(primals[0], primals[1], cotangents[0], c));
    }
  }
  return r;
}

Arrays jvp(
    Primitive& p, const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums, const Arrays&) {
  Conv c(p);
  std::optional<array> sum;
  for (size_t i = 0; i < argnums.size(); i++) {
    auto in = primals;
    in[argnums[i]] = tangents[i];
    auto y = convolve(in[0], in[1], c);
    sum = sum ? add(*sum, y, c.s) : y;
  }
  return {*sum};
}

std::pair<Arrays, std::vector<int>> vmap(Primitive& p, const Arrays& inputs, const std::vector<int>& axes) {
  Conv c(p);
  auto x = inputs[0], w = inputs[1];
  auto front = [&](const array& a, int axis) { return moveaxis(a, axis, 0, c.s); };
  if (axes[1] < 0) {
    x = front(x, axes[0]);
    int b = x.shape(0), n = x.shape(1);
    return {{unflatten(convolve(flatten(x, 0, 1, c.s), w, c), 0, {b, n}, c.s)}, {0}};
  }
  w = front(w, axes[1]);
  int b = w.shape(0), outs = w.shape(1) / c.groups, last = x.ndim() - 1 - (axes[0] >= 0);
  if (axes[0] < 0) {
    // More channels in each group: groups, b, outs.
    w = flatten(swapaxes(unflatten(w, 1, {c.groups, outs}, c.s), 0, 1, c.s), 0, 2, c.s);
    auto y = unflatten(convolve(x, w, c), -1, {c.groups, b, outs}, c.s);
    return {{flatten(moveaxis(y, -2, 0, c.s), -2, -1, c.s)}, {0}};
  }
  // More groups: b, groups.
  x = flatten(moveaxis(x, axes[0], -2, c.s), -2, -1, c.s);
  c.groups *= b;
  auto y = convolve(x, flatten(w, 0, 1, c.s), c);
  return {{unflatten(y, -1, {b, w.shape(1)}, c.s)}, {last}};
}

} // namespace

void add_convolution(RuleTable& t) {
  t["Convolution"] = {vjp, jvp, vmap};
}

} // namespace adj
