package grad

import (
	"slices"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/argtree"
)

// JVP calls f and returns its result and the result's derivative in the
// direction tangent, a tree like a. Leaves of a whose tangent is absent are held
// constant; integer and bool leaves of the result have no derivative, which is
// absent there. Errors: f is nil, all tangents are absent, a tangent's
// structure, shape or dtype is not a's, or an operation on the way has no
// forward rule.
func JVP[A, R any](f func(A) R, a, tangent A) (value, dvalue R) {
	value, dvalue, _ = jvp("grad.JVP", f == nil, withNone(f), a, tangent)
	return value, dvalue
}

// JVPAux is [JVP] for a function with an auxiliary result, which is passed
// through without a derivative.
func JVPAux[A, R, X any](f func(A) (R, X), a, tangent A) (value, dvalue R, aux X) {
	return jvp("grad.JVPAux", f == nil, f, a, tangent)
}

func jvp[A, R, X any](op string, isNil bool, f func(A) (R, X), a, tangent A) (value, dvalue R, aux X) {
	if isNil {
		core.Failf(op, "the function is nil")
	}
	sa := argtree.Of(op, &a)
	wrt, tangents := tangentsOf(op, sa, &tangent)
	if len(wrt) == 0 {
		core.Failf(op, "every tangent is absent: give one for at least one floating-point leaf")
	}
	t := trace[A, R, X]{op: op, f: f, a: a, slots: sa}
	results, dresults, auxes := core.PushForwardAux(op, t.flat, sa.Present(nil), places(sa, wrt), tangents)
	return t.result(results), t.tangent(dresults), t.auxiliary(auxes)
}

// Linearize calls f and returns its result and its derivative at a: a linear
// function from tangents, trees like a, to tangents of the result, which may be
// called many times without f being called again. An absent tangent counts as
// zero. With options only the selected leaves may have tangents. Errors: f is
// nil, no leaf has a derivative, an operation has no derivative rule, or a
// tangent's structure, shape or dtype is not a's.
func Linearize[A, R any](f func(A) R, a A, opts ...Option) (R, func(tangent A) R) {
	return linearize("grad.Linearize", f, a, opts)
}

func linearize[A, R any](op string, f func(A) R, a A, opts []Option) (R, func(tangent A) R) {
	if f == nil {
		core.Failf(op, "the function is nil")
	}
	sa := argtree.Of(op, &a)
	wrt := configOf(op, opts).choose(op, sa)
	t := trace[A, R, none]{op: op, f: withNone(f), a: a, slots: sa}
	results, push := core.Linearize(op, t.flatResult, sa.Present(nil), places(sa, wrt))
	// A copy of its own: the caller may write to the argument's slices and maps.
	like := argtree.With(op, sa.Plan, a, sa.Arrays)
	sa = argtree.Of(op, &like)
	specs := specsOf(sa)
	return t.result(results), func(tangent A) R {
		at, given := tangentsOf(op, sa, &tangent, specs...)
		tangents := make([]*core.Array, len(wrt))
		for i, w := range at {
			k, ok := slices.BinarySearch(wrt, w)
			if !ok {
				core.Failf(op, "%s is not selected: its tangent must be absent", sa.Name("the argument", w))
			}
			tangents[k] = given[i]
		}
		for k, x := range tangents {
			if x == nil {
				s := specs[wrt[k]]
				tangents[k] = core.Zeros(s.DType, s.Shape...)
			}
		}
		return t.tangent(push(tangents))
	}
}

// tangentsOf returns the tangents that are present, each checked against its
// slot of the argument, and their slots. specs are those of the argument, when
// its arrays may be gone.
func tangentsOf[A any](op string, sa argtree.Slots, tangent *A, specs ...core.Spec) (at []int, tangents []*core.Array) {
	st := argtree.Of(op, tangent)
	argtree.Match(op, sa, st, "the tangent")
	for i, t := range st.Arrays {
		if t == nil {
			continue
		}
		if sa.Arrays[i] == nil {
			core.Failf(op, "%s belongs to an absent leaf: it must be absent", st.Name("the tangent", i))
		}
		var want core.Spec
		if specs != nil {
			want = specs[i]
		} else {
			want = sa.Spec(op, "the argument", i)
		}
		if !want.DType.IsInexact() {
			core.Failf(op, "%s is %v: only floating-point and complex arrays have tangents", sa.Name("the argument", i), want)
		}
		checkLike(op, "the tangent", st, i, want)
		at, tangents = append(at, i), append(tangents, t)
	}
	return at, tangents
}
