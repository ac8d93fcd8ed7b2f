package grad

import (
	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/argtree"
)

// trace is one call of a function of trees as one of lists of arrays. The
// function's second result is auxiliary.
type trace[A, R, X any] struct {
	op    string
	f     func(A) (R, X)
	a     A
	slots argtree.Slots // of a

	r            R
	x            X
	results, aux argtree.Slots // of r and x
	inexact      []bool        // which results have a derivative
}

// none stands for the second argument, or the auxiliary result, that a form of
// a transform does not have.
type none struct{}

func withNone[A, R any](f func(A) R) func(A) (R, none) {
	return func(a A) (R, none) { return f(a), none{} }
}

func (t *trace[A, R, X]) flat(in []*core.Array) (results, aux []*core.Array) {
	filled, _ := t.slots.Take(in)
	t.r, t.x = t.f(argtree.With(t.op, t.slots.Plan, t.a, filled))
	t.results, t.aux = argtree.Of(t.op, &t.r), argtree.Of(t.op, &t.x)
	t.inexact = inexact(t.op, t.results)
	return t.results.Present(nil), t.aux.Present(nil)
}

// inexact says which arrays of a result have a derivative. It fails when one
// cannot be used.
func inexact(op string, result argtree.Slots) []bool {
	out := make([]bool, len(result.Arrays))
	for i, a := range result.Arrays {
		out[i] = a != nil && result.DType(op, "the result", i).IsInexact()
	}
	return out
}

// flatResult is flat for a function without an auxiliary result.
func (t *trace[A, R, X]) flatResult(in []*core.Array) []*core.Array {
	results, _ := t.flat(in)
	return results
}

// result is the function's result with arrays in its slots.
func (t *trace[A, R, X]) result(arrays []*core.Array) R {
	filled, _ := t.results.Take(arrays)
	return argtree.With(t.op, t.results.Plan, t.r, filled)
}

// auxiliary is the auxiliary result with arrays in its slots.
func (t *trace[A, R, X]) auxiliary(arrays []*core.Array) X {
	filled, _ := t.aux.Take(arrays)
	return argtree.With(t.op, t.aux.Plan, t.x, filled)
}

// tangent is like result, with no array where there is no derivative.
func (t *trace[A, R, X]) tangent(arrays []*core.Array) R {
	filled, _ := t.results.Take(arrays)
	for i, ok := range t.inexact {
		if !ok {
			filled[i] = nil
		}
	}
	return argtree.With(t.op, t.results.Plan, t.r, filled)
}
