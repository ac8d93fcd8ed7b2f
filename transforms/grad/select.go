package grad

import (
	"fmt"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/argtree"
)

// Option selects the leaves that are differentiated.
type Option func(*selection)

type selection struct {
	only, except []string
}

// Only differentiates the leaves at paths and below them; the others are absent
// in the gradient. A path that the argument does not have, or one that names
// only leaves without a gradient, is an error.
func Only(paths ...string) Option {
	return func(s *selection) { s.only = append(s.only, paths...) }
}

// Except differentiates all leaves but those at paths and below them.
func Except(paths ...string) Option {
	return func(s *selection) { s.except = append(s.except, paths...) }
}

func selectionOf(opts []Option) selection {
	var s selection
	for _, o := range opts {
		o(&s)
	}
	return s
}

// choose says which slots of the argument are differentiated, by their place
// among all slots.
func (s selection) choose(op string, a argtree.Slots) []int {
	states, err := a.Plan.States(nil, a.At)
	argtree.Check(op, err)
	asked := make([]bool, len(a.Arrays))
	in := make([]bool, len(a.Arrays))
	for i := range in {
		in[i] = len(s.only) == 0
	}
	if len(s.only) > 0 {
		in, err = a.Plan.Select(a.At, s.only...)
		argtree.Check(op, err)
		for _, path := range s.only {
			one, err := a.Plan.Select(a.At, path)
			argtree.Check(op, err)
			s.asked(op, a, one, path, asked)
		}
	}
	if len(s.except) > 0 {
		out, err := a.Plan.Select(a.At, s.except...)
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

// asked fails when a path of Only leads to no leaf that has a gradient.
func (selection) asked(op string, a argtree.Slots, chosen []bool, path string, asked []bool) {
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
