package grad

import (
	"fmt"
	"reflect"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/argtree"
)

// Of returns a function that computes the gradient of f, which must return a
// floating-point scalar. Errors: f is nil or its argument's type is no tree
// (when wrapped); the result is not a scalar, no leaf has a gradient, or an
// operation on the way has no derivative rule (when called).
func Of[A any](f func(A) *core.Array, opts ...Option) func(A) A {
	vg := build("grad.Of", f == nil, func(a A, _ none) (*core.Array, none) { return f(a), none{} }, opts)
	return func(a A) A {
		_, g, _ := vg(a, none{})
		return g
	}
}

// Of2 is [Of] for a function of two arguments, differentiating the first.
func Of2[A, B any](f func(A, B) *core.Array, opts ...Option) func(A, B) A {
	vg := build("grad.Of2", f == nil, func(a A, b B) (*core.Array, none) { return f(a, b), none{} }, opts)
	return func(a A, b B) A {
		_, g, _ := vg(a, b)
		return g
	}
}

// ValueAndGrad returns a function that computes the value of f and its gradient
// in one pass. Errors are those of [Of].
func ValueAndGrad[A any](f func(A) *core.Array, opts ...Option) func(A) (*core.Array, A) {
	vg := build("grad.ValueAndGrad", f == nil, func(a A, _ none) (*core.Array, none) { return f(a), none{} }, opts)
	return func(a A) (*core.Array, A) {
		v, g, _ := vg(a, none{})
		return v, g
	}
}

// ValueAndGrad2 is [ValueAndGrad] for a function of two arguments,
// differentiating the first.
func ValueAndGrad2[A, B any](f func(A, B) *core.Array, opts ...Option) func(A, B) (*core.Array, A) {
	vg := build("grad.ValueAndGrad2", f == nil, func(a A, b B) (*core.Array, none) { return f(a, b), none{} }, opts)
	return func(a A, b B) (*core.Array, A) {
		v, g, _ := vg(a, b)
		return v, g
	}
}

// ValueAndGradAux is [ValueAndGrad] for a function with an auxiliary result,
// which is passed through without a gradient.
func ValueAndGradAux[A, X any](f func(A) (*core.Array, X), opts ...Option) func(A) (*core.Array, A, X) {
	vg := build("grad.ValueAndGradAux", f == nil, func(a A, _ none) (*core.Array, X) { return f(a) }, opts)
	return func(a A) (*core.Array, A, X) { return vg(a, none{}) }
}

// ValueAndGradAux2 is [ValueAndGradAux] for a function of two arguments,
// differentiating the first.
func ValueAndGradAux2[A, B, X any](f func(A, B) (*core.Array, X), opts ...Option) func(A, B) (*core.Array, A, X) {
	return build("grad.ValueAndGradAux2", f == nil, f, opts)
}

func build[A, B, X any](op string, isNil bool, f func(A, B) (*core.Array, X), opts []Option) func(A, B) (*core.Array, A, X) {
	if isNil {
		core.Failf(op, "the function is nil")
	}
	argtree.PlanFor(op, reflect.TypeFor[A]())
	argtree.PlanFor(op, reflect.TypeFor[B]())
	argtree.PlanFor(op, reflect.TypeFor[X]())
	sel := configOf(op, opts)
	return func(a A, b B) (*core.Array, A, X) {
		sa, sb := argtree.Of(op, &a), argtree.Of(op, &b)
		wrt := sel.choose(op, sa)
		var aux X
		var auxSlots argtree.Slots
		results, grads := core.Differentiate(op, func(in []*core.Array) []*core.Array {
			ta, rest := sa.Take(in)
			tb, _ := sb.Take(rest)
			loss, x := f(argtree.With(op, sa.Plan, a, ta), argtree.With(op, sb.Plan, b, tb))
			checkLoss(op, loss)
			aux = x
			auxSlots = argtree.Of(op, &aux)
			return auxSlots.Present([]*core.Array{loss})
		}, sb.Present(sa.Present(nil)), places(sa, wrt))
		g := scatter(len(sa.Arrays), wrt, grads)
		filled, _ := auxSlots.Take(results[1:])
		return results[0], argtree.With(op, sa.Plan, a, g), argtree.With(op, auxSlots.Plan, aux, filled)
	}
}

// places turns slots into places among the arrays that are present.
func places(s argtree.Slots, slots []int) []int {
	var out []int
	n := 0
	for i, a := range s.Arrays {
		if len(slots) > 0 && slots[0] == i {
			out, slots = append(out, n), slots[1:]
		}
		if a != nil {
			n++
		}
	}
	return out
}

func checkLoss(op string, loss *core.Array) {
	if loss == nil {
		core.Fail(op, nil, fmt.Errorf("the function's result: %w", core.ErrNil))
	}
	result := argtree.Of(op, &loss)
	if result.NDim(op, "the result", 0) != 0 || !loss.DType().IsFloat() {
		core.Failf(op, "the function must return a real floating-point scalar, not %v: reduce it with Sum or Mean, or use grad.VJP", loss.Spec())
	}
}

// Stop returns t with every array as a constant: no gradient flows through it.
func Stop[T any](t T) T {
	s := argtree.Of("grad.Stop", &t)
	out := make([]*core.Array, len(s.Arrays))
	for i, a := range s.Arrays {
		if a != nil {
			out[i] = a.StopGradient()
		}
	}
	return argtree.With("grad.Stop", s.Plan, t, out)
}
