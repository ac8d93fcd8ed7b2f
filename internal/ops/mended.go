package ops

// The engine's rules for derivatives and vmap are wrong for some arguments of
// some ops, or read outside of memory. The rows that use this file say the same
// in ops whose rules are right, and where that costs something only while a
// function is traced. Their symbols end in _mended, so that no other library's
// function of the name takes their place.

// mended wraps a C++ body with a function that it may call: tied(x, y) is x, promoted
// and broadcast with y, so that vmap maps it wherever it maps x or y.
func mended(body string) string {
	return `[&] {
			[[maybe_unused]] auto tied = [&](const array& x, const array& y) { return where(array(true), x, y, s); };
			` + body + `
		}()`
}

// bitwise calls an op whose batch rule wants both arguments mapped.
func bitwise(name string) string {
	return mended("return a.is_tracer() || b.is_tracer() ? " + name + "(tied(a, b), tied(b, a), s) : " + name + "(a, b, s);")
}

// sliceUpdate calls an op that combines a slice with update. Its batch rule wants
// update mapped where src is, there are forward rules for replacing and adding
// only, and the gradient of complex products is that of real ones; so while it is
// traced the combination, a C++ expression over old and x, comes first and then
// replaces the slice.
func sliceUpdate(name, combination string) string {
	return mended(`if (!src.is_tracer() && !update.is_tracer()) return ` + name + `(src, update, start, stop, strides, s);
			auto old = slice(src, start, stop, strides, s);
			auto x = broadcast_to(astype(update, src.dtype(), s), old.shape(), s);
			return slice_update(src, ` + combination + `, start, stop, strides, s);`)
}

// complexSign is sign of complex numbers: the engine's derivative is zero.
var complexSign = mended(`if (!issubdtype(a.dtype(), complexfloating)) return sign(a, s);
			auto one = where(equal(a, array(0, a.dtype()), s), array(1, a.dtype()), a, s);
			return divide(a, abs(one, s), s);`)

// complexLogaddexp is logaddexp of complex numbers: the engine has no derivative.
var complexLogaddexp = mended(`auto t = promote_types(a.dtype(), b.dtype());
			if (!issubdtype(t, complexfloating)) return logaddexp(a, b, s);
			auto x = astype(a, t, s), y = astype(b, t, s);
			auto m = where(greater(real(x, s), real(y, s), s), x, y, s);
			m = stop_gradient(where(isfinite(m, s), m, array(0, t), s), s);
			return add(m, log(add(exp(subtract(x, m, s), s), exp(subtract(y, m, s), s), s), s), s);`)

// normed calls a norm of a, given as a C++ expression. Zeros have the gradient 0: the norm
// of something else is differentiated in their place.
func normed(call string) string {
	return mended(`auto norm = [&](const array& a) { return ` + call + `; };
			auto y = norm(a);
			if (!a.is_tracer()) return y;
			std::vector<int> ax = axis.value_or(std::vector<int>{});
			for (int i = 0; !axis && i < int(a.ndim()); i++) ax.push_back(i);
			auto none = all(equal(stop_gradient(a, s), array(0, a.dtype()), s), ax, true, s);
			y = norm(where(none, array(1, a.dtype()), a, s));
			return where(keepdims ? none : squeeze(none, ax, s), array(0, y.dtype()), y, s);`)
}

// deviation is std: of equal numbers the square root has no slope.
var deviation = mended(`if (!a.is_tracer()) return mlx::core::std(a, axes, keepdims, ddof, s);
			auto v = var(a, axes, keepdims, ddof, s), zero = array(0, v.dtype());
			auto none = equal(v, zero, s);
			return where(none, zero, sqrt(where(none, array(1, v.dtype()), v, s), s), s);`)

// scaledAddmm is addmm: the engine's forward derivative leaves alpha and beta out.
var scaledAddmm = mended(`auto x = alpha == 1 ? a : multiply(a, array(alpha, a.dtype()), s), z = beta == 1 ? c : multiply(c, array(beta, c.dtype()), s);
			// The engine lets c be larger than such a product.
			if (a.ndim() < 2 || b.ndim() < 2 || issubdtype(promote_types(promote_types(a.dtype(), b.dtype()), c.dtype()), complexfloating)) {
				auto product = matmul(x, b, s);
				return add(product, broadcast_to(z, product.shape(), s), s);
			}
			return addmm(z, x, b, 1, 1, s);`)

// inverseReal calls an inverse of a real transform. Of an odd size it is a complex
// one of both halves, since the engine's forward derivative takes sizes for even.
// check goes before; sizes and axes are C++ expressions for lists, of which none may
// be empty.
func inverseReal(check, call, sizes, axes string) string {
	return mended(check + `std::vector<int> ax = ` + axes + `;
			Shape to = ` + sizes + `;
			bool odd = !to.empty() && to.size() == ax.size() && to.back() > 0 && to.back() % 2 == 1;
			for (int& i : ax) {
				odd = odd && i >= -int(a.ndim()) && i < int(a.ndim());
				i = i < 0 ? i + a.ndim() : i;
			}
			if (!odd) return ` + call + `;
			if (a.size() == 0) {
				Shape shape = a.shape();
				for (size_t i = 0; i < ax.size(); i++) shape[ax[i]] = to[i];
				return zeros(shape, float32, s);
			}
			auto x = astype(a, complex64, s);
			int last = ax.back(), n = to.back(), half = n / 2 + 1;
			ax.pop_back(), to.pop_back();
			if (!ax.empty()) x = fft::ifftn(x, to, ax, norm, s);
			if (x.shape(last) < half) x = pad(x, {last}, Shape{0}, Shape{half - x.shape(last)}, array(0, complex64), "constant", s);
			Shape from(x.ndim(), 0), stop = x.shape(), by(x.ndim(), 1);
			stop[last] = half;
			x = slice(x, from, stop, s);
			if (half > 1) {
				from[last] = half - 1, stop[last] = 0, by[last] = -1;
				x = concatenate({x, conjugate(slice(x, from, stop, by, s), s)}, last, s);
			}
			return real(fft::ifft(x, n, last, norm, s), s);`)
}
