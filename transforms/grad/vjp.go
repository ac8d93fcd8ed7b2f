package grad

import (
	"slices"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/argtree"
)

// VJP calls f and returns its result and the function that pulls cotangents
// back: given a tree like the result it returns a tree like a, with Jᵀ·ct at
// every floating-point leaf. The function may be called many times without f
// being called again. An absent cotangent counts as zero. Errors: f is nil, no
// leaf has a gradient, or a cotangent's structure, shape or dtype is not the
// result's.
func VJP[A, R any](f func(A) R, a A) (R, func(ct R) A) {
	const op = "grad.VJP"
	if f == nil {
		core.Failf(op, "the function is nil")
	}
	sa := argtree.Of(op, &a)
	wrt := selection{}.choose(op, sa)
	var r R
	var sr argtree.Slots
	results, pull := core.PullBack(op, func(in []*core.Array) []*core.Array {
		ta, _ := sa.Take(in)
		r = f(argtree.With(op, sa.Plan, a, ta))
		sr = argtree.Of(op, &r)
		return sr.Present(nil)
	}, sa.Present(nil), places(sa, wrt))
	filled, _ := sr.Take(results)
	value := argtree.With(op, sr.Plan, r, filled)
	specs := make([]core.Spec, len(filled))
	for i, x := range filled {
		if x != nil {
			specs[i] = x.Spec()
		}
	}
	return value, func(ct R) A {
		sc := argtree.Of(op, &ct)
		argtree.Match(op, argtree.Of(op, &value), sc, "the cotangent")
		var cts []*core.Array
		for i, want := range specs {
			c := sc.Arrays[i]
			switch {
			case filled[i] == nil && c != nil:
				core.Failf(op, "%s has no result: it must be absent", sc.Name("the cotangent", i))
			case filled[i] == nil:
			case c == nil:
				cts = append(cts, core.Zeros(want.DType, want.Shape...))
			default:
				checkLike(op, "the cotangent", sc, i, want)
				cts = append(cts, c)
			}
		}
		grads := pull(cts)
		g := make([]*core.Array, len(sa.Arrays))
		for i, w := range wrt {
			g[w] = grads[i]
		}
		return argtree.With(op, sa.Plan, a, g)
	}
}

// JVP calls f and returns its result and the result's derivative in the
// direction tangent, a tree like a. Leaves of a whose tangent is absent are held
// constant. Errors: f is nil, all tangents are absent, a tangent's structure,
// shape or dtype is not a's, or an operation on the way has no forward rule.
func JVP[A, R any](f func(A) R, a, tangent A) (value, dvalue R) {
	const op = "grad.JVP"
	if f == nil {
		core.Failf(op, "the function is nil")
	}
	sa, st := argtree.Of(op, &a), argtree.Of(op, &tangent)
	argtree.Match(op, sa, st, "the tangent")
	var wrt []int
	var tangents []*core.Array
	for i, t := range st.Arrays {
		if t == nil {
			continue
		}
		if sa.Arrays[i] == nil {
			core.Failf(op, "%s belongs to an absent leaf: it must be absent", st.Name("the tangent", i))
		}
		want := sa.Spec(op, "the argument", i)
		if !want.DType.IsInexact() {
			core.Failf(op, "%s is %v: only floating-point and complex arrays have tangents", sa.Name("the argument", i), want)
		}
		checkLike(op, "the tangent", st, i, want)
		wrt, tangents = append(wrt, i), append(tangents, t)
	}
	if len(wrt) == 0 {
		core.Failf(op, "every tangent is absent: give one for at least one floating-point leaf")
	}
	var r R
	var sr argtree.Slots
	results, dresults := core.PushForward(op, func(in []*core.Array) []*core.Array {
		ta, _ := sa.Take(in)
		r = f(argtree.With(op, sa.Plan, a, ta))
		sr = argtree.Of(op, &r)
		return sr.Present(nil)
	}, sa.Present(nil), places(sa, wrt), tangents)
	v, _ := sr.Take(results)
	d, _ := sr.Take(dresults)
	return argtree.With(op, sr.Plan, r, v), argtree.With(op, sr.Plan, r, d)
}

func checkLike(op, what string, s argtree.Slots, i int, want core.Spec) {
	if got := s.Spec(op, what, i); got.DType != want.DType || !slices.Equal(got.Shape, want.Shape) {
		core.Failf(op, "%s is %v, want %v", s.Name(what, i), got, want)
	}
}
