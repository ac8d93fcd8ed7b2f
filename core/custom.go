package core

import (
	"fmt"
	"slices"

	"github.com/adjoint-go/adjoint/internal/engine"
)

// CustomRules are what a function's own rules are; nil ones are made from its
// operations.
type CustomRules struct {
	// VJP returns a gradient for each primal, nil for zero.
	VJP func(primals, results, cotangents []*Array) []*Array
	// JVP returns a tangent for each result, nil for zero. Tangents that are zero
	// are given as zeros.
	JVP func(primals, results, tangents []*Array) []*Array
	// VMap returns the results for size examples, stacked along their first axis.
	// axes holds the axis of each input, -1 for one that is the same for all.
	VMap func(inputs []*Array, axes []int, size int) []*Array
}

// Custom runs f on in, with its own rules where the results are differentiated
// or vectorized. f may capture arrays, but not such that are differentiated
// where there is a rule.
func Custom(op string, f FlatFunc, in []*Array, rules CustomRules) []*Array {
	return rules.bind(op, f(rules.arguments(op, in)), in)
}

// arguments returns what a function with rules is given.
func (c CustomRules) arguments(op string, in []*Array) []*Array {
	if len(in) == 0 {
		return nil
	}
	return transform(op, in, func(_ uint64, _ *uint64, hs []engine.Handle) ([]engine.Handle, int) {
		return engine.Arguments(hs, c.VJP == nil && c.JVP == nil)
	})
}

// bind returns results, computed from arguments of in, with the rules.
func (c CustomRules) bind(op string, results, in []*Array) []*Array {
	n, m := len(in), len(results)
	f := &engine.Foreign{}
	if c.VJP != nil {
		f.VJP = func(primals, cts, outs []engine.Handle) []engine.Handle {
			return runRule(op, n, primals, [][]engine.Handle{primals, outs, cts}, func(g [][]*Array) []*Array {
				return c.VJP(g[0], g[1], g[2])
			})
		}
	}
	if c.JVP != nil {
		f.JVP = func(primals, tangents []engine.Handle, args []int) []engine.Handle {
			return runRule(op, m, primals[n:], [][]engine.Handle{primals[n:], primals[:n], tangents}, func(g [][]*Array) []*Array {
				all := make([]*Array, n)
				for i, a := range args {
					all[a] = g[2][i]
				}
				for i, t := range all {
					if t == nil {
						all[i] = g[1][i].ZerosLike()
					}
				}
				return c.JVP(g[1], g[0], all)
			})
		}
	}
	f.VMap = func(in []engine.Handle, axes []int) ([]engine.Handle, []int) {
		out := runRule(op, m, nil, [][]engine.Handle{in}, func(g [][]*Array) []*Array {
			return c.mapped(op, g[0][:n], g[0][n:], axes)
		})
		return out, make([]int, m)
	}
	return transform(op, append(slices.Clone(in), results...), func(_ uint64, _ *uint64, hs []engine.Handle) ([]engine.Handle, int) {
		noteSizes() // Go functions of two traces cannot be compared
		return f.Custom(hs, m)
	})
}

// mapped is the function over examples: its results, stacked along their first
// axis, with the rules over examples.
func (c CustomRules) mapped(op string, in, results []*Array, axes []int) []*Array {
	size := 0
	for i, a := range append(slices.Clone(in), results...) {
		if axes[i] >= 0 {
			size = a.Dim(axes[i])
		}
	}
	axes, resultAxes := axes[:len(in)], axes[len(in):]
	over := c.over(op, axes, size)
	if c.VMap != nil {
		want := make([]Spec, len(results))
		for i, r := range results {
			want[i] = r.Spec()
			if ax := resultAxes[i]; ax >= 0 {
				want[i].Shape = slices.Delete(want[i].Shape, ax, ax+1)
			}
			want[i].Shape = append([]int{size}, want[i].Shape...)
		}
		results = c.VMap(over.arguments(op, in), axes, size)
		if len(results) != len(want) {
			panic(newError(op, nil, fmt.Errorf("the vmap rule returned %d arrays, want %d", len(results), len(want))))
		}
		for i, r := range results {
			if r == nil {
				panic(newError(op, nil, fmt.Errorf("result %d of the vmap rule: %w", i, ErrNil)))
			}
			if got := r.Spec(); got.DType != want[i].DType || !slices.Equal(got.Shape, want[i].Shape) {
				panic(newError(op, nil, fmt.Errorf("result %d of the vmap rule is %v, want %v", i, got, want[i])))
			}
		}
	} else {
		results = slices.Clone(results)
		for i, r := range results {
			if ax := resultAxes[i]; ax >= 0 {
				results[i] = r.MoveAxis(ax, 0)
			} else {
				results[i] = r.BroadcastTo(append([]int{size}, r.Shape()...)...)
			}
		}
	}
	return over.bind(op, results, in)
}

// over makes rules over size examples: axes says where the arguments hold them,
// and the results hold them along their first axis.
func (c CustomRules) over(op string, axes []int, size int) (over CustomRules) {
	first := func(n int) []int { return make([]int, n) }
	if c.VJP != nil {
		over.VJP = func(primals, results, cts []*Array) []*Array {
			n, m := len(primals), len(results)
			out := slices.Clone(axes)
			for i, a := range out {
				out[i] = max(a, 0)
			}
			grads := Vectorize(op, func(in []*Array) ([]*Array, []int) {
				grads := c.VJP(in[:n], in[n:n+m], in[n+m:])
				return orZeros(op, grads, in[:n]), out
			}, slices.Concat(primals, results, cts), slices.Concat(axes, first(m), first(len(cts))))
			for i, a := range axes {
				if a < 0 {
					grads[i] = grads[i].Sum(0)
				}
			}
			return grads
		}
	}
	if c.JVP != nil {
		over.JVP = func(primals, results, tangents []*Array) []*Array {
			n, m := len(primals), len(results)
			return Vectorize(op, func(in []*Array) ([]*Array, []int) {
				return orZeros(op, c.JVP(in[:n], in[n:n+m], in[n+m:]), in[n:n+m]), first(m)
			}, slices.Concat(primals, results, tangents), slices.Concat(axes, first(m), axes))
		}
	}
	if c.VMap != nil {
		over.VMap = func(inputs []*Array, outer []int, _ int) []*Array {
			return Vectorize(op, func(in []*Array) ([]*Array, []int) {
				results := c.VMap(in, axes, size)
				return results, first(len(results))
			}, inputs, outer)
		}
	}
	return over
}

// orZeros puts zeros where a rule returned nothing.
func orZeros(op string, got, like []*Array) []*Array {
	if len(got) != len(like) {
		panic(newError(op, nil, fmt.Errorf("a rule returned %d arrays, not %d", len(got), len(like))))
	}
	out := slices.Clone(got)
	for i, a := range out {
		if a == nil {
			out[i] = like[i].ZerosLike()
		}
	}
	return out
}

// Checkpoint runs f on in; gradients of the results compute f again. names and
// matmuls say which intermediate values are kept.
func Checkpoint(op string, f FlatFunc, in []*Array, matmuls bool, names string) []*Array {
	if len(in) == 0 {
		return f(nil)
	}
	args := CustomRules{}.arguments(op, in)
	results := f(args)
	return transform(op, append(slices.Clone(args), results...), func(_ uint64, _ *uint64, hs []engine.Handle) ([]engine.Handle, int) {
		return engine.Checkpoint(hs, len(results), matmuls, names)
	})
}

// Named returns a with a name that Checkpoint finds.
func Named(op string, a *Array, name string) *Array {
	return transform(op, []*Array{a}, func(_ uint64, _ *uint64, hs []engine.Handle) ([]engine.Handle, int) {
		return engine.Named(hs[0], name)
	})[0]
}
