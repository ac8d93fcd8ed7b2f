package ops

// The engine's rules for derivatives and vmap are wrong for some arguments of
// some ops, or read outside of memory. The rows that use this file say the same
// in ops whose rules are right, and where that costs something only while a
// function is traced. Their symbols end in _mended, so that no other library's
// function of the name takes their place.

// mended wraps a C++ body with the functions that it may call:
//
//   - tied(x, y) is x, promoted and broadcast with y: vmap maps it wherever it
//     maps x or y;
//   - first(x) is the first element of x, a scalar.
func mended(body string) string {
	return `[&] {
			[[maybe_unused]] auto tied = [&](const array& x, const array& y) { return where(array(true), x, y, s); };
			[[maybe_unused]] auto first = [&](const array& x) {
				return reshape(slice(x, Shape(x.ndim(), 0), Shape(x.ndim(), 1), s), Shape{}, s);
			};
			` + body + `
		}()`
}

// bitwise calls an op whose batch rule wants both arguments mapped.
func bitwise(name string) string {
	return mended("return a.is_tracer() || b.is_tracer() ? " + name + "(tied(a, b), tied(b, a), s) : " + name + "(a, b, s);")
}

// sliceUpdate calls an op whose batch rule wants update mapped where src is.
func sliceUpdate(name string) string {
	return mended(`if (!src.is_tracer()) return ` + name + `(src, update, start, stop, strides, s);
			auto old = slice(src, start, stop, strides, s);
			return ` + name + `(src, tied(broadcast_to(astype(update, src.dtype(), s), old.shape(), s), old), start, stop, strides, s);`)
}

// groupedConvolution makes input one that is mapped where weight is: the batch
// rule for a mapped weight alone does not know of groups.
const groupedConvolution = "auto x = groups > 1 && weight.is_tracer() && weight.size() > 0 ? tied(input, first(weight)) : input;"

// power of complex numbers: the engine's derivative is that of real ones.
var power = mended(`auto t = promote_types(a.dtype(), b.dtype());
			if (!issubdtype(t, complexfloating)) return power(a, b, s);
			auto x = astype(a, t, s), y = astype(b, t, s);
			auto none = equal(x, array(0, t), s);
			auto r = exp(multiply(y, log(where(none, array(1, t), x, s), s), s), s);
			return where(none, power(stop_gradient(x, s), stop_gradient(y, s), s), r, s);`)

// sign of complex numbers: the engine's derivative is zero.
var sign = mended(`if (!issubdtype(a.dtype(), complexfloating)) return sign(a, s);
			auto one = where(equal(a, array(0, a.dtype()), s), array(1, a.dtype()), a, s);
			return divide(a, abs(one, s), s);`)

// logaddexp of complex numbers: the engine has no derivative.
var logaddexp = mended(`auto t = promote_types(a.dtype(), b.dtype());
			if (!issubdtype(t, complexfloating)) return logaddexp(a, b, s);
			auto x = astype(a, t, s), y = astype(b, t, s);
			auto m = where(greater(real(x, s), real(y, s), s), x, y, s);
			m = stop_gradient(where(isfinite(m, s), m, array(0, t), s), s);
			return add(m, log(add(exp(subtract(x, m, s), s), exp(subtract(y, m, s), s), s), s), s);`)

// cumprod of complex numbers, by doubling the reach of each product: the
// engine's gradient is that of real ones.
var cumprod = mended(`if (!issubdtype(a.dtype(), complexfloating)) return cumprod(a, axis, reverse, inclusive, s);
			if (a.ndim() == 0 || axis < -int(a.ndim()) || axis >= int(a.ndim())) return cumprod(a, axis, reverse, inclusive, s);
			int ax = axis < 0 ? axis + a.ndim() : axis, n = a.shape(ax);
			auto moved = [&](const array& x, int k) {
				Shape from(x.ndim(), 0), to = x.shape(), pad = x.shape();
				pad[ax] = k;
				(reverse ? from[ax] : to[ax]) = reverse ? k : n - k;
				auto rest = slice(x, from, to, s), fill = ones(pad, x.dtype(), s);
				return concatenate(reverse ? std::vector<array>{rest, fill} : std::vector<array>{fill, rest}, ax, s);
			};
			auto y = a;
			for (int k = 1; k < n; k *= 2) y = multiply(y, moved(y, k), s);
			return inclusive || n == 0 ? y : moved(y, 1);`)

// addmm: the engine's forward derivative leaves alpha and beta out, and its batch
// rule takes c for a whole result that is mapped with a.
var addmm = mended(`auto x = alpha == 1 ? a : multiply(a, array(alpha, a.dtype()), s), z = beta == 1 ? c : multiply(c, array(beta, c.dtype()), s);
			if (z.is_tracer() && z.size() > 0) {
				auto w = first(z);
				z = broadcast_to(z, matmul(x, b, s).shape(), s);
				x = tied(x, w);
			}
			return addmm(z, x, b, 1, 1, s);`)

// whole is the inverse of a real transform along one axis of odd size n, as a
// complex one of both halves: the forward derivative of the engine's own takes n
// for even.
const whole = `[&](array x, int n, int axis) {
				int ax = axis < 0 ? axis + x.ndim() : axis, m = n / 2 + 1;
				Shape from(x.ndim(), 0), to = x.shape(), back(x.ndim(), 1);
				x = astype(x, complex64, s);
				if (x.shape(ax) < m) x = pad(x, {ax}, Shape{0}, Shape{m - x.shape(ax)}, array(0, complex64), "constant", s);
				to[ax] = m;
				x = slice(x, from, to, s);
				if (m > 1) {
					auto other = conjugate(x, s);
					auto start = from, stop = to;
					start[ax] = m - 1, stop[ax] = -n - 1 + m - m, back[ax] = -1;
					stop[ax] = -(m + 1) + 1;
					x = concatenate({x, slice(other, start, stop, back, s)}, ax, s);
				}
				return real(fft::ifft(x, n, ax, norm, s), s);
			}`
