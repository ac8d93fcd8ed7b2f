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
	const op = "grad.JVP"
	if f == nil {
		core.Failf(op, "the function is nil")
	}
	sa := argtree.Of(op, &a)
	wrt, tangents := tangentsOf(op, sa, &tangent)
	if len(wrt) == 0 {
		core.Failf(op, "every tangent is absent: give one for at least one floating-point leaf")
	}
	t := trace[A, R]{op: op, f: f, a: a, slots: sa}
	results, dresults := core.PushForward(op, t.flat, sa.Present(nil), places(sa, wrt), tangents)
	return t.result(results), t.tangent(dresults)
}

// Linearize calls f and returns its result and its derivative at a: a linear
// function from tangents, trees like a, to tangents of the result, which may be
// called many times without f being called again. An absent tangent counts as
// zero. With options only the selected leaves may have tangents. Errors: f is
// nil, no leaf has a derivative, an operation has no derivative rule, or a
// tangent's structure, shape or dtype is not a's.
func Linearize[A, R any](f func(A) R, a A, opts ...Option) (R, func(tangent A) R) {
	const op = "grad.Linearize"
	if f == nil {
		core.Failf(op, "the function is nil")
	}
	sa := argtree.Of(op, &a)
	wrt := configOf(op, opts).choose(op, sa)
	t := trace[A, R]{op: op, f: f, a: a, slots: sa}
	results, push := core.Linearize(op, t.flat, sa.Present(nil), places(sa, wrt))
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

// trace is one call of a function of trees as one of lists of arrays.
type trace[A, R any] struct {
	op    string
	f     func(A) R
	a     A
	slots argtree.Slots // of a

	r       R
	results argtree.Slots // of r
}

func (t *trace[A, R]) flat(in []*core.Array) []*core.Array {
	filled, _ := t.slots.Take(in)
	t.r = t.f(argtree.With(t.op, t.slots.Plan, t.a, filled))
	t.results = argtree.Of(t.op, &t.r)
	return t.results.Present(nil)
}

// result is the function's result with arrays in its slots.
func (t *trace[A, R]) result(arrays []*core.Array) R {
	filled, _ := t.results.Take(arrays)
	return argtree.With(t.op, t.results.Plan, t.r, filled)
}

// tangent is like result, with no array where there is no derivative.
func (t *trace[A, R]) tangent(arrays []*core.Array) R {
	filled, _ := t.results.Take(arrays)
	for i, x := range filled {
		if x != nil && !x.DType().IsInexact() {
			filled[i] = nil
		}
	}
	return argtree.With(t.op, t.results.Plan, t.r, filled)
}
