package ops

// factored wraps a C++ body that finds determinants of matrices above size 3 from two parts of their
// LU factorisation: diagonal, that of u, and parity, 1 or -1 for the permutation. small is the engine's
// expression, which checks a and serves the sizes to 3, where it is a polynomial.
func factored(small, body string) string {
	return mended("auto small = " + small + `;
			if (a.shape(-1) <= 3) return small;
			auto [lu, pivots] = linalg::lu_factor(astype(a, issubdtype(a.dtype(), inexact) ? a.dtype() : promote_types(a.dtype(), float32), s), s);
			auto at = arange(a.shape(-1), uint32, s);
			auto eye = equal(at, expand_dims(at, 1, s), s);
			auto diagonal = sum(where(eye, lu, array(0, lu.dtype()), s), -1, false, s);
			auto swaps = sum(astype(not_equal(pivots, at, s), int32, s), -1, false, s);
			auto parity = astype(subtract(array(1), multiply(array(2), remainder(swaps, array(2), s), s), s), lu.dtype(), s);
			` + body)
}

// productDet is det as a product. The engine's, the exponential of a sum of logarithms, has seven
// digits also in float64.
var productDet = factored("linalg::det(a, s)", "return multiply(parity, prod(diagonal, -1, false, s), s);")

// signedLogDet is slogdet without the gather of a diagonal, whose derivatives cost more.
var signedLogDet = factored("linalg::slogdet(a, s)", `return std::make_pair(
				multiply(parity, prod(sign(diagonal, s), -1, false, s), s), sum(log(abs(diagonal, s), s), -1, false, s));`)

// smoothPinv is pinv with the derivative of G. Golub and V. Pereyra, The differentiation of
// pseudo-inverses and nonlinear least squares problems, 1973. The one that follows from the singular
// value decomposition is no number where two singular values are equal.
var smoothPinv = mended(`if (!a.is_tracer() || a.size() == 0) return linalg::pinv(a, s);
			using Arrays = std::vector<array>;
			struct Rules {
				Stream s;
				array mul(const array& x, const array& y) const { return matmul(x, y, s); }
				array T(const array& x) const { return swapaxes(x, -1, -2, s); }
				// beside is I − x·y.
				array beside(const array& x, const array& y) const { return subtract(eye(x.shape(-2), x.shape(-2), 0, x.dtype(), s), mul(x, y), s); }
				array operator()(const array& a) const {
					auto r = *this;
					return custom_function(
						[r](const Arrays& in) { return Arrays{linalg::pinv(in[0], r.s)}; },
						[r](const Arrays& in, const Arrays& weights, const Arrays& out) {
							auto &a = in[0], &y = out[0];
							auto g = r.T(weights[0]), ty = r.T(y);
							auto d = add(r.mul(r.mul(r.beside(a, y), g), r.mul(y, ty)), r.mul(r.mul(ty, y), r.mul(g, r.beside(y, a))), r.s);
							return Arrays{subtract(d, r.mul(r.mul(ty, weights[0]), ty), r.s)};
						},
						[r](const Arrays& in, const Arrays& tangents, const std::vector<int>&) {
							auto y = r(in[0]), ty = r.T(y), g = r.T(tangents[0]);
							auto d = add(r.mul(r.mul(y, ty), r.mul(g, r.beside(in[0], y))), r.mul(r.mul(r.beside(y, in[0]), g), r.mul(ty, y)), r.s);
							return Arrays{subtract(d, r.mul(r.mul(y, tangents[0]), y), r.s)};
						},
						[r](const Arrays& in, const std::vector<int>& axes) {
							return std::make_pair(Arrays{r(moveaxis(in[0], axes[0], 0, r.s))}, std::vector<int>{0});
						})({a})[0];
				}
			};
			return Rules{to_stream(s)}(a);`)
