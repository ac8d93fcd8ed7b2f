// Rules for scattering.
//
// An element that several updates write keeps one of them, and only that one has
// a gradient. Extremes share a gradient evenly between all that are equal to
// them. A product's gradient is that of the other factors, also where it is zero;
// second derivatives where two updates of one element are zero are zero.
#include "ext/rules.h"

namespace adj {

using namespace mlx::core;

namespace {

struct Scattering {
  Scatter::ReduceType kind;
  std::vector<int> axes;
  Stream s;
  array values, updates;
  Arrays at;
  Shape sizes; // of one slice

  Scattering(Primitive& p, const Arrays& in)
      : s(p.stream()), values(in[0]), updates(in.back()), at(in.begin() + 1, in.end() - 1) {
    std::tie(kind, axes) = static_cast<Scatter&>(p).state();
    auto& shape = updates.shape();
    sizes = Shape(shape.end() - values.ndim(), shape.end());
  }

  // taken reads from x where the updates go.
  array taken(const array& x) const {
    return gather(x, at, axes, sizes, s);
  }

  // written says which updates are there in the end.
  array written() const {
    // The slices are whole and cannot overlap, so that one number stands for one.
    bool whole = true;
    auto shape = values.shape();
    for (size_t i = 0; i < shape.size(); i++) {
      bool indexed = std::find(axes.begin(), axes.end(), (int)i) != axes.end();
      whole = whole && sizes[i] == (indexed ? 1 : shape[i]);
      shape[i] = indexed ? shape[i] : 1;
    }
    auto like = updates.shape();
    auto one = sizes;
    if (whole) {
      one = Shape(sizes.size(), 1);
      std::fill(like.end() - sizes.size(), like.end(), 1);
    } else {
      shape = values.shape();
    }
    int n = 1;
    for (int d : like) {
      n *= d;
    }
    auto number = reshape(arange(0, n, int32, s), like, s);
    auto last = scatter(full(shape, array(-1), int32, s), at, number, axes, s);
    return equal(gather(last, at, axes, one, s), number, s);
  }
};

array zero(const array& like) {
  return array(0.0f, like.dtype());
}

// factors are the derivatives of products with respect to one of their factors
// each: f is the factor, y the product, rest that of the factors that are not
// zero, none the number of those that are.
array factors(const array& f, const array& y, const array& rest, const array& none, const Stream& s) {
  auto is = equal(f, zero(f), s);
  auto others = divide(y, where(is, array(1.0f, f.dtype()), f, s), s);
  return where(is, where(equal(none, array(1, int32), s), rest, zero(f), s), others, s);
}

Arrays scatter_vjp(
    Primitive& p, const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
    const Arrays& outputs) {
  Scattering c(p, primals);
  auto& s = c.s;
  auto ct = cotangents[0];
  if (c.updates.size() == 0 || c.values.size() == 0) {
    Arrays r;
    for (int i : argnums) {
      r.push_back(i == 0 ? ct : zeros_like(primals[i], s));
    }
    return r;
  }
  std::optional<array> for_values, for_updates;
  switch (c.kind) {
    case Scatter::Sum:
      for_values = ct, for_updates = c.taken(ct);
      break;
    case Scatter::None:
      for_values = scatter(ct, c.at, zeros_like(c.updates, s), c.axes, s);
      for_updates = where(c.written(), c.taken(ct), zero(ct), s);
      break;
    case Scatter::Prod: {
      auto one = array(1.0f, ct.dtype());
      auto& u = c.updates;
      auto is = equal(u, zero(u), s);
      auto whole = full(c.values.shape(), one, s);
      auto y = scatter_prod(whole, c.at, u, c.axes, s);
      auto rest = scatter_prod(whole, c.at, where(is, one, u, s), c.axes, s);
      auto none = scatter_add(zeros(ct.shape(), int32, s), c.at, astype(is, int32, s), c.axes, s);
      for_values = multiply(ct, conjugate(y, s), s);
      auto d = multiply(c.taken(c.values), factors(u, c.taken(y), c.taken(rest), c.taken(none), s), s);
      for_updates = multiply(c.taken(ct), conjugate(d, s), s);
      break;
    }
    default: {
      auto& y = outputs[0];
      auto kept = equal(c.values, y, s), hit = equal(c.updates, c.taken(y), s);
      auto count = scatter_add(astype(kept, ct.dtype(), s), c.at, astype(hit, ct.dtype(), s), c.axes, s);
      auto part = divide(ct, count, s);
      for_values = where(kept, part, zero(ct), s);
      for_updates = where(hit, c.taken(part), zero(ct), s);
    }
  }
  Arrays r;
  for (int i : argnums) {
    r.push_back(i == 0 ? *for_values : *for_updates);
  }
  return r;
}

array scattered(Scatter::ReduceType kind, const array& x, const Arrays& at, const array& updates,
    const std::vector<int>& axes, const Stream& s) {
  switch (kind) {
    case Scatter::Sum:
      return scatter_add(x, at, updates, axes, s);
    case Scatter::Prod:
      return scatter_prod(x, at, updates, axes, s);
    case Scatter::Max:
      return scatter_max(x, at, updates, axes, s);
    case Scatter::Min:
      return scatter_min(x, at, updates, axes, s);
    default:
      return scatter(x, at, updates, axes, s);
  }
}

std::pair<Arrays, std::vector<int>> scatter_vmap(
    Primitive& p, const Arrays& inputs, const std::vector<int>& mapped) {
  auto [kind, axes] = static_cast<Scatter&>(p).state();
  auto s = p.stream();
  Batch b(inputs, mapped, s);
  auto x = b.repeated(0);
  bool indexed = false;
  for (size_t i = 1; i + 1 < inputs.size(); i++) {
    indexed = indexed || mapped[i] >= 0;
  }
  for (int& a : axes) {
    a++;
  }
  auto u = b.front(inputs.size() - 1);
  Arrays at;
  int places = u.ndim() - 1 - (x.ndim() - 1); // axes of one index array
  if (!indexed) {
    at.assign(inputs.begin() + 1, inputs.end() - 1);
    u = moveaxis(b.repeated(inputs.size() - 1), 0, places, s); // in front of the slices
    return {{scattered(kind, x, at, u, axes, s)}, {0}};
  }
  for (size_t i = 1; i + 1 < inputs.size(); i++) {
    auto a = b.front(i);
    at.push_back(broadcast_to(a, [&] {
      auto shape = a.shape();
      shape[0] = b.size;
      return shape;
    }(), s));
  }
  Shape shape(at[0].ndim(), 1);
  shape[0] = b.size;
  at.push_back(reshape(arange(0, b.size, int32, s), shape, s));
  axes.push_back(0);
  u = expand_dims(b.repeated(inputs.size() - 1), places + 1, s);
  return {{scattered(kind, x, at, u, axes, s)}, {0}};
}

Arrays along_vjp(
    Primitive& p, const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums, const Arrays&) {
  auto [kind, axis] = static_cast<ScatterAxis&>(p).state();
  auto s = p.stream();
  auto &ct = cotangents[0], &at = primals[1], &u = primals[2];
  Arrays r;
  for (int i : argnums) {
    if (i == 0) {
      r.push_back(kind == ScatterAxis::Sum ? ct : put_along_axis(ct, at, zeros_like(u, s), axis, s));
      continue;
    }
    auto g = take_along_axis(ct, at, axis, s);
    if (kind == ScatterAxis::None) {
      Shape shape(at.ndim(), 1);
      shape[axis] = at.shape(axis);
      auto number = broadcast_to(reshape(arange(0, at.shape(axis), int32, s), shape, s), at.shape(), s);
      auto last = put_along_axis(full(ct.shape(), array(-1), int32, s), at, number, axis, s);
      g = where(equal(take_along_axis(last, at, axis, s), number, s), g, zero(ct), s);
    }
    r.push_back(g);
  }
  return r;
}

// masked_scatter_vjp counts the chosen places of each row apart: the rows are
// what vmap maps over. MLX's counts through all of them.
Arrays masked_scatter_vjp(
    Primitive& p, const Arrays& primals, const Arrays& cotangents,
    const std::vector<int>& argnums, const Arrays& outputs) {
  auto& s = p.stream();
  auto &dst = primals[0], &src = primals[2], &ct = cotangents[0];
  auto mask = broadcast_to(primals[1], dst.shape(), s);
  auto zero = array(0, ct.dtype());
  Arrays r;
  for (int arg : argnums) {
    if (arg == 0) {
      r.push_back(where(mask, zero, ct, s));
      continue;
    }
    if (arg != 2) {
      return p.vjp(primals, cotangents, argnums, outputs);
    }
    auto g = zeros({int(src.size())}, ct.dtype(), s);
    if (src.size() > 0 && dst.size() > 0) {
      int rows = dst.shape(0), each = src.size() / rows;
      auto chosen = reshape(mask, {rows, -1}, s);
      auto at = cumsum(astype(chosen, int32, s), 1, false, false, s);
      // What is not chosen adds zero, also where it counts beyond the end.
      at = add(minimum(at, array(each - 1), s), reshape(arange(0, int(src.size()), each, int32, s), {rows, 1}, s), s);
      auto add_in = reshape(where(mask, ct, zero, s), {int(dst.size()), 1}, s);
      g = scatter_add(g, flatten(at, s), add_in, 0, s);
    }
    r.push_back(reshape(g, src.shape(), s));
  }
  return r;
}

} // namespace

void add_scatters(RuleTable& t) {
  for (auto name : {"Scatter", "Scatter Sum", "Scatter Prod", "Scatter Max", "Scatter Min"}) {
    t[name] = {scatter_vjp, transposed, scatter_vmap};
  }
  t["ScatterAxis"] = t["ScatterAxis Sum"] = {along_vjp, transposed};
  t["MaskedScatter"] = {masked_scatter_vjp};
}

} // namespace adj
