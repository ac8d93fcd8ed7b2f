package vmap_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

// take is the i-th example along an axis.
func take(a arr, i, axis int) arr { return a.Take(core.Scalar(int32(i)), axis) }

// loop is what vmap stands for: f of each example, stacked.
func loop(f func(xs []arr) arr, xs []arr, axes []any, out int) arr {
	n := 0
	for i, ax := range axes {
		if ax != nil {
			n = xs[i].Dim(ax.(int))
		}
	}
	var ys []arr
	for i := range n {
		ex := slices.Clone(xs)
		for j, ax := range axes {
			if ax != nil {
				ex[j] = take(xs[j], i, ax.(int))
			}
		}
		ys = append(ys, f(ex))
	}
	if out < 0 {
		out += ys[0].NDim() + 1
	}
	return core.Stack(out, ys...)
}

// For any axes, vmap is the stacked loop.
func TestBehaviour30_EqualsAStackedLoop(t *testing.T) {
	functions := map[string]func(xs []arr) arr{
		"arithmetic": func(xs []arr) arr { return xs[0].Mul(xs[1]).Sub(xs[2].Sin()) },
		"matmul":     func(xs []arr) arr { return xs[0].MatMul(xs[1]).Add(xs[2]) },
		"transposed": func(xs []arr) arr { return xs[0].T().MatMul(xs[1]).Add(xs[1].MatMul(xs[2].T())) },
		"reduce":     func(xs []arr) arr { return xs[0].Sum(0).Mul(xs[1].Max(1)).Add(xs[2].Mean()) },
		"views":      func(xs []arr) arr { return xs[0].T().Reshape(-1).Add(xs[1].Flip(0).Reshape(-1)).Mul(xs[2].Reshape(9)) },
		"broadcast":  func(xs []arr) arr { return xs[0].Add(xs[1].Sum(0)).Div(xs[2].Square().Sum().Add(num(1))) },
		"softmax":    func(xs []arr) arr { return xs[0].Softmax(-1).MatMul(xs[1].LogSumExp(0)).Mul(xs[2].Sum()) },
		"constant": func(xs []arr) arr {
			return xs[0].Add(core.Eye(core.Float32, 3, 3, 0)).Mul(xs[1]).Add(xs[2].ZerosLike())
		},
		"where": func(xs []arr) arr { return core.Where(xs[0].Less(xs[1]), xs[2], num(-1)) },
		"sort": func(xs []arr) arr {
			return xs[0].Sort(1).Add(xs[1].CumSum(0)).Add(xs[2].ArgSort(0).AsType(core.Float32))
		},
		"concat": func(xs []arr) arr { return core.Concatenate(1, xs...).Add(core.Stack(0, xs...).Sum()) },
		"einsum": func(xs []arr) arr { return core.Einsum("ij,jk,kl->il", xs[0], xs[1], xs[2]) },
		"derivative": func(xs []arr) arr {
			return grad.Of(func(x arr) arr { return x.Mul(xs[1]).Sin().Sum().Add(xs[2].Sum()) })(xs[0])
		},
		"first": func(xs []arr) arr { return xs[0] },
	}
	rapid.Check(t, func(rt *rapid.T) {
		const n = 3
		axes := make([]any, 3)
		mapped := false
		xs := make([]arr, 3)
		for i := range xs {
			shape := []int{3, 3}
			if ax := rapid.IntRange(-4, 2).Draw(rt, "axis"); ax >= -3 {
				axes[i], mapped = ax, true
				at := ax
				if at < 0 {
					at += 3
				}
				shape = slices.Insert(shape, at, n)
			}
			v := rapid.SliceOfN(rapid.Float32Range(-2, 2), 27, 27).Draw(rt, "x")
			size := 1
			for _, d := range shape {
				size *= d
			}
			xs[i] = core.From(v[:size], shape...)
		}
		if !mapped {
			return
		}
		for name, f := range functions {
			out := rapid.IntRange(-1, 0).Draw(rt, "out")
			want := loop(f, xs, axes, out)
			g := vmap.Of(func(a, b, c arr) arr { return f([]arr{a, b, c}) }, vmap.In(axes...), vmap.Out(out))
			if name == "first" && axes[0] == nil {
				continue // the same for every example, which is the next test
			}
			got := g(xs[0], xs[1], xs[2])
			require.Equal(rt, want.Spec(), got.Spec(), name)
			require.InDeltaSlice(rt, floats(want), floats(got), 1e-4, name)
			c := compile.Of(g)
			for range 2 {
				require.InDeltaSlice(rt, floats(want), floats(c.Call(xs[0], xs[1], xs[2])), 1e-4, name+" compiled")
			}
		}
	})
}

func TestBehaviour29_AbsentNegativeAndPrefixAxes(t *testing.T) {
	type inner struct{ A, B arr }
	type tree struct {
		In   inner
		L    []arr
		None arr
		K    int
	}
	x := core.From([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	arg := tree{inner{x, x.T()}, []arr{x, vec(7, 8, 9)}, nil, 5}
	f := func(v tree, s arr) tree {
		require.Equal(t, []int{3}, v.In.A.Shape())
		require.Equal(t, []int{3}, v.In.B.Shape())
		require.Equal(t, []int{3}, v.L[1].Shape())
		require.Nil(t, v.None)
		require.Equal(t, 5, v.K)
		return tree{inner{v.In.A.Add(v.In.B), s}, []arr{v.L[1], v.L[0].Sum()}, nil, v.K + 1}
	}
	axes := vmap.Axes{"In.A": 0, "In.B": 1, "L.0": -2}
	got := vmap.Of(f, vmap.In(axes, nil))(arg, num(2))
	require.Equal(t, []float32{2, 4, 6, 8, 10, 12}, floats(got.In.A))
	require.Equal(t, []float32{2, 2}, floats(got.In.B), "an unmapped result is repeated")
	require.Equal(t, []int{2, 3}, got.L[0].Shape())
	require.Equal(t, []float32{6, 15}, floats(got.L[1]))
	require.Nil(t, got.None)
	require.Equal(t, 6, got.K)
	out := vmap.Axes{"In.A": 1, "L.1": 0}
	got = vmap.Of(f, vmap.In(axes, nil), vmap.Out(out))(arg, num(2))
	require.Equal(t, []int{3, 2}, got.In.A.Shape())
	require.Equal(t, []int{}, got.In.B.Shape(), "a result without an axis is as it is")
	require.Equal(t, []float32{7, 8, 9}, floats(got.L[0]))
	require.Equal(t, []float32{6, 15}, floats(got.L[1]))
	// A prefix maps all below it.
	h := vmap.Of(func(v tree) arr { return v.In.A.Sum().Add(v.In.B.Sum()).Add(v.L[1].Sum()) }, vmap.In(vmap.Axes{"In": 0}))
	require.Equal(t, []float32{6 + 5 + 24, 15 + 7 + 24, 9 + 24}[:2], floats(h(tree{In: inner{x, x.T().Take(core.From([]int32{0, 1}), 0)}, L: arg.L}))[:2])
}

// Results that are arguments, constants, or each other.
func TestBehaviour29_ResultsThatAreNotMapped(t *testing.T) {
	x := core.From([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	kept := vec(7, 8)
	for _, axes := range [][]any{{0, 0}, {0, 1}, {1, 0}, {1, 1}, {-1, 0}, {0, -1}} {
		for name, f := range map[string]func(arr) (arr, arr){
			"computed": func(x arr) (arr, arr) { y := x.Add(x); return y, y },
			"argument": func(x arr) (arr, arr) { return x, x },
			"mixed":    func(x arr) (arr, arr) { y := x.Exp(); return y.Add(x), x },
			"constant": func(x arr) (arr, arr) { return kept, kept },
			"both":     func(x arr) (arr, arr) { return kept, x },
		} {
			a, b := vmap.Of(f, vmap.Out(axes...))(x)
			for i, got := range []arr{a, b} {
				want := loop(func(xs []arr) arr { p, q := f(xs[0]); return []arr{p, q}[i] }, []arr{x}, []any{0}, axes[i].(int))
				require.Equal(t, want.Shape(), got.Shape(), fmt.Sprint(name, axes, i))
				require.Equal(t, floats(want), floats(got), fmt.Sprint(name, axes, i))
			}
		}
	}
	a, b, n := vmap.Of(func(x arr) (arr, arr, int) { return nil, x, 4 })(x)
	require.Nil(t, a)
	require.Equal(t, floats(x), floats(b))
	require.Equal(t, 4, n)
	vmap.Of(func(arr) {})(x)
	require.Equal(t, []float32{7, 8}, floats(kept))
	require.Equal(t, []int{0, 3}, vmap.Of(func(x arr) arr { return x.Exp() })(core.Zeros(core.Float32, 0, 3)).Shape())
	same := vmap.Of(func(a, b arr) arr { return a.Mul(b) }, vmap.In(0, nil))
	require.Equal(t, []float32{1, 2, 2, 4}, floats(same(vec(1, 2), vec(1, 2))), "one array in two roles")
}

func TestBehaviour31_Nesting(t *testing.T) {
	x := core.From([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	y := core.From([]float32{1, -1, 2, 0.5, 0.25, -2}, 2, 3)
	w := vec(0.5, -1, 2)
	outer := vmap.Of(func(a arr) arr { return vmap.Of(func(b arr) arr { return a.Mul(b).Sum() })(y) })
	require.InDeltaSlice(t, floats(x.MatMul(y.T())), floats(outer(x)), 1e-4)
	loss := func(w, x arr) arr { return w.Mul(x).Sum().Sin() }
	perExample := vmap.Of(grad.Of2(loss), vmap.In(nil, 0))
	want := loop(func(xs []arr) arr { return grad.Of2(loss)(w, xs[0]) }, []arr{x}, []any{0}, 0)
	all := map[string]func() arr{
		"vmap of grad":              func() arr { return perExample(w, x) },
		"compile of vmap of grad":   func() arr { return compile.Of(perExample).Call(w, x) },
		"vmap of compile of grad":   func() arr { return vmap.Of(compile.Of(grad.Of2(loss)).Call, vmap.In(nil, 0))(w, x) },
		"vmap of grad of compile":   func() arr { return vmap.Of(grad.Of2(compile.Of(loss).Call), vmap.In(nil, 0))(w, x) },
		"vmap of a captured weight": func() arr { return vmap.Of(func(x arr) arr { return grad.Of2(loss)(w, x) })(x) },
		"vmap of a captured compile": func() arr {
			return vmap.Of(func(x arr) arr { return compile.Of(func(w arr) arr { return grad.Of2(loss)(w, x) }).Call(w) })(x)
		},
	}
	for name, f := range all {
		for range 2 {
			require.InDeltaSlice(t, floats(want), floats(f()), 1e-5, name)
		}
	}
	mean := func(w arr) arr { return vmap.Of(loss, vmap.In(nil, 0))(w, x).Sum() }
	require.InDeltaSlice(t, floats(want.Sum(0)), floats(grad.Of(mean)(w)), 1e-5, "grad of vmap")
	_, d := grad.JVP(mean, w, w)
	require.InDelta(t, want.Sum(0).Mul(w).Sum().Item(), d.Item(), 1e-5, "jvp of vmap")
	tangents := vmap.Of(func(v arr) arr { _, d := grad.JVP(func(w arr) arr { return loss(w, w) }, w, v); return d })(core.Eye(core.Float32, 3, 3, 0))
	require.InDeltaSlice(t, floats(grad.Of(func(w arr) arr { return loss(w, w) })(w)), floats(tangents), 1e-5, "vmap of jvp")
	_, pull := grad.VJP(func(w arr) arr { return w.Mul(w) }, w)
	require.InDeltaSlice(t, []float32{1, 0, 0, 0, -2, 0, 0, 0, 4}, floats(vmap.Of(pull)(core.Eye(core.Float32, 3, 3, 0))), 1e-5, "vmap of a pullback")
	require.InDeltaSlice(t, []float32{1, 0, 0, 0, -2, 0, 0, 0, 4}, floats(vmap.Of(pull)(core.Eye(core.Float32, 3, 3, 0))), 1e-5, "and again")
}

// The rules of some operations change the operation itself; a compiled function
// must come out of vmap as it went in.
func TestMappingACompiledFunctionLeavesItAsItWas(t *testing.T) {
	x := core.Arange(core.Float32, 0, 24, 1).Reshape(2, 3, 4)
	for name, f := range map[string]func(arr) arr{
		"Broadcast": func(x arr) arr { return x.Add(x.Sum()) },
		"Reshape":   func(x arr) arr { return x.Reshape(-1, 2).Sin() },
		"Transpose": func(x arr) arr { return x.T().Mul(num(2)) },
	} {
		c := compile.Of(f)
		for _, ax := range []int{0, 1, 2, 0, 1, 2} {
			want := loop(func(xs []arr) arr { return f(xs[0]) }, []arr{x}, []any{ax}, 0)
			got := vmap.Of(c.Call, vmap.In(ax))(x)
			require.Equal(t, want.Shape(), got.Shape(), name)
			require.InDeltaSlice(t, floats(want), floats(got), 1e-5, name)
			one := take(x, 0, ax)
			require.InDeltaSlice(t, floats(f(one)), floats(c.Call(one)), 1e-5, name)
		}
	}
}

func TestVariadicFunctions(t *testing.T) {
	sum := vmap.Of(func(xs ...arr) arr {
		s := num(0)
		for _, x := range xs {
			s = s.Add(x.Sum())
		}
		return s
	})
	require.Equal(t, []float32{4, 6}, floats(sum(vec(1, 2), vec(3, 4))))
}

// Where a slice begins may be one number without an axis, for each example another.
func TestPlacesOfSlicesAreMapped(t *testing.T) {
	x, u := core.Arange(core.Float32, 0, 5, 1), core.From([]float32{-1, -2})
	at := core.From([]int32{3, 0, 2})
	want := func(i int) []float32 {
		v := []float32{0, 1, 2, 3, 4}
		v[i], v[i+1] = -1, -2
		return v
	}
	got := vmap.Of(func(at arr) arr { return x.DynamicUpdateSlice(u, at, []int{0}) })(at)
	require.Equal(t, slices.Concat(want(3), want(0), want(2)), floats(got))
	got = vmap.Of(func(at arr) arr { return x.DynamicSlice(at, []int{0}, []int{2}) })(at)
	require.Equal(t, []float32{3, 4, 0, 1, 2, 3}, floats(got))
	got = vmap.Of(func(at arr) arr { return x.DynamicSlice(at, []int{0}, []int{2}) })(at.ExpandDims(-1))
	require.Equal(t, []float32{3, 4, 0, 1, 2, 3}, floats(got))
}

// Without sizes, the derivative of a sort broadcasts what is mapped beside what is not.
func TestDerivativesOfSortsWithoutSizes(t *testing.T) {
	slope := func(x arr) arr {
		return grad.JacFwd(func(x arr) arr { return x.Sort(-1).Mul(x) })(x).Sum(0, 1)
	}
	compiled := compile.Of(slope)
	f := compile.Of(func(x arr) arr { return vmap.Of(compiled.Call)(core.Stack(0, x, x.Neg())) }, compile.Shapeless())
	for _, rows := range []int{2, 4, 3} {
		x := core.From([]float32{3, 1, 2, -1, 5, 0, 7, 8, -2, 4, 6, 9}[:3*rows], rows, 3)
		require.Equal(t, floats(core.Stack(0, slope(x), slope(x.Neg()))), floats(f.Call(x)), rows)
	}
}

// Where an array is one matrix, the indices of matrices have nothing to choose.
func TestIndicesOfOneMatrix(t *testing.T) {
	x := core.Linspace(core.Float32, -1, 1, 6).Reshape(2, 3)
	b := core.Linspace(core.Float32, 0, 1, 12).Reshape(2, 3, 2)
	f := func(x arr) arr {
		return core.GatherMM(x, b, core.From([]uint32{1, 1, 2, 1}), core.From([]uint32{1, 1, 0, 1}))
	}
	require.Equal(t, floats(loop(func(xs []arr) arr { return f(xs[0]) }, []arr{x}, []any{0}, 0)), floats(vmap.Of(f)(x)))
}
