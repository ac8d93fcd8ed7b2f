package core_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
)

func TestSegmentsInHalfPrecision(t *testing.T) {
	a := core.Arange(core.Float32, 0, 24, 1).Reshape(3, 8).MulScalar(0.25)
	b := core.Arange(core.Float32, 0, 16, 1).Reshape(8, 2).MulScalar(0.125)
	segments := core.From([]uint32{0, 3, 3, 8}, 2, 2)
	want := flat(core.Stack(0,
		a.Slice(1, 0, 3).MatMul(b.Slice(0, 0, 3)), a.Slice(1, 3, 8).MatMul(b.Slice(0, 3, 8))))
	require.Equal(t, want, flat(core.SegmentedMM(a, b, segments)))
	half := core.SegmentedMM(a.AsType(core.BFloat16), b.AsType(core.BFloat16), segments)
	require.Equal(t, core.BFloat16, half.DType())
	require.InDeltaSlice(t, want, flat(half.AsType(core.Float32)), 0.3)
}

func TestMasksOfABatchDoNotMix(t *testing.T) {
	a, b := core.Ones(core.Float32, 2, 3), core.Ones(core.Float32, 2, 3, 1)
	lhs := core.From([]bool{false, true}, 2, 1, 1)
	require.Equal(t, []float32{0, 0, 3, 3}, flat(core.BlockMaskedMM(a, b, 32, nil, lhs, nil)))
}

func TestTransposedConvolutionCutsBetweenElements(t *testing.T) {
	x, w := core.From([]float32{1, 2, 3}, 1, 3, 1), core.From([]float32{1}, 1, 1, 1)
	require.Equal(t, []float32{1, 0, 2, 0, 3}, flat(x.ConvTranspose1d(w, 2, 0, 1, 0, 1)))
	require.Equal(t, []float32{0, 2, 0}, flat(x.ConvTranspose1d(w, 2, 1, 1, 0, 1)))
	two := core.From([]float32{1, 2}, 1, 2, 1)
	require.Equal(t, []float32{0}, flat(two.ConvTranspose1d(w, 2, 1, 1, 0, 1)))
}

// TestHadamardOfOtherLengths: MLX takes any length that 12, 20 or 28 divides, and writes
// past the end of the row for 72 = 12·6.
func TestHadamardOfOtherLengths(t *testing.T) {
	for _, n := range []int{3, 6, 36, 60, 72, 76, 100, 180} {
		_, err := core.Try(func() *core.Array { return core.Ones(core.Float32, 2, n).Hadamard() })
		require.ErrorContains(t, err, "m·2ᵏ", n)
	}
	for _, n := range []int{1, 2, 12, 20, 24, 28, 40, 56, 64} {
		x := core.Arange(core.Float32, 0, float64(2*n), 1).Reshape(2, n)
		if n&(n-1) == 0 {
			require.InDeltaSlice(t, flat(x), flat(x.Hadamard().Hadamard()), 1e-4, n)
		}
		require.InEpsilon(t, x.Square().Sum().Item(), x.Hadamard().Square().Sum().Item(), 1e-5, n)
	}
}
