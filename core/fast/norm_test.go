package fast_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/fast"
	"github.com/adjoint-go/adjoint/core/random"
)

// normed normalises a row in float64.
func normed(row []float32, centred bool, eps float64) []float64 {
	mean, square := 0.0, 0.0
	for _, v := range row {
		mean += float64(v) / float64(len(row))
	}
	if !centred {
		mean = 0
	}
	out := make([]float64, len(row))
	for i, v := range row {
		out[i] = float64(v) - mean
		square += out[i] * out[i] / float64(len(row))
	}
	for i := range out {
		out[i] /= math.Sqrt(square + eps)
	}
	return out
}

// TestNormsOfEverySize compares both normalizations with ones in float64: with and without a weight and a bias, of rows
// that lie apart, and of more values than are added up at once.
func TestNormsOfEverySize(t *testing.T) {
	const eps = 1e-3
	for _, shape := range [][]int{{1}, {1, 5}, {300, 64}, {7, 1000}, {2, 9000}, {3, 4, 130}} {
		n := shape[len(shape)-1]
		for dtype, unit := range map[core.DType]float64{core.Float32: 0x1p-18, core.Float16: 0x1p-9, core.BFloat16: 0x1p-6} {
			x := random.Normal(random.Key(1), core.Float32, shape...).Add(core.Scalar(float32(0.5))).AsType(dtype)
			w, b := random.Normal(random.Key(2), core.Float32, n).AsType(dtype), random.Normal(random.Key(3), core.Float32, n).AsType(dtype)
			values := func(a *core.Array) []float32 { return core.Data[float32](a.AsType(core.Float32)) }
			rows, weights, biases := values(x), values(w), values(b)
			check := func(name string, got *core.Array, centred, weighted, biased bool) {
				t.Helper()
				require.Equal(t, shape, got.Shape())
				require.Equal(t, dtype, got.DType())
				out := values(got)
				for r := 0; r < len(rows); r += n {
					for i, v := range normed(rows[r:r+n], centred, eps) {
						bound := 1.0
						if weighted {
							v *= float64(weights[i])
						}
						bound += math.Abs(v)
						if biased {
							v += float64(biases[i])
							bound += math.Abs(v)
						}
						require.InDelta(t, v, out[r+i], unit*bound, fmt.Sprint(name, shape, dtype, i))
					}
				}
			}
			check("layer", fast.LayerNorm(x, nil, nil, eps), true, false, false)
			check("weighted", fast.LayerNorm(x, w, nil, eps), true, true, false)
			check("biased", fast.LayerNorm(x, nil, b, eps), true, false, true)
			check("both", fast.LayerNorm(x, w, b, eps), true, true, true)
			check("root", fast.RMSNorm(x, nil, eps), false, false, false)
			check("root weighted", fast.RMSNorm(x, w, eps), false, true, false)
			apart := x.SwapAxes(0, len(shape)-1).Contiguous().SwapAxes(0, len(shape)-1)
			check("apart", fast.LayerNorm(apart, w, b, eps), true, true, true)
		}
	}
	nan := core.From([]float32{1, float32(math.NaN()), 2, 1, 2, 3}, 2, 3)
	got := core.Data[float32](fast.LayerNorm(nan, nil, nil, eps))
	for i := range 3 {
		assert.True(t, math.IsNaN(float64(got[i])))
		assert.False(t, math.IsNaN(float64(got[3+i])))
	}
}
