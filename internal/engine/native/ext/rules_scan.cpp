// Rules for running products, extremes and log-sums.
//
// The derivatives of products and log-sums are linear recurrences
// S[i] = b[i] + a[i]·S[i−1]. Nothing is divided, so zeros are no special case.
#include "ext/rules.h"

namespace adj {

using namespace mlx::core;

namespace {

struct Running {
  int axis;
  bool reverse, inclusive;
  Stream s;

  explicit Running(Primitive& p) : s(p.stream()) {
    std::tie(std::ignore, axis, reverse, inclusive) = static_cast<Scan&>(p).state();
  }
};

array part(const array& x, int axis, int from, int to, const Stream& s) {
  Shape start(x.ndim(), 0), stop = x.shape();
  start[axis] = from, stop[axis] = to;
  return slice(x, start, stop, s);
}

// later moves x by k places in the direction of the scan; fill comes in.
array later(const array& x, int k, const array& fill, int axis, bool reverse, const Stream& s) {
  int n = x.shape(axis);
  auto shape = x.shape();
  shape[axis] = std::min(k, n);
  auto in = full(shape, astype(fill, x.dtype(), s), s);
  if (n <= k) {
    return in;
  }
  return reverse ? concatenate({part(x, axis, k, n, s), in}, axis, s)
                 : concatenate({in, part(x, axis, 0, n - k, s)}, axis, s);
}

// recurrence returns S; a[0] counts nothing. Each round doubles the reach.
array recurrence(array a, array b, int axis, bool reverse, const Stream& s) {
  int n = a.shape(axis);
  for (int k = 1; k < n; k *= 2) {
    auto near = [&](const array& x) { return reverse ? part(x, axis, 0, n - k, s) : part(x, axis, k, n, s); };
    auto far = [&](const array& x) { return reverse ? part(x, axis, k, n, s) : part(x, axis, 0, n - k, s); };
    auto joined = [&](const array& x, const array& y) {
      return reverse ? concatenate({y, part(x, axis, n - k, n, s)}, axis, s)
                     : concatenate({part(x, axis, 0, k, s), y}, axis, s);
    };
    b = joined(b, add(near(b), multiply(near(a), far(b), s), s));
    a = joined(a, multiply(near(a), far(a), s));
  }
  return b;
}

// An exclusive scan is an inclusive one moved by one place.
array result_tangent(const array& t, const Running& r) {
  return r.inclusive ? t : later(t, 1, array(0.0f), r.axis, r.reverse, r.s);
}
array inclusive_cotangent(const array& ct, const Running& r) {
  return r.inclusive ? ct : later(ct, 1, array(0.0f), r.axis, !r.reverse, r.s);
}

Arrays product_jvp(
    Primitive& p, const Arrays& primals, const Arrays& tangents, const std::vector<int>&, const Arrays&) {
  Running r(p);
  auto before = cumprod(primals[0], r.axis, r.reverse, false, r.s);
  auto t = recurrence(primals[0], multiply(before, tangents[0], r.s), r.axis, r.reverse, r.s);
  return {result_tangent(t, r)};
}

Arrays product_vjp(
    Primitive& p, const Arrays& primals, const Arrays& cotangents, const std::vector<int>&, const Arrays&) {
  Running r(p);
  auto x = conjugate(primals[0], r.s);
  auto before = cumprod(x, r.axis, r.reverse, false, r.s);
  auto next = later(x, 1, array(1.0f), r.axis, !r.reverse, r.s);
  auto sum = recurrence(next, inclusive_cotangent(cotangents[0], r), r.axis, !r.reverse, r.s);
  return {multiply(before, sum, r.s)};
}

// share is exp(x − y) for x ≤ y, also where both are infinite.
array share(const array& x, const array& y, const Stream& s) {
  auto none = array(-std::numeric_limits<float>::infinity(), x.dtype());
  auto d = where(equal(x, y, s), array(0.0f, x.dtype()), subtract(x, y, s), s);
  return exp(where(equal(y, none, s), none, d, s), s);
}

Arrays logsum_jvp(
    Primitive& p, const Arrays& primals, const Arrays& tangents, const std::vector<int>&, const Arrays&) {
  Running r(p);
  auto& x = primals[0];
  auto y = logcumsumexp(x, r.axis, r.reverse, true, r.s);
  auto before = later(y, 1, array(-std::numeric_limits<float>::infinity()), r.axis, r.reverse, r.s);
  auto t = recurrence(
      share(before, y, r.s), multiply(share(x, y, r.s), tangents[0], r.s), r.axis, r.reverse, r.s);
  return {result_tangent(t, r)};
}

Arrays logsum_vjp(
    Primitive& p, const Arrays& primals, const Arrays& cotangents, const std::vector<int>&, const Arrays&) {
  Running r(p);
  auto& x = primals[0];
  auto y = logcumsumexp(x, r.axis, r.reverse, true, r.s);
  auto after = later(y, 1, array(0.0f), r.axis, !r.reverse, r.s);
  auto sum = recurrence(
      conjugate(share(y, after, r.s), r.s), inclusive_cotangent(cotangents[0], r), r.axis, !r.reverse, r.s);
  return {multiply(conjugate(share(x, y, r.s), r.s), sum, r.s)};
}

// owners returns the place of the element that is each result: the latest of
// equal ones.
array owners(Primitive& p, const array& in, const Running& r) {
  bool largest = std::get<0>(static_cast<Scan&>(p).state()) == Scan::Max;
  auto x = stop_gradient(in, r.s);
  auto y = largest ? cummax(x, r.axis, r.reverse, true, r.s) : cummin(x, r.axis, r.reverse, true, r.s);
  int n = x.shape(r.axis);
  Shape shape(x.ndim(), 1);
  shape[r.axis] = n;
  auto places = reshape(arange(0, n, int32, r.s), shape, r.s);
  auto hit = logical_or(equal(x, y, r.s), isnan(x, r.s), r.s);
  auto own = where(hit, places, array(r.reverse ? n : -1, int32), r.s);
  own = r.reverse ? cummin(own, r.axis, true, true, r.s) : cummax(own, r.axis, false, true, r.s);
  return clip(own, array(0, int32), array(std::max(n - 1, 0), int32), r.s);
}

Arrays extreme_jvp(
    Primitive& p, const Arrays& primals, const Arrays& tangents, const std::vector<int>&, const Arrays&) {
  Running r(p);
  if (primals[0].size() == 0) {
    return {tangents[0]};
  }
  return {result_tangent(take_along_axis(tangents[0], owners(p, primals[0], r), r.axis, r.s), r)};
}

Arrays extreme_vjp(
    Primitive& p, const Arrays& primals, const Arrays& cotangents, const std::vector<int>&, const Arrays&) {
  Running r(p);
  if (primals[0].size() == 0) {
    return {cotangents[0]};
  }
  return {scatter_add_axis(
      zeros_like(primals[0], r.s), owners(p, primals[0], r), inclusive_cotangent(cotangents[0], r), r.axis, r.s)};
}

} // namespace

void add_scans(RuleTable& t) {
  t["CumProd"] = {product_vjp, product_jvp};
  t["CumMax"] = t["CumMin"] = {extreme_vjp, extreme_jvp};
  t["CumLogAddExp"] = {logsum_vjp, logsum_jvp};
}

} // namespace adj
