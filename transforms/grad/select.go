package grad

import (
	"fmt"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/argtree"
)

// Option selects the leaves that are differentiated, or says how.
type Option func(*config)

type config struct {
	only, except []string
	chunk        int // rows of a Jacobian at a time; 0: chosen by size
	chunked      bool
}

// Only differentiates the leaves at paths and below them; the others are absent
// in the gradient. A path that the argument does not have, or one that names
// only leaves without a gradient, is an error.
func Only(paths ...string) Option {
	return func(c *config) { c.only = append(c.only, paths...) }
}

// Except differentiates all leaves but those at paths and below them.
func Except(paths ...string) Option {
	return func(c *config) { c.except = append(c.except, paths...) }
}

// Chunk computes n rows (of [JacRev]) or columns (of [JacFwd]) of a Jacobian at
// a time. Less takes less memory; with 1 nothing is vectorized, so that
// operations without a vmap rule work. Without it as many are taken as fit into
// 64 MiB, counting arguments and results. Errors: n is not positive; the
// transform makes no Jacobian.
func Chunk(n int) Option {
	return func(c *config) { c.chunk, c.chunked = n, true }
}

// configOf reads the options of a transform that makes no Jacobian.
func configOf(op string, opts []Option) config {
	c := jacobianConfig(op, opts)
	if c.chunked {
		core.Failf(op, "grad.Chunk is an option of grad.JacRev, grad.JacFwd and grad.Hessian")
	}
	return c
}

func jacobianConfig(op string, opts []Option) config {
	var c config
	for i, o := range opts {
		if o == nil {
			core.Failf(op, "option %d is nil", i)
		}
		o(&c)
	}
	if c.chunked && c.chunk < 1 {
		core.Failf(op, "grad.Chunk(%d): want at least 1", c.chunk)
	}
	return c
}

// choose says which slots of the argument are differentiated, by their place
// among all slots.
func (c config) choose(op string, a argtree.Slots) []int {
	states, err := a.Plan.States(nil, a.At)
	argtree.Check(op, err)
	asked := make([]bool, len(a.Arrays))
	in := make([]bool, len(a.Arrays))
	for i := range in {
		in[i] = len(c.only) == 0
	}
	if len(c.only) > 0 {
		in, err = a.Plan.Select(a.At, c.only...)
		argtree.Check(op, err)
		for _, path := range c.only {
			one, err := a.Plan.Select(a.At, path)
			argtree.Check(op, err)
			markAsked(op, a, one, path, asked)
		}
	}
	if len(c.except) > 0 {
		out, err := a.Plan.Select(a.At, c.except...)
		argtree.Check(op, err)
		for i := range in {
			in[i] = in[i] && !out[i]
		}
	}
	var wrt []int
	for i, x := range a.Arrays {
		if x != nil && in[i] && (!states[i] || asked[i]) && a.DType(op, "the argument", i).IsInexact() {
			wrt = append(wrt, i)
		}
	}
	if len(wrt) == 0 {
		core.Failf(op, "the argument has no leaf to differentiate: want a floating-point array that is present and selected")
	}
	return wrt
}

// markAsked marks what a path of Only leads to, and fails when no leaf there has
// a gradient.
func markAsked(op string, a argtree.Slots, chosen []bool, path string, asked []bool) {
	var why error
	found := false
	for i, c := range chosen {
		if !c {
			continue
		}
		switch x := a.Arrays[i]; {
		case x == nil:
			why = fmt.Errorf("%s: %w", a.Name("the argument", i), core.ErrNil)
		case !x.DType().IsInexact():
			why = fmt.Errorf("%s is %v: only floating-point and complex arrays have gradients", a.Name("the argument", i), x.Spec())
		default:
			found, asked[i] = true, true
		}
	}
	if !found && why == nil {
		why = fmt.Errorf("%s holds no array", path)
	}
	if !found {
		core.Fail(op, nil, why)
	}
}
