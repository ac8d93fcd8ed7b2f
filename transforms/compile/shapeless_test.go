package compile_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/fft"
	"github.com/adjoint-go/adjoint/core/linalg"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/flow"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

func counting(n ...int) arr {
	size := 1
	for _, d := range n {
		size *= d
	}
	return core.Arange(core.Float32, 1, float64(size+1), 1).Reshape(n...)
}

func TestBehaviour14_ShapelessRetracesForRankAndDType(t *testing.T) {
	f := compile.Of(func(x arr) arr { return x.Exp().Mul(x).Sum() }, compile.Shapeless())
	for _, n := range []int{3, 5, 7, 9} {
		require.InDelta(t, math.E*float64(n), f.Call(core.Ones(core.Float32, n)).Item(), 1e-4)
	}
	require.Equal(t, 2, f.Stats().Traces, "a second trace shows that the first may be trusted")
	require.Equal(t, 1, f.Stats().Entries)
	f.Call(core.Ones(core.Float32, 3, 2))
	f.Call(core.Ones(core.Float16, 3))
	require.Equal(t, 4, f.Stats().Traces)
}

// What is wrong when a stale size is repeated. Each must be right at every size;
// MLX is silently wrong in several.
func TestBehaviour14_ShapelessIsNeverStale(t *testing.T) {
	w := counting(4, 4)
	cases := map[string]struct {
		f     function
		shape func(n int) []int
	}{
		"sum":       {f: func(x arr) arr { return x.Sum() }},
		"sum axis":  {f: func(x arr) arr { return x.Sum(0) }},
		"mean":      {f: func(x arr) arr { return x.Mean() }},
		"mean axis": {f: func(x arr) arr { return x.Mean(0) }},
		"var":       {f: func(x arr) arr { return x.Var(0) }},
		"max keep":  {f: func(x arr) arr { return x.Sub(x.MaxKeep(0)) }},
		"softmax":   {f: func(x arr) arr { return x.Softmax(0) }},
		"logsumexp": {f: func(x arr) arr { return x.LogSumExp(0) }},
		"arange":    {f: func(x arr) arr { return x.Add(core.Arange(core.Float32, 0, float64(x.Shape()[1]), 1)) }, shape: func(n int) []int { return []int{2, n} }},
		"divide":    {f: func(x arr) arr { return x.Div(num(float32(x.Dim(0)))) }},
		"size":      {f: func(x arr) arr { return x.Mul(num(float32(x.Size()))) }},
		"branch": {f: func(x arr) arr {
			if x.Size() > 20 {
				return x.Neg()
			}
			return x
		}},
		"tril":            {f: func(x arr) arr { return x.Tril(0) }, shape: func(n int) []int { return []int{n, n} }},
		"take":            {f: func(x arr) arr { return x.Take(core.From([]int32{0, -1}), 0) }},
		"split at":        {f: func(x arr) arr { return x.SplitAt(0, 2)[0] }},
		"split at rest":   {f: func(x arr) arr { return x.SplitAt(0, 2)[1] }},
		"split":           {f: func(x arr) arr { return x.Split(2, 0)[1] }, shape: func(n int) []int { return []int{2 * n} }},
		"reshape":         {f: func(x arr) arr { return x.Reshape(-1) }, shape: func(n int) []int { return []int{n, 3} }},
		"reshape fixed":   {f: func(x arr) arr { return x.Reshape(-1, 3) }, shape: func(n int) []int { return []int{3 * n} }},
		"flatten":         {f: func(x arr) arr { return x.Flatten() }, shape: func(n int) []int { return []int{n, 2, n} }},
		"unflatten":       {f: func(x arr) arr { return x.Unflatten(0, 2, -1) }, shape: func(n int) []int { return []int{2 * n} }},
		"matmul":          {f: func(x arr) arr { return x.MatMul(w) }, shape: func(n int) []int { return []int{n, 4} }},
		"batched matmul":  {f: func(x arr) arr { return x.MatMul(w) }, shape: func(n int) []int { return []int{n, n + 1, 4} }},
		"broadcast":       {f: func(x arr) arr { return x.Add(counting(4, 1)) }},
		"broadcast to":    {f: func(x arr) arr { return num(2).BroadcastTo(3).Mul(x.Sum()) }},
		"ones like":       {f: func(x arr) arr { return x.OnesLike() }},
		"zeros like":      {f: func(x arr) arr { return x.ZerosLike().Add(x) }},
		"concatenate":     {f: func(x arr) arr { return core.Concatenate(0, x, x) }},
		"stack":           {f: func(x arr) arr { return core.Stack(1, x, x.Neg()) }},
		"pad by tile":     {f: func(x arr) arr { return x.Tile(2) }},
		"repeat":          {f: func(x arr) arr { return x.Repeat(2, 0) }},
		"sort":            {f: func(x arr) arr { return x.Neg().Sort(0) }},
		"argmax":          {f: func(x arr) arr { return x.ArgMax(0) }},
		"cumsum":          {f: func(x arr) arr { return x.CumSum(0) }},
		"roll by flip":    {f: func(x arr) arr { return x.Flip(0) }},
		"transpose":       {f: func(x arr) arr { return x.T().Contiguous() }, shape: func(n int) []int { return []int{n, 2} }},
		"expand":          {f: func(x arr) arr { return x.ExpandDims(0).Add(x.ExpandDims(1)) }},
		"einsum":          {f: func(x arr) arr { return core.Einsum("ij,jk->ik", x, w) }, shape: func(n int) []int { return []int{n, 4} }},
		"outer":           {f: func(x arr) arr { return x.Outer(x) }},
		"slice":           {f: func(x arr) arr { return x.Slice(0, 0, 4) }},
		"slice to a half": {f: func(x arr) arr { return x.Slice(0, 1, -1) }},
		"roll":            {f: func(x arr) arr { return x.Roll(7, 0) }},
		"median":          {f: func(x arr) arr { return x.Median() }},
		"fft shift":       {f: func(x arr) arr { return fft.FFTShift(x) }},
		"irfft":           {f: func(x arr) arr { return fft.IRFFTWith(x, 7, 0, fft.Backward) }},
		"top":             {f: func(x arr) arr { return x.TopK(1, 0) }},
		"triangle":        {f: func(x arr) arr { return grad.Of(func(x arr) arr { return x.Triu(1).Square().Sum() })(x) }, shape: func(n int) []int { return []int{n, n} }},
		"grad of a slice": {f: grad.Of(func(x arr) arr { return x.Slice(0, 1, 3).Square().Sum() })},
		"grad twice": {f: grad.Of(func(x arr) arr {
			return grad.Of(func(x arr) arr { return x.Slice(0, 0, 2).Mul(x.Mean()).Sum() })(x).Square().Sum()
		})},
		"diag":          {f: func(x arr) arr { return x.Diag(0) }},
		"linspace":      {f: func(x arr) arr { return core.Linspace(core.Float32, 0, 1, x.Shape()[0]) }},
		"grad":          {f: grad.Of(func(x arr) arr { return x.Square().Mean() })},
		"grad of max":   {f: grad.Of(func(x arr) arr { return x.Max() })},
		"vjp":           {f: func(x arr) arr { y, pull := grad.VJP(func(x arr) arr { return x.Sin() }, x); return pull(y) }},
		"jvp":           {f: func(x arr) arr { _, d := grad.JVP(func(x arr) arr { return x.Softmax(0) }, x, x); return d }},
		"vmap":          {f: vmap.Of(func(x arr) arr { return x.Mul(x).Add(num(1)) })},
		"vmap constant": {f: vmap.Of(func(x arr) arr { return num(1) })},
	}
	// The others hold for all sizes; these ask for some, as do Slice, VJP, JVP and vmap.
	asking := []string{
		"arange", "branch", "divide", "linspace", "size", "slice", "slice to a half", "roll", "grad of a slice", "grad twice",
		"vjp", "jvp", "vmap", "vmap constant",
	}
	for name, c := range cases {
		shape := c.shape
		if shape == nil {
			shape = func(n int) []int { return []int{n} }
		}
		for i, sizes := range [][]int{{4, 7, 3, 25, 2}, {7, 4, 2}, {3, 5, 6, 1, 3}, {1, 4, 1, 5}, {5, 3, 0, 4}} {
			f := compile.Of(c.f, compile.Shapeless())
			for _, n := range sizes {
				x := counting(shape(n)...)
				want, wantErr := core.Try(func() arr { return c.f(x) })
				got, err := core.Try(func() arr { return f.Call(x) })
				require.Equal(t, wantErr == nil, err == nil, "%s %v at %d: %v; eager: %v", name, sizes, n, err, wantErr)
				if err != nil {
					require.NotContains(t, err.Error(), "\n")
					continue
				}
				require.Equal(t, want.Spec(), got.Spec(), "%s %v at %d", name, sizes, n)
				if want.DType() == core.Float32 {
					require.InDeltaSlice(t, floats(want), floats(got), 1e-3, "%s %v at %d", name, sizes, n)
				} else {
					require.Equal(t, want.Bytes(), got.Bytes(), "%s %v at %d", name, sizes, n)
				}
			}
			if i == 0 && !slices.Contains(asking, name) {
				require.LessOrEqual(t, f.Stats().Traces, 2, "%s %v: a second trace shows that the first may be trusted", name, sizes)
			}
		}
	}
}

func TestBehaviour14_ShapelessFunctionsThatAskForSizesRetrace(t *testing.T) {
	calls := 0
	f := compile.Of(func(x arr) arr { calls++; return x.Div(num(float32(x.Shape()[0]))) }, compile.Shapeless())
	for range 2 {
		for _, n := range []int{3, 7, 9} {
			require.Equal(t, 1.0, f.Call(core.Ones(core.Float32, n)).Sum().Item())
		}
	}
	require.Equal(t, 3, f.Stats().Traces)
	require.Equal(t, 4, calls)
}

// MLX crashes when a program of one size is repeated at another.
func TestBehaviour14_ReductionsOverOneElementAtFour(t *testing.T) {
	reductions := map[string]function{
		"sum":         func(x arr) arr { return x.Sum(0) },
		"sum all":     func(x arr) arr { return x.Sum() },
		"mean":        func(x arr) arr { return x.Mean(0) },
		"mean all":    func(x arr) arr { return x.Mean() },
		"prod":        func(x arr) arr { return x.Prod(0) },
		"max":         func(x arr) arr { return x.Max(0) },
		"min":         func(x arr) arr { return x.Min(0) },
		"var":         func(x arr) arr { return x.Var(0) },
		"std":         func(x arr) arr { return x.Std(0) },
		"all":         func(x arr) arr { return x.Greater(num(2)).All(0) },
		"any":         func(x arr) arr { return x.Greater(num(2)).Any(0) },
		"argmax":      func(x arr) arr { return x.ArgMax(0) },
		"argmin":      func(x arr) arr { return x.ArgMin(0) },
		"logsumexp":   func(x arr) arr { return x.LogSumExp(0) },
		"softmax":     func(x arr) arr { return x.Softmax(0) },
		"cumsum":      func(x arr) arr { return x.CumSum(0) },
		"cumprod":     func(x arr) arr { return x.CumProd(0) },
		"cummax":      func(x arr) arr { return x.CumMax(0) },
		"kept":        func(x arr) arr { return x.Sub(x.MaxKeep(0)) },
		"grad of sum": grad.Of(func(x arr) arr { return x.Square().Sum(0).Sum() }),
		"grad of max": grad.Of(func(x arr) arr { return x.Max(0).Sum() }),
	}
	for name, f := range reductions {
		for _, sizes := range [][]int{{1, 4}, {4, 1, 4}, {1, 4, 1, 7, 4}} {
			c := compile.Of(f, compile.Shapeless())
			for _, n := range sizes {
				x := counting(n, 3)
				want, got := f(x), c.Call(x)
				require.Equal(t, want.Spec(), got.Spec(), "%s at %d of %v", name, n, sizes)
				if want.DType() == core.Float32 {
					require.InDeltaSlice(t, floats(want), floats(got), 1e-3, "%s at %d of %v", name, n, sizes)
				} else {
					require.Equal(t, want.Bytes(), got.Bytes(), "%s at %d of %v", name, n, sizes)
				}
			}
		}
	}
}

func TestBehaviour14_WhatDependsOnSizesIsNamed(t *testing.T) {
	size := 6
	for says, f := range map[string]function{
		"unstack differs at other sizes of the arguments":         func(x arr) arr { return x.Unstack(0)[1] },
		"a constant of Multiply differs at other sizes of the ar": func(x arr) arr { return x.Mul(num(float32(size))) },
	} {
		c := compile.Of(f, compile.Shapeless(), compile.Name("step"))
		size = 6
		c.Call(counting(6))
		size = 8
		e := failure(t, func() { c.Call(counting(8)) })
		require.ErrorIs(t, e, core.ErrShapeless)
		require.Contains(t, e.Error(), "compile.Of[step]: the program depends on sizes: "+says)
	}
}

// What MLX cannot record without sizes is recorded with them, as is what would not be
// comparable at two sizes; and inside another transform nothing is shapeless.
func TestBehaviour14_WhatNeedsSizesIsTracedForEach(t *testing.T) {
	chol := func(x arr) arr { return linalg.Cholesky(x.T().MatMul(x).Add(core.Identity(core.Float32, 3))) }
	cases := map[string]function{
		"gradient of a factor": grad.Of(func(x arr) arr { return chol(x).Sum() }),
		"tangent of a factor":  func(x arr) arr { _, d := grad.JVP(chol, x, x); return d },
		"tangent of an update": func(x arr) arr {
			_, d := grad.JVP(func(x arr) arr { return x.AtAdd(x.At(core.Pick(0)), core.Pick(1)) }, x, x)
			return d
		},
		"gradient of a scan":    grad.Of(func(x arr) arr { return flow.For(3, func(_, s arr) arr { return s.Mul(x).Sin() }, x).Sum() }),
		"a function with rules": grad.Custom(func(x arr) arr { return x.Mul(x) }, grad.WithVJP(func(x, y, ct arr) arr { return ct })),
		"gradient with rules": grad.Of(func(x arr) arr {
			return grad.Custom(func(x arr) arr { return x.Sum() }, grad.WithVJP(func(x, y, ct arr) arr { return x.Mul(ct) }))(x)
		}),
		"a transposed constant":  grad.Of(func(x arr) arr { return x.MatMul(counting(3, 2)).Square().Sum() }),
		"a mean and a broadcast": func(x arr) arr { return x.Sub(x.Mean()).Add(x.Sum(0)) },
	}
	for name, f := range cases {
		inside := compile.Of(f, compile.Shapeless())
		for range 2 {
			for _, n := range []int{2, 5, 3} {
				x := counting(n, 3).MulScalar(0.1)
				require.InDeltaSlice(t, floats(f(x)), floats(inside.Call(x)), 1e-4, "%s at %d", name, n)
				g := func(f function) function { return grad.Of(func(x arr) arr { return f(x).Square().Sum() }) }
				require.InDeltaSlice(t, floats(g(f)(x)), floats(g(inside.Call)(x)), 1e-3, "gradient of %s at %d", name, n)
			}
		}
	}
	// A mistake is no reason to try with sizes for good.
	fail := true
	calls := 0
	f := compile.Of(func(x arr) arr {
		calls++
		if fail {
			x.MatMul(counting(7, 7))
		}
		return x.Exp()
	}, compile.Shapeless())
	require.Equal(t, "MatMul", failure(t, func() { f.Call(counting(2, 3)) }).Op)
	require.Equal(t, 0, f.Stats().Entries)
	fail = false
	for n := 2; n < 9; n++ {
		f.Call(counting(n, 3))
	}
	require.Equal(t, 2, f.Stats().Traces)
	require.Equal(t, 4, calls)
}
