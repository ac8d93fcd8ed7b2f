package flow

import (
	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/argtree"
)

// While repeats body as long as cond of the state is true, and returns the state
// for which it is not. Both are traced once; cond gives one bool without axes.
// The state has at least one array and keeps its structure, shapes and dtypes.
// Its gradient keeps the state of every round and is of the first order: use Scan
// or For where more is needed. Under vmap all examples run until the last has
// ended; the state of one that has ended stays. Errors: a function is nil, cond
// gives something else, or the state changes.
func While[S any](cond func(S) *core.Array, body func(S) S, init S) S {
	const op = "flow.While"
	if cond == nil || body == nil {
		core.Failf(op, "the function is nil")
	}
	c := argtree.Of(op, &init)
	state := shapedOf(op, "the state", c)
	if len(state.specs) == 0 {
		core.Failf(op, "the state has no array")
	}
	results := core.Loop(op, func(in []*core.Array) []*core.Array {
		filled, _ := c.Take(in)
		return []*core.Array{truth(op, "the condition", cond(argtree.With(op, c.Plan, init, filled)))}
	}, func(in []*core.Array) []*core.Array {
		filled, _ := c.Take(in)
		next := body(argtree.With(op, c.Plan, init, filled))
		return state.same(op, argtree.Of(op, &next))
	}, c.Present(nil))
	filled, _ := c.Take(results)
	return argtree.With(op, c.Plan, init, filled)
}

// truth returns p, or fails as op unless it is one bool.
func truth(op, what string, p *core.Array) *core.Array {
	if p == nil {
		core.Fail(op, nil, core.ErrNil)
	}
	if spec := p.Spec(); spec.DType != core.Bool || len(spec.Shape) != 0 {
		core.Failf(op, "%s is %v, want one bool without axes", what, spec)
	}
	return p
}
