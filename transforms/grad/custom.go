package grad

import (
	"fmt"
	"reflect"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/argtree"
)

// Rule is a derivative or batch rule of a [Custom] function.
type Rule[A, R any] func(*ruleSet[A, R])

type ruleSet[A, R any] struct {
	vjp  func(a A, r R, ct R) A
	jvp  func(a A, r R, tangent A) R
	vmap func(b Batch, a A) R
	err  error
}

// WithVJP gives a function's derivative in reverse mode: of its argument, its
// result and the cotangent of the result it makes the gradient, a tree like the
// argument. The cotangent has an array for every floating-point leaf of the
// result. An absent leaf of the gradient is zero; integer and bool leaves must
// be absent.
func WithVJP[A, R any](rule func(a A, r R, ct R) A) Rule[A, R] {
	return func(s *ruleSet[A, R]) {
		s.once("WithVJP", rule == nil, s.vjp != nil)
		s.vjp = rule
	}
}

// WithJVP gives a function's derivative in forward mode: of its argument, its
// result and the tangent of the argument it makes the tangent of the result. The
// tangent has an array, maybe of zeros, for every floating-point leaf of the
// argument. An absent leaf of what the rule returns is zero; integer and bool
// leaves must be absent.
func WithJVP[A, R any](rule func(a A, r R, tangent A) R) Rule[A, R] {
	return func(s *ruleSet[A, R]) {
		s.once("WithJVP", rule == nil, s.jvp != nil)
		s.jvp = rule
	}
}

// WithVMap gives a function over b.Size examples. Leaves that b.Mapped names
// hold the examples along their first axis; the others are the same for all. All
// leaves of the result must hold the examples along their first axis.
func WithVMap[A, R any](rule func(b Batch, a A) R) Rule[A, R] {
	return func(s *ruleSet[A, R]) {
		s.once("WithVMap", rule == nil, s.vmap != nil)
		s.vmap = rule
	}
}

// Batch says which leaves of an argument hold examples.
type Batch struct {
	Size   int
	mapped map[string]bool
}

// Mapped says whether the leaf at path holds examples along its first axis. The
// path of an argument that is one array is "".
func (b Batch) Mapped(path string) bool { return b.mapped[path] }

func (s *ruleSet[A, R]) once(name string, isNil, again bool) {
	switch {
	case isNil:
		s.err = fmt.Errorf("grad.%s: the rule is nil", name)
	case again:
		s.err = fmt.Errorf("two rules by grad.%s", name)
	}
}

// Custom returns f with rules of its own. Each rule replaces only itself: what
// has none is made from f's operations, and vmap keeps the derivative rules, so
// that gradients of a vectorized f use them. Rules are functions of arrays like
// any other, and may be differentiated again.
//
//	clipped := grad.Custom(
//		func(x *core.Array) *core.Array { return x },
//		grad.WithVJP(func(x, y, ct *core.Array) *core.Array { return ct.Clip(-1, 1) }))
//
// What f captures is a constant to its rules. A rule may use arrays from outside
// of what is differentiated, but none that is made in there and is not in its
// argument or result: it runs when that function has returned. Errors: f is nil, a rule is nil or
// given twice (when wrapped); a rule returns a tree of another structure, or an
// array of another shape or dtype; f captures an array that is differentiated
// where it has a rule (when called or transformed).
func Custom[A, R any](f func(A) R, rules ...Rule[A, R]) func(A) R {
	const op = "grad.Custom"
	if f == nil {
		core.Failf(op, "the function is nil")
	}
	argtree.PlanFor(op, reflect.TypeFor[A]())
	argtree.PlanFor(op, reflect.TypeFor[R]())
	var s ruleSet[A, R]
	for i, r := range rules {
		if r == nil {
			core.Failf(op, "rule %d is nil", i)
		}
		r(&s)
	}
	argtree.Check(op, s.err)
	return func(a A) R {
		sa := argtree.Of(op, &a)
		// A copy of its own: the caller may write to the argument's slices and maps.
		own := argtree.With(op, sa.Plan, a, sa.Arrays)
		c := &customCall[A, R]{trace[A, R, none]{op: op, f: withNone(f), a: own, slots: argtree.Of(op, &own)}, s}
		return c.result(core.Custom(op, c.flatResult, sa.Present(nil), c.rules()))
	}
}

// customCall is one call of a function with rules.
type customCall[A, R any] struct {
	trace[A, R, none]
	set ruleSet[A, R]
}

func (c *customCall[A, R]) rules() (flat core.CustomRules) {
	if c.set.vjp != nil {
		flat.VJP = c.vjp
	}
	if c.set.jvp != nil {
		flat.JVP = c.jvp
	}
	if c.set.vmap != nil {
		flat.VMap = c.vmap
	}
	return flat
}

// argument is the argument with arrays in its slots.
func (c *customCall[A, R]) argument(arrays []*core.Array) A {
	filled, _ := c.slots.Take(arrays)
	return argtree.With(c.op, c.slots.Plan, c.a, filled)
}

func (c *customCall[A, R]) vjp(primals, results, cts []*core.Array) []*core.Array {
	g := c.set.vjp(c.argument(primals), c.result(results), c.tangent(cts))
	return derivatives(c.op, "the vjp rule's gradient", c.slots, argtree.Of(c.op, &g), primals)
}

func (c *customCall[A, R]) jvp(primals, results, tangents []*core.Array) []*core.Array {
	filled, _ := c.slots.Take(tangents)
	at, _ := c.slots.Take(primals)
	for i, x := range at {
		if x != nil && !x.DType().IsInexact() {
			filled[i] = nil
		}
	}
	t := argtree.With(c.op, c.slots.Plan, c.a, filled)
	d := c.set.jvp(c.argument(primals), c.result(results), t)
	return derivatives(c.op, "the jvp rule's tangent", c.results, argtree.Of(c.op, &d), results)
}

func (c *customCall[A, R]) vmap(inputs []*core.Array, axes []int, size int) []*core.Array {
	b := Batch{size, map[string]bool{}}
	moved := make([]*core.Array, len(inputs))
	k := 0
	for i, a := range c.slots.Arrays {
		if a == nil {
			continue
		}
		moved[k] = inputs[k]
		if axes[k] >= 0 {
			moved[k] = inputs[k].MoveAxis(axes[k], 0)
			b.mapped[c.slots.Plan.Path(c.slots.At, i)] = true
		}
		k++
	}
	r := c.set.vmap(b, c.argument(moved))
	sr := argtree.Of(c.op, &r)
	argtree.Match(c.op, c.results, sr, "the vmap rule's result")
	for i, want := range c.results.Arrays {
		if (want == nil) != (sr.Arrays[i] == nil) {
			core.Failf(c.op, "%s must be present exactly where the function's result is", sr.Name("the vmap rule's result", i))
		}
	}
	return sr.Present(nil)
}

// derivatives returns what a rule gave for each present slot of s, and nil where
// it gave nothing. like are the arrays of these slots.
func derivatives(op, what string, s, got argtree.Slots, like []*core.Array) []*core.Array {
	argtree.Match(op, s, got, what)
	var out []*core.Array
	for i, a := range s.Arrays {
		d := got.Arrays[i]
		if a == nil {
			if d != nil {
				core.Failf(op, "%s belongs to an absent leaf: it must be absent", got.Name(what, i))
			}
			continue
		}
		want := like[len(out)].Spec()
		if d != nil && !want.DType.IsInexact() {
			core.Failf(op, "%s belongs to a leaf of %v: it must be absent", got.Name(what, i), want.DType)
		}
		if d != nil {
			checkLike(op, what, got, i, want)
		}
		out = append(out, d)
	}
	return out
}
