package ops

// The functions of the engine read and write outside of memory when an index
// lies outside of its axis, and end the process when an integer is divided by
// zero. The rows below do the same work behind a check; their symbols end in
// _checked, so that no other library's function of the name takes their place.

// checked wraps a C++ expression with the functions that it may call:
//
//   - all(x, ok) says whether ok holds for every element of x, -1 when that is
//     not known yet or x is large;
//   - axis_of(x, ax) is an axis counted from 0, size_of_axis(x, ax) its size;
//   - within(i, n, len) is the index array i with every element moved to the
//     nearest place where len elements of an axis of n fit.
func checked(body string) string {
	return `[&] {
			[[maybe_unused]] auto all = [](const array& x, auto ok) -> int {
				if (x.is_tracer() || !x.is_available() || !x.flags().row_contiguous || x.size() > 4096) return -1;
				auto each = [&](auto* p) {
					for (size_t k = 0; k < x.size(); k++) {
						int64_t v = p[k] > 0 && uint64_t(p[k]) > uint64_t(INT64_MAX) ? INT64_MAX : int64_t(p[k]);
						if (!ok(v)) return 0;
					}
					return 1;
				};
				switch (x.dtype().val()) {
					case Dtype::Val::uint8: return each(x.data<uint8_t>());
					case Dtype::Val::uint16: return each(x.data<uint16_t>());
					case Dtype::Val::uint32: return each(x.data<uint32_t>());
					case Dtype::Val::uint64: return each(x.data<uint64_t>());
					case Dtype::Val::int8: return each(x.data<int8_t>());
					case Dtype::Val::int16: return each(x.data<int16_t>());
					case Dtype::Val::int32: return each(x.data<int32_t>());
					case Dtype::Val::int64: return each(x.data<int64_t>());
					default: return -1;
				}
			};
			[[maybe_unused]] auto axis_of = [](const array& x, int ax) -> int {
				int n = int(x.ndim());
				if (ax < -n || ax >= n)
					throw std::invalid_argument(n == 0 ? "axis " + std::to_string(ax) + ": a scalar has no axes"
						: "axis " + std::to_string(ax) + " is out of range: the array has axes " + std::to_string(-n) + " to " + std::to_string(n - 1));
				return ax < 0 ? ax + n : ax;
			};
			[[maybe_unused]] auto size_of_axis = [&](const array& x, int ax) -> int { return x.shape(axis_of(x, ax)); };
			[[maybe_unused]] auto within = [&](array i, int64_t n, int64_t len = 1) -> array {
				if (!issubdtype(i.dtype(), integer)) throw std::invalid_argument("the indices are not integers");
				if (i.size() == 0 || len == 0) return i;
				if (n == 0) throw std::invalid_argument("the axis is empty: it has nothing to index");
				int64_t lo = len == 1 ? -n : 0, hi = n - len, bad = 0;
				int known = all(i, [&](int64_t v) { bad = v; return v >= lo && v <= hi; });
				if (known == 0)
					throw std::invalid_argument("index " + std::to_string(bad) + " is out of range for an axis of " + std::to_string(n) + " elements" +
						(len > 1 ? " and a slice of " + std::to_string(len) : ""));
				if (known == 1) return i;
				bool sign = issubdtype(i.dtype(), signedinteger);
				int bits = 8 * int(size_of(i.dtype())) - (sign ? 1 : 0);
				if (bits >= 63 || hi < (int64_t(1) << bits) - 1) i = minimum(i, array(hi, i.dtype()), s);
				if (sign && (bits >= 63 || lo > -(int64_t(1) << bits))) i = maximum(i, array(lo, i.dtype()), s);
				return i;
			};
			` + body + `
		}()`
}

// outside is how the rows' docs speak of what within does.
const outside = "an index is out of range in an array that is computed and has at most 4096 elements; in others the nearest index inside is taken"

// integerDivision sets q, the quotient rounded down, and r, the remainder, of
// integers a and b of one dtype, without a division by 0 or by -1: the processor
// traps on both, on the latter when the quotient does not fit.
const integerDivision = `
			auto dtype = promote_types(a.dtype(), b.dtype());
			if (issubdtype(dtype, complexfloating)) throw std::invalid_argument("complex numbers have no remainder");
			if (dtype == bool_) throw std::invalid_argument("bools cannot be divided: convert with AsType");
			bool whole = issubdtype(dtype, integer), sign = issubdtype(dtype, signedinteger);
			bool easy = all(b, [](int64_t v) { return v != 0 && v != -1; }) == 1;
			auto x = astype(a, dtype, s), y = astype(b, dtype, s);
			auto zero = array(0, dtype), one = array(1, dtype);
			auto odd = !whole || easy ? array(false) : sign ? logical_or(equal(y, zero, s), equal(y, array(-1, dtype), s), s) : equal(y, zero, s);
			auto d = !whole || easy ? y : where(odd, one, y, s);
			auto remain = [&] {
				auto r = remainder(x, d, s);
				return !whole || easy ? r : where(odd, sign ? multiply(x, add(y, one, s), s) : x, r, s);
			};
			auto quotient = [&] {
				if (!whole) return floor_divide(x, y, s);
				auto q = floor_divide(x, d, s);
				return easy ? q : where(odd, multiply(x, y, s), q, s);
			};
			`
