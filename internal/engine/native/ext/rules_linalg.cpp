// Derivatives of matrix factorisations.
//
// Each has a forward rule, from the change da of the matrix a to those of its
// factors; `reversed` makes the reverse rule of it. They consist of ops that have
// rules themselves, so further derivatives follow. Where only a triangle is read
// the derivative, too, is that of a function of this triangle.
//
// Sources: M. Giles, Collected matrix derivative results for forward and reverse
// mode algorithmic differentiation, 2008; S. Walter and L. Lehmann, Algorithmic
// differentiation of linear algebra functions, 2010 (QR); Z. Wan and S. Zhang,
// Automatic differentiation for complex valued SVD, 2019; C. Boeddeker et al., On
// the computation of complex-valued gradients, 2017 (eigenvectors).
#include <cmath>

#include "ext/rules.h"
#include "mlx/linalg.h"

namespace adj {

using namespace mlx::core;

namespace {

// Matrices is the algebra of the matrices in the last two axes, on one stream.
struct Matrices {
  Stream s;

  static bool is_complex(const array& a) {
    return issubdtype(a.dtype(), complexfloating);
  }
  array of(double x, const array& like) const {
    return array(x, like.dtype());
  }
  // H is the conjugate transpose.
  array H(const array& a) const {
    auto t = swapaxes(a, -1, -2, s);
    return is_complex(a) ? conjugate(t, s) : t;
  }
  array product(const array& a, const array& b) const {
    return matmul(a, b, s);
  }
  array product(const array& a, const array& b, const array& c) const {
    return matmul(matmul(a, b, s), c, s);
  }
  array times(const array& a, const array& b) const {
    return multiply(a, b, s);
  }
  array row(const array& v) const {
    return expand_dims(v, -2, s);
  }
  array column(const array& v) const {
    return expand_dims(v, -1, s);
  }
  // on_diagonal marks the diagonal of matrices like a.
  array on_diagonal(const array& a) const {
    return equal(
        column(arange(a.shape(-2), int32, s)), row(arange(a.shape(-1), int32, s)), s);
  }
  array diagonal(const array& a) const {
    return sum(where(on_diagonal(a), a, of(0, a), s), -1, false, s);
  }
  // spread is the square matrix with the diagonal v.
  array spread(const array& v) const {
    return where(equal(column(arange(v.shape(-1), int32, s)), row(arange(v.shape(-1), int32, s)), s), row(v), of(0, v), s);
  }
  array identity(int n, const array& like) const {
    return eye(n, n, 0, like.dtype(), s);
  }
  // triangle leaves out the diagonals nearer than beside to the other triangle.
  array triangle(const array& a, bool upper, int beside = 0) const {
    return upper ? triu(a, beside, s) : tril(a, -beside, s);
  }
  // hermitian is the Hermitian matrix of which a triangle was given.
  array hermitian(const array& a, bool upper) const {
    auto half = triangle(a, upper, 1);
    auto d = real(diagonal(a), s);
    return add(add(half, H(half), s), spread(astype(d, a.dtype(), s)), s);
  }
  // part is rows i to j, columns k to l.
  array part(const array& a, int i, int j, int k, int l) const {
    Shape from(a.ndim(), 0), to = a.shape();
    from[a.ndim() - 2] = i, to[a.ndim() - 2] = j;
    from[a.ndim() - 1] = k, to[a.ndim() - 1] = l;
    return slice(a, from, to, s);
  }
  array blocks(const array& a, const array& b, const array& c, const array& d) const {
    return concatenate({concatenate({a, b}, -1, s), concatenate({c, d}, -1, s)}, -2, s);
  }
  // inverse_triangle is NaN where a triangular matrix is singular: results that do
  // not fail have derivatives that do not.
  array inverse_triangle(const array& a, bool upper) const {
    auto zero = logical_and(on_diagonal(a), equal(a, of(0, a), s), s);
    return linalg::tri_inv(where(zero, of(NAN, a), a, s), upper, s);
  }
  // inverse of complex matrices, as that of [[re, −im], [im, re]].
  array inverse(const array& a) const {
    if (!is_complex(a)) {
      return linalg::inv(a, s);
    }
    int n = a.shape(-1);
    auto re = real(a, s), im = imag(a, s);
    auto y = linalg::inv(blocks(re, negative(im, s), im, re), s);
    return combined(part(y, 0, n, 0, n), part(y, n, 2 * n, 0, n));
  }
  array combined(const array& re, const array& im) const {
    return add(astype(re, complex64, s), times(array(complex64_t{0, 1}), im), s);
  }
  // gaps is 1 / (v[j] − v[i]) beside the diagonal, and 0 on it.
  array gaps(const array& v) const {
    auto d = subtract(row(v), column(v), s);
    auto on = on_diagonal(d);
    return where(on, of(0, d), divide(of(1, d), where(on, of(1, d), d, s), s), s);
  }
};

// A forward rule: the changes of the factors out for the change da of a.
using Forward = Arrays (*)(
    const Matrices& m, Primitive& p, const array& a, const array& da, const Arrays& out);

template <Forward rule>
Arrays forward(
    Primitive& p, const Arrays& primals, const Arrays& tangents, const std::vector<int>&,
    const Arrays& outputs) {
  Matrices m{p.stream()};
  if (primals[0].size() > 0) {
    return rule(m, p, primals[0], tangents[0], outputs);
  }
  Arrays r;
  for (auto& o : outputs) {
    r.push_back(zeros_like(o, m.s));
  }
  return r;
}

// dy = −y·da·y
Arrays inverse(const Matrices& m, Primitive& p, const array&, const array& da, const Arrays& out) {
  auto [triangular, upper] = static_cast<Inverse&>(p).state();
  auto& y = out[0];
  return {negative(m.product(y, triangular ? m.triangle(da, upper) : da, y), m.s)};
}

// dl = l·Φ(l⁻¹·da·l⁻ᵀ), Φ the lower triangle with half of the diagonal; an upper
// factor is the transpose of the lower one.
Arrays cholesky(const Matrices& m, Primitive& p, const array&, const array& da, const Arrays& out) {
  bool upper = static_cast<Cholesky&>(p).state();
  auto l = upper ? m.H(out[0]) : out[0];
  auto definite = all(greater(m.diagonal(l), m.of(0, l), m.s), -1, true, m.s);
  l = m.times(l, m.column(where(definite, m.of(1, l), m.of(NAN, l), m.s)));
  auto inv = m.inverse_triangle(l, false);
  auto w = m.product(inv, m.hermitian(da, upper), m.H(inv));
  auto phi = subtract(m.triangle(w, false), m.times(m.of(0.5, w), m.spread(m.diagonal(w))), m.s);
  auto dl = m.product(l, phi);
  return {upper ? m.H(dl) : dl};
}

// With k columns of full rank, w = qᵀ·da·r⁻¹ = ω + dr·r⁻¹ where ω is skew and dr·r⁻¹
// upper triangular; what is beyond k follows from r₂ = qᵀ·a₂.
Arrays qr(const Matrices& m, Primitive&, const array& a, const array& da, const Arrays& out) {
  auto &q = out[0], &r = out[1];
  int rows = a.shape(-2), n = a.shape(-1), k = r.shape(-2);
  auto inv = m.inverse_triangle(m.part(r, 0, k, 0, k), true);
  auto x = m.product(m.part(da, 0, rows, 0, k), inv);
  auto w = m.product(m.H(q), x);
  auto below = m.triangle(w, false, 1);
  auto rest = subtract(w, subtract(below, m.H(below), m.s), m.s);
  auto dq = subtract(x, m.product(q, rest), m.s);
  auto dr = m.product(rest, m.part(r, 0, k, 0, k));
  if (n > k) {
    auto beyond = add(
        m.product(m.H(dq), m.part(a, 0, rows, k, n)), m.product(m.H(q), m.part(da, 0, rows, k, n)), m.s);
    dr = concatenate({dr, beyond}, -1, m.s);
  }
  return {dq, dr};
}

// With a = (l·u)[p] and both factors made square, w = l⁻¹·da[p⁻¹]·u⁻¹ gives dl = l·w from
// what is below the diagonal and du = w·u from the rest.
Arrays lu(const Matrices& m, Primitive&, const array& a, const array& da, const Arrays& out) {
  auto& packed = out[0];
  int rows = a.shape(-2), n = a.shape(-1), k = std::min(rows, n);
  auto l = m.triangle(m.part(packed, 0, rows, 0, k), false, 1);
  auto u = m.triangle(m.part(packed, 0, k, 0, n), true);
  l = add(pad(l, {-1}, {0}, {rows - k}, m.of(0, a), "constant", m.s), m.identity(rows, a), m.s);
  auto added = greater_equal(arange(n, int32, m.s), array(k), m.s);
  u = add(pad(u, {-2}, {0}, {n - k}, m.of(0, a), "constant", m.s), m.spread(astype(added, a.dtype(), m.s)), m.s);
  // Row i of a is row p[i] of l·u.
  auto order = equal(m.column(arange(rows, uint32, m.s)), m.row(out[2]), m.s);
  auto w = m.product(
      m.inverse_triangle(l, false), m.product(astype(order, a.dtype(), m.s), da), m.inverse_triangle(u, true));
  return {add(m.product(l, m.triangle(w, false, 1)), m.product(m.triangle(w, true), u), m.s)};
}

// thin returns u, σ and vᴴ with min(rows, columns) columns and rows. Of a long
// matrix a full u would not fit in memory.
Arrays thin(const Matrices& m, const array& a) {
  int rows = a.shape(-2), n = a.shape(-1), k = std::min(rows, n);
  if (std::max(rows, n) < 2 * k || m.is_complex(a)) {
    auto p = linalg::svd(a, true, m.s);
    return {m.part(p[0], 0, rows, 0, k), p[1], m.part(p[2], 0, k, 0, n)};
  }
  auto [q, r] = linalg::qr(rows < n ? m.H(a) : a, m.s);
  auto p = linalg::svd(r, true, m.s);
  auto u = m.product(q, p[0]);
  return rows < n ? Arrays{m.H(p[2]), p[1], m.H(u)} : Arrays{u, p[1], p[2]};
}

// Ω = uᴴ·du and Ψ = vᴴ·dv are skew, and w = uᴴ·da·v = Ω·σ + dσ − σ·Ψ. What lies beyond
// the first k columns of u and v is any basis; it moves no more than it must, and
// so do phases of complex vectors.
Arrays svd(const Matrices& m, Primitive& p, const array& a, const array& da, const Arrays& out) {
  if (!static_cast<SVD&>(p).state()) {
    auto parts = thin(m, a);
    return {real(m.diagonal(m.product(m.H(parts[0]), da, m.H(parts[2]))), m.s)};
  }
  auto &u = out[0], &sigma = out[1], &vt = out[2];
  int rows = a.shape(-2), n = a.shape(-1), k = std::min(rows, n);
  auto all = m.product(m.H(u), da, m.H(vt));
  auto w = m.part(all, 0, k, 0, k);
  auto i = m.column(sigma), j = m.row(sigma), one = m.of(1, sigma);
  // 1 / (σ[j]² − σ[i]²)
  auto gaps = divide(m.gaps(sigma), where(m.on_diagonal(w), one, add(i, j, m.s), m.s), m.s);
  auto omega = m.times(gaps, add(m.times(w, j), m.times(i, m.H(w)), m.s));
  auto psi = m.times(gaps, add(m.times(i, w), m.times(m.H(w), j), m.s));
  if (m.is_complex(a)) {
    auto turn = divide(imag(m.diagonal(w), m.s), m.times(m.of(2, sigma), sigma), m.s);
    auto both = m.combined(zeros_like(turn, m.s), turn);
    omega = add(omega, m.spread(both), m.s);
    psi = subtract(psi, m.spread(both), m.s);
  }
  // grown adds what moves the first k columns into the rest.
  auto grown = [&](const array& turned, const array& out_of) {
    int more = out_of.shape(-2);
    if (more == 0) {
      return turned;
    }
    auto c = divide(out_of, j, m.s);
    Shape corner = c.shape();
    corner.back() = more;
    return m.blocks(turned, negative(m.H(c), m.s), c, zeros(corner, a.dtype(), m.s));
  };
  auto du = m.product(u, grown(omega, m.part(all, k, rows, 0, k)));
  auto dvt = m.product(grown(psi, m.H(m.part(all, 0, k, k, n))), vt);
  return {du, real(m.diagonal(w), m.s), negative(dvt, m.s)};
}

// w = vᴴ·da·v has the changes of the values on its diagonal, and v⁻¹·dv beside it when
// each element is divided by the gap between two values.
Arrays eigh(const Matrices& m, Primitive& p, const array& a, const array& da, const Arrays& out) {
  auto [uplo, vectors] = static_cast<Eigh&>(p).state();
  auto parts = out;
  if (!vectors) {
    auto [values, v] = linalg::eigh(a, uplo, m.s);
    parts = {values, v};
  }
  auto& v = parts[1];
  auto w = m.product(m.H(v), m.hermitian(da, uplo == "U"), v);
  Arrays r{real(m.diagonal(w), m.s)};
  if (vectors) {
    r.push_back(m.product(v, m.times(m.gaps(parts[0]), w)));
  }
  return r;
}

// As eigh, with v⁻¹ for vᴴ. Vectors keep their length and, as LAPACK makes them, a
// largest component that is real. Those of a complex matrix come conjugated.
Arrays eig(const Matrices& m, Primitive& p, const array& a, const array& da, const Arrays& out) {
  if (!static_cast<Eig&>(p).state()) {
    // Another algorithm, which finds the values in another order.
    throw std::invalid_argument("[eigvals] Not implemented for Eig without vectors.");
  }
  auto turned = [&](const array& x) { return m.is_complex(a) ? conjugate(x, m.s) : x; };
  auto v = turned(out[1]);
  auto w = m.product(m.inverse(v), astype(da, complex64, m.s), v);
  auto dv = m.product(v, m.times(m.gaps(out[0]), w));
  auto along = sum(real(m.times(conjugate(v, m.s), dv), m.s), -2, true, m.s);
  dv = subtract(dv, m.times(v, along), m.s);
  auto largest = equal(
      m.column(arange(a.shape(-1), uint32, m.s)), argmax(stop_gradient(abs(v, m.s), m.s), -2, true, m.s), m.s);
  auto at_largest = [&](const array& x) {
    return sum(where(largest, x, m.of(0, x), m.s), -2, true, m.s);
  };
  auto turn = divide(at_largest(imag(dv, m.s)), at_largest(real(v, m.s)), m.s);
  dv = subtract(dv, m.times(v, m.combined(zeros_like(turn, m.s), turn)), m.s);
  return {m.diagonal(w), turned(dv)};
}

std::pair<Arrays, std::vector<int>> map_inverse(
    Primitive& p, const Arrays& inputs, const std::vector<int>& axes) {
  auto [triangular, upper] = static_cast<Inverse&>(p).state();
  auto a = Batch(inputs, axes, p.stream()).front(0);
  return {{triangular ? linalg::tri_inv(a, upper, p.stream()) : linalg::inv(a, p.stream())}, {0}};
}

std::pair<Arrays, std::vector<int>> map_qr(
    Primitive& p, const Arrays& inputs, const std::vector<int>& axes) {
  auto [q, r] = linalg::qr(Batch(inputs, axes, p.stream()).front(0), p.stream());
  return {{q, r}, {0, 0}};
}

std::pair<Arrays, std::vector<int>> map_lu(
    Primitive& p, const Arrays& inputs, const std::vector<int>& axes) {
  return {linalg::lu_factor(Batch(inputs, axes, p.stream()).front(0), p.stream()).first.outputs(), {0, 0, 0}};
}

// The matrix of n = m·2ᵏ rows is the Kronecker product of those of m and of 2ᵏ. Those of
// 20 and 28 rows are not symmetric, where MLX's rule takes them for their transposes.
Arrays hadamard_vjp(
    Primitive& p, const Arrays&, const Arrays& cotangents, const std::vector<int>&, const Arrays&) {
  auto s = p.stream();
  auto& ct = cotangents[0];
  int n = ct.shape(-1), two = n & -n, m = n / two;
  if (m > 1) {
    two /= 4, m *= 4;
  }
  auto scale = static_cast<Hadamard&>(p).state();
  if (m == 1) {
    return {hadamard_transform(ct, scale, s)};
  }
  auto split = ct.shape();
  split.back() = m;
  split.push_back(two);
  auto rows = hadamard_transform(eye(m, ct.dtype(), s), 1.0f, s);
  return {reshape(matmul(rows, hadamard_transform(reshape(ct, split, s), scale, s), s), ct.shape(), s)};
}

} // namespace

void add_linalg(RuleTable& t) {
  t["Hadamard"] = {hadamard_vjp};
  t["Cholesky"] = {nullptr, forward<cholesky>, nullptr, reversed};
  t["Eig"] = {nullptr, forward<eig>, nullptr, reversed};
  t["Eigh"] = {nullptr, forward<eigh>, nullptr, reversed};
  t["Inverse"] = {nullptr, forward<inverse>, map_inverse, reversed};
  t["LUF"] = {nullptr, forward<lu>, map_lu, reversed};
  t["QRF"] = {nullptr, forward<qr>, map_qr, reversed};
  t["SVD"] = {nullptr, forward<svd>, nullptr, reversed};
}

} // namespace adj
