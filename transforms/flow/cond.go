package flow

import (
	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/argtree"
)

// Cond returns yes(a) where p is true and no(a) where it is false; p is a bool
// without axes. Both functions are traced, one of them runs; under vmap over p
// both run for all examples. Their results have the same structure, shapes and
// dtypes. Gradients flow to a and to what the functions capture, as zeros from
// the one that does not run. Errors: p is something else, a function is nil, or
// their results differ.
func Cond[A, R any](p *core.Array, yes, no func(A) R, a A) R {
	const op = "flow.Cond"
	if yes == nil || no == nil {
		core.Failf(op, "the function is nil")
	}
	truth(op, "the condition", p)
	args := argtree.Of(op, &a)
	var r R
	var first shaped
	results := core.Branch(op, func(in []*core.Array) []*core.Array {
		filled, _ := args.Take(in)
		r = yes(argtree.With(op, args.Plan, a, filled))
		s := argtree.Of(op, &r)
		first = shapedOf(op, "the result of the second function", s)
		return s.Present(nil)
	}, func(in []*core.Array) []*core.Array {
		filled, _ := args.Take(in)
		other := no(argtree.With(op, args.Plan, a, filled))
		return first.same(op, argtree.Of(op, &other))
	}, args.Present([]*core.Array{p}))
	filled, _ := first.slots.Take(results)
	return argtree.With(op, first.slots.Plan, r, filled)
}
