package grad

import (
	"slices"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/argtree"
)

// VJP calls f and returns its result and the function that pulls cotangents
// back: given a tree like the result it returns a tree like a, with Jᵀ·ct at
// every floating-point leaf that the options select. The function may be called
// many times without f being called again. An absent cotangent counts as zero.
// Errors: f is nil, no leaf has a gradient, or a cotangent's structure, shape or
// dtype is not the result's.
func VJP[A, R any](f func(A) R, a A, opts ...Option) (R, func(ct R) A) {
	r, pull, _ := vjp("grad.VJP", f == nil, withNone(f), a, opts)
	return r, pull
}

// VJPAux is [VJP] for a function with an auxiliary result, which is passed
// through without a gradient.
func VJPAux[A, R, X any](f func(A) (R, X), a A, opts ...Option) (R, func(ct R) A, X) {
	return vjp("grad.VJPAux", f == nil, f, a, opts)
}

func vjp[A, R, X any](op string, isNil bool, f func(A) (R, X), a A, opts []Option) (R, func(ct R) A, X) {
	if isNil {
		core.Failf(op, "the function is nil")
	}
	sa := argtree.Of(op, &a)
	wrt := configOf(op, opts).choose(op, sa)
	t := trace[A, R, X]{op: op, f: f, a: a, slots: sa}
	results, aux, pull := core.PullBackAux(op, t.flat, sa.Present(nil), places(sa, wrt))
	// A copy of its own: the caller may write to the value's slices and maps.
	like := t.result(results)
	of := argtree.Of(op, &like)
	specs := specsOf(of)
	return t.result(results), func(ct R) A {
		sc := argtree.Of(op, &ct)
		argtree.Match(op, of, sc, "the cotangent")
		var cts []*core.Array
		for i, want := range specs {
			c := sc.Arrays[i]
			switch {
			case of.Arrays[i] == nil && c != nil:
				core.Failf(op, "%s has no result: it must be absent", sc.Name("the cotangent", i))
			case of.Arrays[i] == nil:
			case c == nil:
				cts = append(cts, core.Zeros(want.DType, want.Shape...))
			default:
				checkLike(op, "the cotangent", sc, i, want)
				cts = append(cts, c)
			}
		}
		return argtree.With(op, sa.Plan, a, scatter(len(sa.Arrays), wrt, pull(cts)))
	}, t.auxiliary(aux)
}

// scatter puts arrays at their places among n slots.
func scatter(n int, places []int, arrays []*core.Array) []*core.Array {
	out := make([]*core.Array, n)
	for i, p := range places {
		out[p] = arrays[i]
	}
	return out
}

// specsOf returns the specs of all slots; those of absent ones are zero.
func specsOf(s argtree.Slots) []core.Spec {
	specs := make([]core.Spec, len(s.Arrays))
	for i, x := range s.Arrays {
		if x != nil {
			specs[i] = x.Spec()
		}
	}
	return specs
}

func checkLike(op, what string, s argtree.Slots, i int, want core.Spec) {
	if got := s.Spec(op, what, i); got.DType != want.DType || !slices.Equal(got.Shape, want.Shape) {
		core.Failf(op, "%s is %v, want %v", s.Name(what, i), got, want)
	}
}
