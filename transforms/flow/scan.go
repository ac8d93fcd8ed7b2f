package flow

import (
	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/argtree"
)

// Option changes how a Scan or For runs.
type Option func(*core.Steps)

// Remat makes the reverse pass compute each step again from what it carried,
// instead of keeping the step's intermediate results: memory grows with the size
// of the carried state alone, and the reverse pass costs one more forward step.
func Remat() Option { return func(s *core.Steps) { s.Remat = true } }

// Reverse walks along the first axis from its end; the stacked results keep the
// order of the inputs.
func Reverse() Option { return func(s *core.Steps) { s.Reverse = true } }

// Scan carries a state along the first axis of the arrays in xs: step gets the
// state and the slices of one place, and gives the next state and a result. Scan
// returns the last state and the results, stacked along a new first axis.
//
// All arrays of xs have the same size along their first axis; with size 0, step
// is still traced once. The state keeps its structure, static leaves, shapes and
// dtypes. Static leaves and absent arrays of xs are given to every step. Errors: step is nil, xs
// has no array or one without axes, sizes differ, or the state changes.
func Scan[C, X, Y any](step func(C, X) (C, Y), init C, xs X, opts ...Option) (C, Y) {
	const op = "flow.Scan"
	if step == nil {
		core.Failf(op, "the function is nil")
	}
	n := length(op, argtree.Of(op, &xs))
	return scan(op, step, init, xs, n, opts)
}

// length is the number of steps along the arrays of x.
func length(op string, x argtree.Slots) int {
	n, first := -1, 0
	for i, a := range x.Arrays {
		if a == nil {
			continue
		}
		spec := x.Spec(op, "xs", i)
		switch {
		case len(spec.Shape) == 0:
			core.Failf(op, "%s is a scalar: it has no axis to scan along", x.Name("xs", i))
		case n < 0:
			n, first = spec.Shape[0], i
		case spec.Shape[0] != n:
			core.Failf(op, "%s has size %d along its first axis, but %s has %d", x.Name("xs", i), spec.Shape[0], x.Name("xs", first), n)
		}
	}
	if n < 0 {
		core.Failf(op, "xs has no array to scan along: use flow.For for a given number of steps")
	}
	return n
}

func scan[C, X, Y any](op string, step func(C, X) (C, Y), init C, xs X, n int, opts []Option) (C, Y) {
	c, x := argtree.Of(op, &init), argtree.Of(op, &xs)
	state := shapedOf(op, "the state", c)
	s := core.Steps{Carried: len(state.specs), Length: n}
	for _, o := range opts {
		o(&s)
	}
	var last C
	var y Y
	var ys argtree.Slots
	results := core.Scan(op, func(in []*core.Array) []*core.Array {
		carried, in := c.Take(in)
		slices, _ := x.Take(in)
		last, y = step(argtree.With(op, c.Plan, init, carried), argtree.With(op, x.Plan, xs, slices))
		out := state.same(op, argtree.Of(op, &last))
		ys = argtree.Of(op, &y)
		return ys.Present(out)
	}, x.Present(c.Present(nil)), s)
	carried, rest := c.Take(results)
	stacked, _ := ys.Take(rest)
	return argtree.With(op, c.Plan, init, carried), argtree.With(op, ys.Plan, y, stacked)
}
