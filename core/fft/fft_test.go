package fft_test

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/fft"
)

func complexArray(pairs []float64, shape []int) *core.Array {
	z := make([]complex64, len(pairs)/2)
	for i := range z {
		z[i] = complex(float32(pairs[2*i]), float32(pairs[2*i+1]))
	}
	return core.From(z, shape...)
}

func pairs(a *core.Array) []float64 {
	var out []float64
	for _, z := range core.Data[complex64](a.AsType(core.Complex64)) {
		out = append(out, float64(real(z)), float64(imag(z)))
	}
	return out
}

// TestTransformsEqualNumPy compares with what testdata/fft.py stored.
func TestTransformsEqualNumPy(t *testing.T) {
	raw, err := os.ReadFile("testdata/fft.json")
	require.NoError(t, err)
	var cases []struct {
		Name                      string
		Shape, N, Axes, WantShape []int
		X, Want                   []float64
		Norm                      int
		Real                      bool
	}
	require.NoError(t, json.Unmarshal(raw, &cases))
	require.Greater(t, len(cases), 100)
	one := map[string]func(*core.Array, int, int, int) *core.Array{
		"FFT": fft.FFTWith, "IFFT": fft.IFFTWith, "RFFT": fft.RFFTWith, "IRFFT": fft.IRFFTWith,
	}
	many := map[string]func(*core.Array, []int, []int, int) *core.Array{
		"FFT2": fft.FFT2With, "IFFT2": fft.IFFT2With, "RFFT2": fft.RFFT2With, "IRFFT2": fft.IRFFT2With,
		"FFTN": fft.FFTNWith, "IFFTN": fft.IFFTNWith, "RFFTN": fft.RFFTNWith, "IRFFTN": fft.IRFFTNWith,
	}
	for _, c := range cases {
		name := fmt.Sprintf("%s %v n %v axes %v norm %d", c.Name, c.Shape, c.N, c.Axes, c.Norm)
		x := complexArray(c.X, c.Shape)
		if c.Name[0] == 'R' {
			x = x.Real()
		}
		var y *core.Array
		if f := one[c.Name]; f != nil {
			n := 0
			if len(c.N) > 0 {
				n = c.N[0]
			}
			y = f(x, n, c.Axes[0], c.Norm)
		} else {
			y = many[c.Name](x, c.N, c.Axes, c.Norm)
		}
		require.Equal(t, c.WantShape, y.Shape(), name)
		require.Equal(t, c.Real, y.DType() == core.Float32, name)
		require.InDeltaSlice(t, c.Want, pairs(y), 2e-5, name)
	}
}

func TestDefaultsAreBackwardAlongTheLastAxes(t *testing.T) {
	x := core.Arange(core.Float32, 0, 24, 1).Reshape(2, 3, 4).Sin()
	z := x.AsType(core.Complex64)
	for name, p := range map[string][2]*core.Array{
		"FFT":   {fft.FFT(x), fft.FFTWith(x, 0, 2, fft.Backward)},
		"FFT2":  {fft.FFT2(x), fft.FFT2With(x, nil, []int{1, 2}, fft.Backward)},
		"FFTN":  {fft.FFTN(x), fft.FFTNWith(x, nil, []int{0, 1, 2}, fft.Backward)},
		"RFFT":  {fft.IRFFT(fft.RFFT(x)), x},
		"RFFT2": {fft.IRFFT2(fft.RFFT2(x)), x},
		"RFFTN": {fft.IRFFTN(fft.RFFTN(x)), x},
		"IFFT":  {fft.IFFT(fft.FFT(z)), z},
		"IFFT2": {fft.IFFT2(fft.FFT2(z)), z},
		"IFFTN": {fft.IFFTN(fft.FFTN(z)), z},
		"shift": {fft.IFFTShift(fft.FFTShift(x)), x},
	} {
		require.Equal(t, p[1].Shape(), p[0].Shape(), name)
		require.InDeltaSlice(t, pairs(p[1]), pairs(p[0]), 1e-5, name)
	}
	assert.Equal(t, []float32{0, 0.25, -0.5, -0.25}, core.Data[float32](fft.FFTFreq(4, 1)))
	assert.Equal(t, []float32{3, 4, 0, 1, 2}, core.Data[float32](fft.FFTShift(core.Iota(core.Float32, 5))))
}

func TestShortTimeTransformComesBack(t *testing.T) {
	x := core.Iota(core.Float32, 256).MulScalar(0.3).Sin()
	w := core.Hanning(32)
	s := fft.STFT(x, 32, 8, w)
	require.Equal(t, 17, s.Dim(0))
	y := fft.ISTFT(s, 32, 8, w)
	n := min(y.Size(), x.Size())
	a, b := core.Data[float32](x), core.Data[float32](y)
	// The ends are covered by fewer frames.
	require.InDeltaSlice(t, a[16:n-16], b[16:n-16], 1e-4)
}

// TestGradientOfPower checks d/dx Σ|FFT x|² = 2n·x, Parseval's equation.
func TestGradientOfPower(t *testing.T) {
	x := core.From([]float32{1, -2, 3, 0.5, -1})
	_, g := core.Differentiate("grad", func(in []*core.Array) []*core.Array {
		return []*core.Array{fft.FFT(in[0]).Abs().Square().Sum()}
	}, []*core.Array{x}, []int{0})
	require.InDeltaSlice(t, core.Data[float32](x.MulScalar(10)), core.Data[float32](g[0]), 1e-4)
}

func TestBadArguments(t *testing.T) {
	x := core.Zeros(core.Float32, 4, 4)
	for name, f := range map[string]func() *core.Array{
		"axis":               func() *core.Array { return fft.FFTWith(x, 0, 2, fft.Backward) },
		"negative n":         func() *core.Array { return fft.FFTWith(x, -3, 0, fft.Backward) },
		"norm":               func() *core.Array { return fft.FFTWith(x, 0, 0, 3) },
		"negative norm":      func() *core.Array { return fft.IRFFTNWith(x, nil, nil, -1) },
		"repeated axis":      func() *core.Array { return fft.FFT2With(x, nil, []int{0, 0}, fft.Ortho) },
		"sizes and axes":     func() *core.Array { return fft.FFTNWith(x, []int{2}, []int{0, 1}, fft.Ortho) },
		"complex to RFFT":    func() *core.Array { return fft.RFFT(x.AsType(core.Complex64)) },
		"scalar":             func() *core.Array { return fft.FFT(core.Scalar(float32(1))) },
		"empty":              func() *core.Array { return fft.FFT(core.Zeros(core.Float32, 0)) },
		"nil":                func() *core.Array { return fft.FFT(nil) },
		"FFTFreq of nothing": func() *core.Array { return fft.FFTFreq(0, 1) },
		"shift axis":         func() *core.Array { return fft.FFTShift(x, 2) },
		"short signal": func() *core.Array {
			return fft.STFTWith(core.Zeros(core.Float32, 3), 8, 2, 8, nil, false, "constant", 0, true)
		},
		"pad mode": func() *core.Array {
			return fft.STFTWith(core.Zeros(core.Float32, 30), 8, 2, 8, nil, true, "wrap", 0, true)
		},
		"window":            func() *core.Array { return fft.STFT(core.Zeros(core.Float32, 30), 8, 2, core.Hanning(9)) },
		"negative hop":      func() *core.Array { return fft.STFT(core.Zeros(core.Float32, 30), 8, -1, nil) },
		"window of inverse": func() *core.Array { return fft.ISTFT(core.Zeros(core.Complex64, 5, 5), 8, 2, core.Hanning(9)) },
	} {
		_, err := core.Try(f)
		var e *core.Error
		if assert.ErrorAs(t, err, &e, name) {
			assert.NotContains(t, err.Error(), "\n")
		}
	}
}
