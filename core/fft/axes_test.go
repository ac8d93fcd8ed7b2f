package fft_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/fft"
)

// With a size given, the engine wrote to where the axis would be.
func TestAxesThatAreNotThere(t *testing.T) {
	x := core.Scalar(float32(1))
	v := core.From([]float32{1, 2, 3})
	for name, f := range map[string]func() *core.Array{
		"fft":    func() *core.Array { return fft.FFTWith(x, 4, 0, 0) },
		"ifft":   func() *core.Array { return fft.IFFTWith(v, 4, 1, 0) },
		"rfft":   func() *core.Array { return fft.RFFTWith(v, 4, -2, 0) },
		"irfft":  func() *core.Array { return fft.IRFFTWith(v, 4, 1, 0) },
		"fft2":   func() *core.Array { return fft.FFT2With(v, []int{2, 3}, []int{0, 1}, 0) },
		"ifft2":  func() *core.Array { return fft.IFFT2With(v, []int{2, 3}, []int{-1, -2}, 0) },
		"rfft2":  func() *core.Array { return fft.RFFT2With(x, []int{2, 3}, []int{0, 1}, 2) },
		"irfft2": func() *core.Array { return fft.IRFFT2With(x, []int{2, 3}, []int{0, 1}, 2) },
		"fftn":   func() *core.Array { return fft.FFTNWith(v, []int{2, 3}, []int{0, 7}, 0) },
		"ifftn":  func() *core.Array { return fft.IFFTNWith(v, []int{2}, []int{1}, 0) },
		"rfftn":  func() *core.Array { return fft.RFFTNWith(v, []int{2}, []int{1}, 0) },
		"irfftn": func() *core.Array { return fft.IRFFTNWith(v, []int{2}, []int{1}, 0) },
	} {
		_, err := core.Try(f)
		require.ErrorContains(t, err, "is out of range", name)
	}
}

func TestInverseOfNothingHasADerivative(t *testing.T) {
	empty := core.Zeros(core.Float32, 0, 3)
	inverse := func(a *core.Array) *core.Array {
		return fft.IRFFT2With(a.AsType(core.Complex64), []int{1, 3}, []int{0, 1}, 2)
	}
	y, dy := core.PushForward("jvp", func(in []*core.Array) []*core.Array {
		return []*core.Array{inverse(in[0])}
	}, []*core.Array{empty}, []int{0}, []*core.Array{empty})
	require.Equal(t, []int{1, 3}, y[0].Shape())
	require.Equal(t, []float32{0, 0, 0}, core.Data[float32](dy[0]))
}
