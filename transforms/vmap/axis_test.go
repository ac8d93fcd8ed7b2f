package vmap_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/flow"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

func TestSumsAcrossExamples(t *testing.T) {
	x := core.From([]float32{1, 2, 3, 4, 5, 9}, 3, 2)
	centred := func(x arr) arr { return x.Sub(vmap.Mean(x, "batch")) }
	over := func(f func(arr) arr) func(arr) arr { return vmap.Of(f, vmap.Name("batch")) }
	want := x.Sub(x.Mean(0))
	require.Equal(t, floats(want), floats(over(centred)(x)))
	require.Equal(t, floats(want), floats(compile.Of(over(centred)).Call(x)))
	// The compiled function captures what belongs to the vmap around it.
	require.Equal(t, floats(want), floats(over(compile.Of(centred).Call)(x)))

	require.Equal(t, []float32{0, 1, 2}, floats(over(func(arr) arr { return vmap.Index("batch").AsType(core.Float32) })(x)))
	require.Equal(t, []float32{3, 3, 3}, floats(over(func(arr) arr { return vmap.Sum(num(1), "batch") })(x)), "a sum of what no example changes")
	require.Equal(t, []float32{3, 3, 3}, floats(over(func(arr) arr { return num(float32(vmap.Size("batch"))) })(x)))

	// Derivatives see all examples: of Σᵢ(xᵢ - mean)² that is 2(x - mean).
	loss := func(x arr) arr { return over(centred)(x).Square().Sum() }
	require.InDeltaSlice(t, floats(want.MulScalar(2)), floats(grad.Of(loss)(x)), 1e-5)
	d := core.From([]float32{1, 0, 0, 1, 2, 0}, 3, 2)
	_, dv := grad.JVP(over(centred), x, d)
	require.InDeltaSlice(t, floats(d.Sub(d.Mean(0))), floats(dv), 1e-5)
	// Inside, the gradient of a sum over examples is that of all their results.
	inside := over(func(x arr) arr { return grad.Of(func(x arr) arr { return vmap.Sum(x.Square().Sum(), "batch") })(x) })
	require.InDeltaSlice(t, floats(x.MulScalar(6)), floats(inside(x)), 1e-5)
}

func TestNamesOfNestedAxes(t *testing.T) {
	x := core.From([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	both := func(f func(arr) arr) []float32 {
		return floats(vmap.Of(vmap.Of(f, vmap.Name("column")), vmap.Name("row"))(x))
	}
	require.Equal(t, []float32{5, 7, 9, 5, 7, 9}, both(func(x arr) arr { return vmap.Sum(x, "row") }))
	require.Equal(t, []float32{6, 6, 6, 15, 15, 15}, both(func(x arr) arr { return vmap.Sum(x, "column") }))
	require.Equal(t, []float32{21, 21, 21, 21, 21, 21}, both(func(x arr) arr { return vmap.Sum(vmap.Sum(x, "row"), "column") }))
	require.Equal(t, []float32{0, 1, 2, 10, 11, 12}, both(func(x arr) arr {
		return vmap.Index("row").MulScalar(10).Add(vmap.Index("column")).AsType(core.Float32)
	}))
	// In the body of a loop.
	require.Equal(t, []float32{20, 28, 36, 20, 28, 36}, both(func(x arr) arr {
		return flow.For(3, func(_, s arr) arr { return vmap.Sum(s, "row") }, x)
	}))
}

// A program that was recorded inside one vmap knows nothing of the next.
func TestNamesInsideCompiledFunctions(t *testing.T) {
	for name, f := range map[string]func(x arr) arr{
		"size":  func(x arr) arr { return x.MulScalar(float64(vmap.Size("batch"))) },
		"index": func(x arr) arr { return x.Add(vmap.Index("batch").AsType(core.Float32)) },
		"sum":   func(x arr) arr { return x.Add(vmap.Sum(x, "batch")) },
		"mean":  func(x arr) arr { return x.Add(vmap.Mean(x, "batch")) },
	} {
		c := compile.Of(f)
		over := func(f func(arr) arr) func(arr) arr { return vmap.Of(f, vmap.Name("batch")) }
		for _, n := range []int{3, 4, 3, 1, 2} {
			x := core.Arange(core.Float32, 1, float64(n+1), 1)
			require.Equal(t, floats(over(f)(x)), floats(over(c.Call)(x)), "%s of %d", name, n)
			slope := func(f func(arr) arr) arr { return grad.Of(func(x arr) arr { return over(f)(x).Square().Sum() })(x) }
			require.InDeltaSlice(t, floats(slope(f)), floats(slope(c.Call)), 1e-4, "%s of %d", name, n)
		}
		require.Contains(t, failure(t, func() { c.Call(num(1)) }).Error(), "vmap.Name", name)
	}
}

func TestMisuseOfNames(t *testing.T) {
	x := vec(1, 2)
	for says, f := range map[string]func(){
		"vmap.Name": func() { vmap.Sum(x, "batch") },
		`no axis is named "rows": there are batch`: func() {
			vmap.Of(func(x arr) arr { return vmap.Mean(x, "rows") }, vmap.Name("batch"))(x)
		},
		"vmap.Sequential": func() { vmap.Of(func(x arr) arr { return x }, vmap.Name("b"), vmap.Sequential())(x) },
		"nil":             func() { vmap.Of(func(x arr) arr { return vmap.Sum(nil, "b") }, vmap.Name("b"))(x) },
	} {
		require.Contains(t, failure(t, f).Error(), says)
	}
	// The name is gone when the function has failed.
	require.Panics(t, func() { vmap.Of(func(x arr) arr { panic("mine") }, vmap.Name("b"))(x) })
	require.Contains(t, failure(t, func() {
		vmap.Of(func(x arr) arr { return vmap.Sum(x, "b") })(x)
	}).Error(), "vmap.Name")
}

func TestBehaviour29_TheLongestPrefixCounts(t *testing.T) {
	type inner struct{ A, B arr }
	type outer struct{ In inner }
	f := func(o outer) arr { return o.In.A.Mul(o.In.B).Sum() }
	o := outer{inner{core.From([]float32{1, 2, 3, 4}, 2, 2), core.From([]float32{1, 10, 100, 1000}, 2, 2)}}
	got := func(axes any) []float32 { return floats(vmap.Of(f, vmap.In(axes))(o)) }
	require.Equal(t, []float32{21, 4300}, got(vmap.Axes{"In": 0}))
	for range 20 { // the longest path counts, in whatever order they come
		require.Equal(t, []float32{201, 4030}, got(vmap.Axes{"In": 1, "In.A": 0}))
		require.Equal(t, []float32{1 + 20 + 100 + 2000, 3 + 40 + 300 + 4000}, got(vmap.Axes{"In": 0, "In.B": vmap.Whole}))
	}
}

func TestSequentialIsVmap(t *testing.T) {
	x, w := core.From([]float32{1, 2, 3, 4, 5, 6}, 2, 3), vec(1, 2, 3)
	f := func(x, w arr) (arr, arr) { return x.Mul(w).Sin(), w.Sum() }
	opts := []vmap.Option{vmap.In(1, nil), vmap.Out(-1, nil)}
	g := func(x, w arr) (arr, arr) { return f(x, w.Slice(0, 0, 2)) }
	want, whole := vmap.Of(g, opts...)(x, w)
	seq := vmap.Of(g, append(opts, vmap.Sequential())...)
	got, last := seq(x, w)
	require.Equal(t, floats(want), floats(got))
	require.Equal(t, want.Shape(), got.Shape())
	require.Equal(t, floats(whole), floats(last))
	sum := func(f func(x, w arr) (arr, arr)) func(arr) arr {
		return func(x arr) arr { y, _ := f(x, w); return y.Square().Sum() }
	}
	require.InDeltaSlice(t, floats(grad.Of(sum(vmap.Of(g, opts...)))(x)), floats(grad.Of(sum(seq))(x)), 1e-5)
	require.InDeltaSlice(t, floats(grad.Of(sum(seq))(x)), floats(compile.Of(grad.Of(sum(seq))).Call(x)), 1e-6)
	empty := vmap.Of(func(x arr) arr { return x.Exp() }, vmap.Sequential())(core.Zeros(core.Float32, 0, 3))
	require.Equal(t, []int{0, 3}, empty.Shape())
}
