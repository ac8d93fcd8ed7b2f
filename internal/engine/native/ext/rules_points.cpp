// Rules for functions with awkward points: where MLX's give NaN for a derivative
// that exists, differ between forward and reverse mode, or overflow.
#include "cpu/eager.h"
#include "ext/rules.h"
#include "ext/through.h"
#include "ext/tiles.h"

namespace adj {

using namespace mlx::core;

namespace {

array number(float v, const array& like) {
  return array(v, like.dtype());
}

// scaled is a derivative's factor d times t, where t counts: a tangent times d, or
// a cotangent times the conjugate of d.
array scaled(const array& t, array d, bool reverse, const Stream& s) {
  return multiply(t, reverse ? conjugate(d, s) : d, s);
}

// summed adds what f makes of each tangent and its input's number.
template <class F>
Arrays summed(Primitive& p, const Arrays& tangents, const std::vector<int>& argnums, F f) {
  auto sum = f(tangents[0], argnums[0]);
  for (size_t i = 1; i < argnums.size(); i++) {
    sum = add(sum, f(tangents[i], argnums[i]), p.stream());
  }
  return {sum};
}

// A Slope is the derivative of a primitive with respect to input i.
using Slope = array (*)(Primitive& p, const Arrays& in, int i, const array& out);

template <Slope slope>
Arrays slope_vjp(
    Primitive& p, const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
    const Arrays& outputs) {
  Arrays r;
  for (int i : argnums) {
    r.push_back(scaled(cotangents[0], slope(p, primals, i, outputs[0]), true, p.stream()));
  }
  return r;
}

template <Slope slope>
Arrays slope_jvp(
    Primitive& p, const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums,
    const Arrays& outputs) {
  return summed(p, tangents, argnums, [&](const array& t, int i) {
    return scaled(t, slope(p, primals, i, outputs[0]), false, p.stream());
  });
}

template <Slope slope>
Rules sloped() {
  return {slope_vjp<slope>, slope_jvp<slope>, nullptr};
}

// x⁰ has no slope, also at 0; 0ʸ has none in y.
array power_slope(Primitive& p, const Arrays& in, int i, const array& out) {
  auto s = p.stream();
  auto x = in[0], y = in[1];
  auto zero = number(0, x), one = number(1, x);
  if (i == 0) {
    // One exponent is not worth many.
    if (std::string_view(y.has_primitive() ? y.primitive().name() : "") == "Broadcast" && y.inputs()[0].size() == 1) {
      y = y.inputs()[0];
    }
    auto flat = equal(y, zero, s);
    auto less = subtract(where(flat, one, y, s), one, s);
    return where(flat, zero, multiply(y, power(x, less, s), s), s);
  }
  auto none = equal(x, zero, s);
  return where(none, zero, multiply(out, log(where(none, one, x, s), s), s), s);
}

// divided is t times the slope of a quotient, without a square that over- or
// underflows.
array divided(const array& t, array b, array y, int i, bool reverse, const Stream& s) {
  if (reverse) {
    b = conjugate(b, s), y = conjugate(y, s);
  }
  return divide(i == 0 ? t : negative(multiply(t, y, s), s), b, s);
}

Arrays divide_vjp(
    Primitive& p, const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
    const Arrays& outputs) {
  Arrays r;
  for (int i : argnums) {
    r.push_back(divided(cotangents[0], primals[1], outputs[0], i, true, p.stream()));
  }
  return r;
}

Arrays divide_jvp(
    Primitive& p, const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums,
    const Arrays& outputs) {
  return summed(p, tangents, argnums, [&](const array& t, int i) {
    return divided(t, primals[1], outputs[0], i, false, p.stream());
  });
}

// arctan2 has no slope at the origin.
array arctan2_slope(Primitive& p, const Arrays& in, int i, const array&) {
  auto s = p.stream();
  auto h = stop_gradient(maximum(abs(in[0], s), abs(in[1], s), s), s);
  auto none = equal(h, number(0, h), s);
  h = where(none, number(1, h), h, s);
  auto y = divide(in[0], h, s), x = divide(in[1], h, s);
  auto r = add(square(y, s), square(x, s), s);
  r = multiply(where(none, number(1, r), r, s), h, s);
  return where(none, number(0, r), divide(i == 0 ? x : negative(y, s), r, s), s);
}

// logaddexp of equal infinities has the slope 1/2 in each.
array logaddexp_slope(Primitive& p, const Arrays& in, int i, const array&) {
  auto s = p.stream();
  auto &x = in[i], &y = in[1 - i];
  return sigmoid(where(equal(x, y, s), number(0, x), subtract(x, y, s), s), s);
}

// Where all that is summed is zero, its logarithm −∞ has no slope.
array logsumexp_weights(const array& x, const array& y, const Stream& s) {
  auto none = equal(y, number(-std::numeric_limits<float>::infinity(), y), s);
  auto w = softmax(where(none, number(0, x), x, s), std::vector<int>{-1}, true, s);
  return where(none, number(0, x), w, s);
}

Arrays logsumexp_vjp(
    Primitive& p, const Arrays& primals, const Arrays& cotangents, const std::vector<int>&, const Arrays& outputs) {
  auto s = p.stream();
  return {multiply(cotangents[0], logsumexp_weights(primals[0], outputs[0], s), s)};
}

Arrays logsumexp_jvp(
    Primitive& p, const Arrays& primals, const Arrays& tangents, const std::vector<int>&, const Arrays& outputs) {
  auto s = p.stream();
  return {sum(multiply(tangents[0], logsumexp_weights(primals[0], outputs[0], s), s), -1, true, s)};
}

// constant says whether a does not depend on anything.
bool constant(const array& a) {
  const array* x = &a;
  while (x->has_primitive() && !x->inputs().empty()) {
    std::string_view name = x->primitive().name();
    if (name == "StopGradient") {
      return true;
    }
    if (name != "Broadcast" && name != "AsType") {
      return false;
    }
    x = &x->inputs()[0];
  }
  return false;
}

// halves gives t to the larger (smaller) of two numbers. Of equal ones each has a
// half, unless one is a constant: that has all.
array halves(Primitive& p, const array& t, const Arrays& in, int i) {
  auto s = p.stream();
  bool larger = std::string_view(p.name()) == "Maximum";
  auto won = larger ? greater(in[i], in[1 - i], s) : less(in[i], in[1 - i], s);
  auto zero = number(0, t);
  float part = constant(in[i]) ? 1 : constant(in[1 - i]) ? 0 : 0.5;
  auto tie = part == 0 ? zero : where(equal(in[i], in[1 - i], s), multiply(number(part, t), t, s), zero, s);
  return where(won, t, tie, s);
}

Arrays larger_vjp(
    Primitive& p, const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums, const Arrays&) {
  Arrays r;
  for (int i : argnums) {
    r.push_back(halves(p, cotangents[0], primals, i));
  }
  return r;
}

Arrays larger_jvp(
    Primitive& p, const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums, const Arrays&) {
  return summed(p, tangents, argnums, [&](const array& t, int i) { return halves(p, t, primals, i); });
}

// Of equal extremes each has an equal part.
struct Extreme {
  std::vector<int> axes;
  Stream s;
  array hit, count;

  Extreme(Primitive& p, const array& in, const array& out)
      : axes(static_cast<Reduce&>(p).state().second),
        s(p.stream()),
        hit(equal(in, out, s)),
        count(astype(sum(hit, axes, true, s), in.dtype(), s)) {}
};

Arrays extreme_vjp(
    Primitive& p, const Arrays& primals, const Arrays& cotangents, const std::vector<int>&, const Arrays& outputs) {
  Extreme e(p, primals[0], outputs[0]);
  auto part = divide(cotangents[0], e.count, e.s);
  return {where(e.hit, part, number(0, part), e.s)};
}

Arrays extreme_jvp(
    Primitive& p, const Arrays& primals, const Arrays& tangents, const std::vector<int>&, const Arrays& outputs) {
  Extreme e(p, primals[0], outputs[0]);
  auto hit = where(e.hit, tangents[0], number(0, tangents[0]), e.s);
  return {divide(sum(hit, e.axes, true, e.s), e.count, e.s)};
}

// What where leaves out counts nothing, also when it is infinite or NaN.
Arrays select_vjp(
    Primitive& p, const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums, const Arrays&) {
  auto s = p.stream();
  auto& ct = cotangents[0];
  auto zero = number(0, ct);
  Arrays r;
  for (int i : argnums) {
    r.push_back(
        i == 0       ? zeros_like(primals[0], s)
            : i == 1 ? where(primals[0], ct, zero, s)
                     : where(primals[0], zero, ct, s));
  }
  return r;
}

Arrays select_jvp(
    Primitive& p, const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums, const Arrays&) {
  auto zero = number(0, primals[1]);
  Arrays t{zero, zero, zero};
  for (size_t i = 0; i < argnums.size(); i++) {
    t[argnums[i]] = tangents[i];
  }
  return {broadcast_to(where(primals[0], t[1], t[2], p.stream()), primals[1].shape(), p.stream())};
}

// direction is z/|z|, which has a derivative, unlike sign. The primitive gives |z|
// as a complex number.
array direction(const array& z, const array& abs, const Stream& s) {
  auto size = real(abs, s);
  auto none = equal(size, array(0, size.dtype()), s);
  return divide(z, where(none, array(1, size.dtype()), size, s), s);
}

Arrays abs_vjp(
    Primitive& p, const Arrays& primals, const Arrays& cotangents,
    const std::vector<int>& argnums, const Arrays& outputs) {
  auto& z = primals[0];
  if (!issubdtype(z.dtype(), complexfloating)) {
    return p.vjp(primals, cotangents, argnums, outputs);
  }
  return {multiply(cotangents[0], direction(z, outputs[0], p.stream()), p.stream())};
}

Arrays abs_jvp(
    Primitive& p, const Arrays& primals, const Arrays& tangents,
    const std::vector<int>& argnums, const Arrays& outputs) {
  auto& z = primals[0];
  if (!issubdtype(z.dtype(), complexfloating)) {
    return p.jvp(primals, tangents, argnums);
  }
  auto& s = p.stream();
  return {real(multiply(tangents[0], conjugate(direction(z, outputs[0], s), s), s), s)};
}

// given_tanh_slope is 1/cosh² in operations of MLX's, with x moved to where cosh is finite:
// beyond, the slope is 0, which MLX's form makes no number of. 1 - y² at y = tanh x would
// cost less and lose all digits there.
array given_tanh_slope(const array& x, const Stream& s) {
  auto d = x.dtype();
  if (!issubdtype(d, floating)) {
    return square(reciprocal(cosh(x, s), s), s);
  }
  auto end = array(d == float16 ? 10.0f : 88.0f, d);
  return square(reciprocal(cosh(minimum(maximum(x, negative(end, s), s), end, s), s), s), s);
}

array tanh_slope(const array& x, const Stream& s);

// A SlopeOfTanh is tanh's slope at its first input, and knows that its own is
// -2·tanh·slope: that of its parts would be many times as much, and nothing in the end.
template <class Base> class SlopeOfTanh : public Base {
 public:
  using Base::Base;

  bool flows(size_t input, bool) const override {
    return input == 0;
  }
  Arrays vjp(
      const Arrays& primals, const Arrays& cotangents, const std::vector<int>&, const Arrays& outputs) override {
    return {times(primals[0], outputs[0], cotangents[0])};
  }
  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>&) override {
    return {times(primals[0], tanh_slope(primals[0], this->stream()), tangents[0])};
  }
  bool is_equivalent(const Primitive& other) const override {
    return typeid(*this) == typeid(other);
  }

 private:
  // times is y multiplied by the slope of slope, which is tanh's at x.
  array times(const array& x, const array& slope, const array& y) {
    auto& s = this->stream();
    return multiply(y, multiply(multiply(array(-2.0f, x.dtype()), tanh(x, s), s), slope, s), s);
  }
};

// GivenTanhSlope passes on the slope at its first input, which is its second.
class GivenTanhSlope : public SlopeOfTanh<Through> {
 public:
  explicit GivenTanhSlope(Stream s) : SlopeOfTanh(s, 1) {}

  const char* name() const override {
    return "GivenTanhSlope";
  }
  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    int size = mapped_size(inputs, axes);
    auto x = moved({inputs[0], axes[0]}, 0, size);
    return {{array(x.shape(), x.dtype(), std::make_shared<GivenTanhSlope>(stream()), {x, moved({inputs[1], axes[1]}, 0, size)})}, {0}};
  }
};

// TanhSlope has a kernel.
class TanhSlope : public SlopeOfTanh<Own> {
 public:
  using SlopeOfTanh::SlopeOfTanh;

  const char* name() const override {
    return "TanhSlope";
  }
  bool points() const override {
    return true;
  }
  void eval_cpu(const Arrays& inputs, Arrays& outputs) override {
    cpu::evaluate_point(*this, inputs, outputs);
  }
  void eval_gpu(const Arrays&, Arrays&) override {
    throw std::runtime_error("[TanhSlope] is an op of the CPU");
  }
  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    return {{tanh_slope(inputs[0], stream())}, axes};
  }
  std::vector<Shape> output_shapes(const Arrays& inputs) override {
    return {inputs[0].shape()};
  }
  Arrays plain(const Arrays& inputs, const Repeat&) override {
    return {given_tanh_slope(inputs[0], stream())};
  }
};

array tanh_slope(const array& x, const Stream& s) {
  auto d = x.dtype();
  if (s.device == Device::cpu && !cpu::all_stock() && kernel("TanhSlope", tile_dtype(d))) {
    return array(x.shape(), d, std::make_shared<TanhSlope>(s), {x});
  }
  auto slope = given_tanh_slope(x, s);
  return issubdtype(d, floating) ? array(x.shape(), d, std::make_shared<GivenTanhSlope>(s), {x, slope}) : slope;
}

Arrays tanh_vjp(
    Primitive& p, const Arrays& primals, const Arrays& cotangents, const std::vector<int>&, const Arrays&) {
  auto slope = tanh_slope(primals[0], p.stream());
  if (slope.dtype() == complex64) {
    slope = conjugate(slope, p.stream());
  }
  return {multiply(cotangents[0], slope, p.stream())};
}

Arrays tanh_jvp(
    Primitive& p, const Arrays& primals, const Arrays& tangents, const std::vector<int>&, const Arrays&) {
  return {multiply(tangents[0], tanh_slope(primals[0], p.stream()), p.stream())};
}

} // namespace

void add_points(RuleTable& t) {
  t["Power"] = sloped<power_slope>();
  t["Divide"] = {divide_vjp, divide_jvp};
  t["ArcTan2"] = sloped<arctan2_slope>();
  t["LogAddExp"] = sloped<logaddexp_slope>();
  t["LogSumExp"] = {logsumexp_vjp, logsumexp_jvp};
  t["Maximum"] = t["Minimum"] = {larger_vjp, larger_jvp};
  t["Max"] = t["Min"] = {extreme_vjp, extreme_jvp};
  t["Select"] = {select_vjp, select_jvp};
  t["Abs"] = {abs_vjp, abs_jvp};
  t["Tanh"] = {tanh_vjp, tanh_jvp};
}

} // namespace adj
