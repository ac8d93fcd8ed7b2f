// Package shape is the small language in which a kernel states the shape and
// dtype of its outputs.
//
// A kernel plugin runs in another process, but the host must know what a
// kernel returns before it runs: grad, vmap and compile all trace shapes
// first. So a rule is data, not code, for example
//
//	shape(x)                          the shape of input x
//	broadcast(x, y)                   NumPy broadcasting of two inputs
//	slice(shape(x), 0, -1) + [1]      the last axis reduced, kept as size 1
//	[dim(x, 0), 2 * size(y)]          a list of integers
//
// There are two kinds of value, integers and lists of integers, and the kind
// of every expression is known when it is parsed. The functions are
//
//	shape(x)           list     ndim(x)            integer
//	size(x)            integer  dim(x, i)          integer, i < 0 counts from the end
//	broadcast(a, ...)  list     slice(l, from, to) list, negative bounds count from the end
//	min(a, b)          integer  max(a, b)          integer
//
// where x names an input, and an argument of broadcast is an input's name or a
// list. Integers have + - * / %, where / and % round towards negative infinity;
// lists have +, which joins them.
//
// The language is total: it has no loops, every evaluation ends, and what
// cannot be computed (an overflow, a division by zero, an axis out of range, a
// negative size) is an [*EvalError]. Text that is not an expression is a
// [*SyntaxError] with the offset of the mistake.
//
// A dtype rule is smaller still: dtype(x), or the name of a dtype. See
// [ParseDType].
package shape
