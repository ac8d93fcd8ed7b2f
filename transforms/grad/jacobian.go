package grad

import (
	"reflect"
	"slices"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/argtree"
)

// JacRev returns a function that computes the Jacobian of f in reverse mode, one
// row (element of the result) after the other: right for few results and many
// arguments. f is called once. Shapes: a leaf of the Jacobian has the result's
// axes, then the argument leaf's. Errors: f is nil; the result or a selected
// leaf is not real floating-point; else those of [VJP].
func JacRev[A any](f func(A) *core.Array, opts ...Option) func(A) A {
	return jacRev("grad.JacRev", f, opts)
}

func jacRev[A any](op string, f func(A) *core.Array, opts []Option) func(A) A {
	if f == nil {
		core.Failf(op, "the function is nil")
	}
	argtree.PlanFor(op, reflect.TypeFor[A]())
	c := jacobianConfig(op, opts)
	return func(a A) A {
		sa := argtree.Of(op, &a)
		wrt := c.choose(op, sa)
		arrays := core.Tidy(func() []*core.Array {
			t := trace[A, *core.Array, none]{op: op, f: withNone(f), a: a, slots: sa}
			size := 0
			for _, w := range wrt {
				s := sa.Spec(op, "the argument", w)
				requireReal(op, sa.Name("the argument", w), s, "select the others with grad.Only or grad.Except")
				size += bytesOf(s)
			}
			var y core.Spec
			_, pull := core.PullBack(op, func(in []*core.Array) []*core.Array {
				out := t.flatResult(in)
				y = resultSpec(op, t.r)
				requireReal(op, "the result", y, "take its real and imaginary parts, or use grad.VJP")
				return out
			}, sa.Present(nil), places(sa, wrt))
			rows := product(y.Shape)
			parts := make([][]*core.Array, len(wrt))
			var n int
			for lo := 0; lo < rows; lo += n {
				n = c.rows(rows-lo, size+bytesOf(y))
				piece := vectorized(op, pull, y, lo, n, make([]int, len(wrt)))
				settle(piece, n < rows)
				for i, p := range piece {
					parts[i] = append(parts[i], p)
				}
			}
			out := make([]*core.Array, len(wrt))
			for i, w := range wrt {
				s := sa.Spec(op, "the argument", w)
				out[i] = joined(parts[i], 0, s.DType, slices.Concat(y.Shape, s.Shape))
			}
			return out
		})
		return argtree.With(op, sa.Plan, a, scatter(len(sa.Arrays), wrt, arrays))
	}
}

// JacFwd returns a function that computes the Jacobian of f in forward mode, one
// column (element of the argument) after the other: right for few arguments and
// many results. f is called once. Shapes: a leaf of the Jacobian has the result
// leaf's axes, then the argument's; integer and bool leaves are absent. Errors:
// f is nil; the argument is not real floating-point; else those of [Linearize].
func JacFwd[R any](f func(*core.Array) R, opts ...Option) func(*core.Array) R {
	return jacFwd("grad.JacFwd", f, opts)
}

func jacFwd[R any](op string, f func(*core.Array) R, opts []Option) func(*core.Array) R {
	if f == nil {
		core.Failf(op, "the function is nil")
	}
	argtree.PlanFor(op, reflect.TypeFor[R]())
	c := jacobianConfig(op, opts)
	return func(x *core.Array) R {
		sx := argtree.Of(op, &x)
		wrt := c.choose(op, sx)
		xs := sx.Spec(op, "the argument", 0)
		requireReal(op, "the argument", xs, "use grad.JVP")
		t := trace[*core.Array, R, none]{op: op, f: withNone(f), a: x, slots: sx}
		arrays := core.Tidy(func() []*core.Array {
			results, push := core.Linearize(op, t.flatResult, sx.Present(nil), wrt)
			size := bytesOf(xs)
			axes := make([]int, len(results))
			for i, r := range results {
				s := r.Spec()
				axes[i] = len(s.Shape)
				size += bytesOf(s)
			}
			columns := product(xs.Shape)
			parts := make([][]*core.Array, len(results))
			var n int
			for lo := 0; lo < columns; lo += n {
				n = c.rows(columns-lo, size)
				piece := vectorized(op, push, xs, lo, n, axes)
				settle(piece, n < columns)
				for i, p := range piece {
					parts[i] = append(parts[i], p)
				}
			}
			out := make([]*core.Array, len(results))
			for i, r := range results {
				s := r.Spec()
				out[i] = joined(parts[i], axes[i], s.DType, slices.Concat(s.Shape, xs.Shape))
			}
			return out
		})
		return t.tangent(arrays)
	}
}

// Hessian returns a function that computes the second derivatives of f, forward
// over reverse. f may return more than a scalar. Shapes: the result's axes, then
// the argument's twice. To differentiate a struct, lay it out as one vector with
// tree.Ravel. Errors: those of [JacRev] and [JacFwd].
func Hessian(f func(*core.Array) *core.Array, opts ...Option) func(*core.Array) *core.Array {
	const op = "grad.Hessian"
	return jacFwd(op, jacRev(op, f, opts), opts)
}

// HVP returns a function that multiplies the Hessian of f at a by the direction
// v, forward over reverse, without making the Hessian. f must return a
// floating-point scalar. An absent leaf of v counts as zero; the result has a
// leaf for every selected leaf of a. Errors: those of [Of] and [JVP].
func HVP[A any](f func(A) *core.Array, opts ...Option) func(a, v A) A {
	h := hvp("grad.HVP", f == nil, func(a A, _ none) *core.Array { return f(a) }, opts)
	return func(a, v A) A { return h(a, none{}, v) }
}

// HVP2 is [HVP] for a function of two arguments, differentiating the first.
func HVP2[A, B any](f func(A, B) *core.Array, opts ...Option) func(a A, b B, v A) A {
	return hvp("grad.HVP2", f == nil, f, opts)
}

func hvp[A, B any](op string, isNil bool, f func(A, B) *core.Array, opts []Option) func(a A, b B, v A) A {
	if isNil {
		core.Failf(op, "the function is nil")
	}
	argtree.PlanFor(op, reflect.TypeFor[A]())
	argtree.PlanFor(op, reflect.TypeFor[B]())
	c := configOf(op, opts)
	return func(a A, b B, v A) A {
		sa, sb := argtree.Of(op, &a), argtree.Of(op, &b)
		wrt := c.choose(op, sa)
		at, tangents := tangentsOf(op, sa, &v)
		for _, w := range at {
			if !slices.Contains(wrt, w) {
				core.Failf(op, "%s is not selected: its direction must be absent", sa.Name("the argument", w))
			}
		}
		if len(at) == 0 {
			core.Failf(op, "every leaf of the direction is absent: give at least one")
		}
		selected := places(sa, wrt)
		_, products := core.PushForward(op, func(in []*core.Array) []*core.Array {
			_, grads := core.Differentiate(op, func(in []*core.Array) []*core.Array {
				ta, rest := sa.Take(in)
				tb, _ := sb.Take(rest)
				loss := f(argtree.With(op, sa.Plan, a, ta), argtree.With(op, sb.Plan, b, tb))
				checkLoss(op, loss)
				return []*core.Array{loss}
			}, in, selected)
			return grads
		}, sb.Present(sa.Present(nil)), places(sa, at), tangents)
		return argtree.With(op, sa.Plan, a, scatter(len(sa.Arrays), wrt, products))
	}
}

// vectorized applies a linear function to n unit vectors of the space of spec,
// from the lo-th on, and stacks its results along axes.
func vectorized(op string, linear core.FlatFunc, spec core.Spec, lo, n int, axes []int) []*core.Array {
	units := core.Eye(spec.DType, n, product(spec.Shape), lo)
	if n == 1 {
		out := linear([]*core.Array{units.Reshape(spec.Shape...)})
		for i, a := range out {
			out[i] = a.ExpandDims(axes[i])
		}
		return out
	}
	units = units.Reshape(append([]int{n}, spec.Shape...)...)
	return core.Vectorize(op, func(in []*core.Array) ([]*core.Array, []int) { return linear(in), axes }, []*core.Array{units}, []int{0})
}

// settle evaluates one of several pieces of a Jacobian, so that what leads to it
// does not pile up. Inside a trace the order of evaluation is not ours.
func settle(piece []*core.Array, several bool) {
	if several && !core.Tracing() {
		core.Eval(piece)
	}
}

// rows says how many of the remaining rows of a Jacobian to compute at a time,
// when each takes size bytes.
func (c config) rows(left, size int) int {
	n := c.chunk
	if n == 0 {
		n = max(1, (64<<20)/max(1, size))
	}
	return min(n, left)
}

// joined puts pieces of a Jacobian together.
func joined(parts []*core.Array, axis int, d core.DType, shape []int) *core.Array {
	switch len(parts) {
	case 0:
		return core.Zeros(d, shape...)
	case 1:
		return parts[0].Reshape(shape...)
	}
	return core.Concatenate(axis, parts...).Reshape(shape...)
}

// resultSpec returns the spec of a function's result, or fails as op.
func resultSpec(op string, r *core.Array) core.Spec {
	if r == nil {
		core.Failf(op, "the function's result: %w", core.ErrNil)
	}
	s := argtree.Of(op, &r)
	return s.Spec(op, "the result", 0)
}

func requireReal(op, what string, s core.Spec, instead string) {
	if !s.DType.IsFloat() {
		core.Failf(op, "%s is %v, and a Jacobian is of real floating-point arrays: %s", what, s, instead)
	}
}

func bytesOf(s core.Spec) int { return product(s.Shape) * s.DType.Size() }

func product(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}
