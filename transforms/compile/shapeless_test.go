package compile_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/compile"
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

// What is wrong when a stale size is repeated. Each must be right at every size,
// or fail with ErrShapeless; MLX is silently wrong in several.
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
		"tril":           {f: func(x arr) arr { return x.Tril(0) }, shape: func(n int) []int { return []int{n, n} }},
		"take":           {f: func(x arr) arr { return x.Take(core.From([]int32{0, -1}), 0) }},
		"split at":       {f: func(x arr) arr { return x.SplitAt(0, 2)[0] }},
		"split at rest":  {f: func(x arr) arr { return x.SplitAt(0, 2)[1] }},
		"split":          {f: func(x arr) arr { return x.Split(2, 0)[1] }, shape: func(n int) []int { return []int{2 * n} }},
		"reshape":        {f: func(x arr) arr { return x.Reshape(-1) }, shape: func(n int) []int { return []int{n, 3} }},
		"reshape fixed":  {f: func(x arr) arr { return x.Reshape(-1, 3) }, shape: func(n int) []int { return []int{3 * n} }},
		"flatten":        {f: func(x arr) arr { return x.Flatten() }, shape: func(n int) []int { return []int{n, 2, n} }},
		"unflatten":      {f: func(x arr) arr { return x.Unflatten(0, 2, -1) }, shape: func(n int) []int { return []int{2 * n} }},
		"matmul":         {f: func(x arr) arr { return x.MatMul(w) }, shape: func(n int) []int { return []int{n, 4} }},
		"batched matmul": {f: func(x arr) arr { return x.MatMul(w) }, shape: func(n int) []int { return []int{n, n + 1, 4} }},
		"broadcast":      {f: func(x arr) arr { return x.Add(counting(4, 1)) }},
		"broadcast to":   {f: func(x arr) arr { return num(2).BroadcastTo(3).Mul(x.Sum()) }},
		"ones like":      {f: func(x arr) arr { return x.OnesLike() }},
		"zeros like":     {f: func(x arr) arr { return x.ZerosLike().Add(x) }},
		"concatenate":    {f: func(x arr) arr { return core.Concatenate(0, x, x) }},
		"stack":          {f: func(x arr) arr { return core.Stack(1, x, x.Neg()) }},
		"pad by tile":    {f: func(x arr) arr { return x.Tile(2) }},
		"repeat":         {f: func(x arr) arr { return x.Repeat(2, 0) }},
		"sort":           {f: func(x arr) arr { return x.Neg().Sort(0) }},
		"argmax":         {f: func(x arr) arr { return x.ArgMax(0) }},
		"cumsum":         {f: func(x arr) arr { return x.CumSum(0) }},
		"roll by flip":   {f: func(x arr) arr { return x.Flip(0) }},
		"transpose":      {f: func(x arr) arr { return x.T().Contiguous() }, shape: func(n int) []int { return []int{n, 2} }},
		"expand":         {f: func(x arr) arr { return x.ExpandDims(0).Add(x.ExpandDims(1)) }},
		"einsum":         {f: func(x arr) arr { return core.Einsum("ij,jk->ik", x, w) }, shape: func(n int) []int { return []int{n, 4} }},
		"outer":          {f: func(x arr) arr { return x.Outer(x) }},
		"diag":           {f: func(x arr) arr { return x.Diag(0) }},
		"linspace":       {f: func(x arr) arr { return core.Linspace(core.Float32, 0, 1, x.Shape()[0]) }},
		"grad":           {f: grad.Of(func(x arr) arr { return x.Square().Mean() })},
		"grad of max":    {f: grad.Of(func(x arr) arr { return x.Max() })},
		"vjp":            {f: func(x arr) arr { y, pull := grad.VJP(func(x arr) arr { return x.Sin() }, x); return pull(y) }},
		"jvp":            {f: func(x arr) arr { _, d := grad.JVP(func(x arr) arr { return x.Softmax(0) }, x, x); return d }},
		"vmap":           {f: vmap.Of(func(x arr) arr { return x.Mul(x).Add(num(1)) })},
		"vmap constant":  {f: vmap.Of(func(x arr) arr { return num(1) })},
	}
	for name, c := range cases {
		shape := c.shape
		if shape == nil {
			shape = func(n int) []int { return []int{n} }
		}
		for _, sizes := range [][]int{{4, 7, 3, 25, 2}, {7, 4, 2}, {3, 5, 6, 1, 3}, {1, 4, 1, 5}, {5, 3, 0, 4}} {
			f := compile.Of(c.f, compile.Shapeless())
			for _, n := range sizes {
				x := counting(shape(n)...)
				want, wantErr := core.Try(func() arr { return c.f(x) })
				got, err := core.Try(func() arr { return f.Call(x) })
				if err != nil {
					if wantErr == nil {
						require.ErrorIs(t, err, core.ErrShapeless, "%s %v at %d", name, sizes, n)
						require.NotContains(t, err.Error(), "\n")
					}
					continue
				}
				require.NoError(t, wantErr, "%s %v at %d: no error, but eager fails", name, sizes, n)
				require.Equal(t, want.Spec(), got.Spec(), "%s %v at %d", name, sizes, n)
				if want.DType() == core.Float32 {
					require.InDeltaSlice(t, floats(want), floats(got), 1e-3, "%s %v at %d", name, sizes, n)
				} else {
					require.Equal(t, want.Bytes(), got.Bytes(), "%s %v at %d", name, sizes, n)
				}
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
