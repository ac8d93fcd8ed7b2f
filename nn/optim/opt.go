package optim

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/tree"
	"github.com/adjoint-go/adjoint/internal/argtree"
	"github.com/adjoint-go/adjoint/nn/internal/look"
)

// Rule updates one array. Its methods must not change it.
type Rule interface {
	// Slots is how many arrays of state each parameter has.
	Slots() int
	// Init returns the state that p starts with, and panics with a *core.Error
	// when the rule's settings make no sense.
	Init(p *core.Array) []*core.Array
	// Step returns p and its state after step t, an int32 scalar that is 1 at
	// first, with gradient g.
	Step(t, p, g *core.Array, slots []*core.Array) (*core.Array, []*core.Array)
}

// Opt is a rule with its state for parameters P.
type Opt[P any] struct {
	Rule  Rule
	T     *core.Array // the number of steps done, an int32 scalar
	Slots []P
}

// New returns an Opt for params. Errors: the rule is nil or its settings make no
// sense; params has nothing to train, or the same array in two places.
func New[P any](r Rule, params P) Opt[P] {
	const op = "optim.New"
	if r == nil {
		core.Failf(op, "the rule is nil: want one such as optim.Adam{LR: 1e-3}")
	}
	if first, second, found := tree.Shared(params); found {
		core.Failf(op, "%s and %s are the same array, which would drift apart: hold it once and use it twice", first, second)
	}
	s := argtree.Of(op, &params)
	states, err := s.Plan.States(nil, s.At)
	argtree.Check(op, err)
	slots := make([][]*core.Array, r.Slots())
	for i := range slots {
		slots[i] = make([]*core.Array, len(s.Arrays))
	}
	some := false
	for i, p := range s.Arrays {
		if p == nil || states[i] || !p.DType().IsFloat() {
			continue
		}
		some = true
		for j, a := range r.Init(p) {
			slots[j][i] = a
		}
	}
	if !some {
		core.Failf(op, "the parameters have no floating-point array to train")
	}
	o := Opt[P]{Rule: r, T: core.Scalar(int32(0)), Slots: make([]P, len(slots))}
	for j := range slots {
		o.Slots[j] = argtree.With(op, s.Plan, params, slots[j])
	}
	return o
}

// Update returns p after one step with gradient g, and the Opt for the next one.
// Arrays without a gradient (frozen, integer, running statistics) stay as they
// are. Errors: p, g and the Opt do not have the same structure and shapes.
func (o Opt[P]) Update(p, g P) (P, Opt[P]) {
	const op = "optim.Update"
	if o.Rule == nil || o.T == nil || len(o.Slots) != o.Rule.Slots() {
		core.Failf(op, "the Opt is incomplete: make it with optim.New")
	}
	ps, gs := argtree.Of(op, &p), argtree.Of(op, &g)
	argtree.Match(op, ps, gs, "the gradient")
	state := make([][]*core.Array, len(o.Slots))
	for j := range o.Slots {
		s := argtree.Of(op, &o.Slots[j])
		argtree.Match(op, ps, s, "the optimizer's state")
		state[j] = s.Arrays
	}
	t := o.T.AddScalar(1)
	some := false
	for i, grad := range gs.Arrays {
		if grad == nil {
			continue
		}
		some = true
		check(op, ps, i, "the gradient", grad)
		slots := make([]*core.Array, len(state))
		for j := range state {
			check(op, ps, i, "the optimizer's state", state[j][i])
			slots[j] = state[j][i]
		}
		next, slots := step(o.Rule, t, ps.Arrays[i], grad, slots)
		ps.Arrays[i] = next
		for j := range state {
			state[j][i] = slots[j]
		}
	}
	if !some {
		core.Failf(op, "the gradient has no array")
	}
	next := Opt[P]{Rule: o.Rule, T: t, Slots: make([]P, len(o.Slots))}
	for j := range o.Slots {
		next.Slots[j] = argtree.With(op, ps.Plan, o.Slots[j], state[j])
	}
	return argtree.With(op, ps.Plan, p, ps.Arrays), next
}

// step applies a rule in float32 at least.
func step(r Rule, t, p, g *core.Array, slots []*core.Array) (*core.Array, []*core.Array) {
	dtype := p.DType()
	wide := dtype
	if dtype.Size() == 2 {
		wide = core.Float32
	}
	in := make([]*core.Array, len(slots))
	for j, s := range slots {
		in[j] = s.AsType(wide)
	}
	next, out := r.Step(t, p.AsType(wide), g.AsType(wide), in)
	if len(out) != len(slots) {
		core.Failf("optim.Update", "%v returned %d arrays of state, want %d", reflect.TypeOf(r), len(out), len(slots))
	}
	out = slices.Clone(out)
	for j := range out {
		out[j] = out[j].AsType(slots[j].DType())
	}
	return next.AsType(dtype), out
}

// check fails unless a belongs to parameter i.
func check(op string, ps argtree.Slots, i int, what string, a *core.Array) {
	p := ps.Arrays[i]
	switch {
	case p == nil:
		core.Failf(op, "%s: %s has an array where the parameters have none", ps.Path(i), what)
	case a == nil:
		core.Fail(op, nil, fmt.Errorf("%s: %s: %w; was the Opt made for these parameters?", ps.Path(i), what, core.ErrNil))
	case !slices.Equal(look.Shape(p), look.Shape(a)):
		core.Fail(op, nil, fmt.Errorf("%s: %s has shape %v, the parameter %v", ps.Path(i), what, a.Shape(), p.Shape()))
	}
}
