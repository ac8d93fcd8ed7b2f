package quant_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/quant"
	"github.com/adjoint-go/adjoint/core/random"
)

// TestRoundingStaysWithinHalfAStep bounds the error of affine quantisation by half
// of a group's range over its number of steps.
func TestRoundingStaysWithinHalfAStep(t *testing.T) {
	m := random.Normal(random.Key(1), core.Float32, 4, 128)
	for _, group := range []int{32, 64, 128} {
		for _, bits := range []int{2, 3, 4, 5, 6, 8} {
			name := fmt.Sprint(group, " ", bits)
			w, s, b := quant.Quantize(m, group, bits)
			require.Equal(t, core.Uint32, w.DType(), name)
			require.Equal(t, []int{4, 128 * bits / 32}, w.Shape(), name)
			require.Equal(t, []int{4, 128 / group}, s.Shape(), name)
			back := quant.Dequantize(w, s, b, group, bits)
			off := back.Sub(m).Abs().Reshape(4, 128/group, group).Max(-1)
			// The end nearer to zero may move by as much when zero is kept exact.
			step := s.Abs().MulScalar(1.01)
			require.Equal(t, 1.0, off.LessEqual(step).All().Item(), name)
			x := random.Normal(random.Key(2), core.Float32, 3, 128)
			require.InDeltaSlice(t, core.Data[float32](x.MatMul(back.T())), core.Data[float32](quant.MatMul(x, w, s, b, group, bits)), 1e-3, name)
		}
	}
}

func TestPickedMatrices(t *testing.T) {
	m := random.Normal(random.Key(3), core.Float32, 3, 4, 64)
	w, s, b := quant.Quantize(m, 32, 4)
	x := random.Normal(random.Key(4), core.Float32, 2, 1, 64)
	lhs, rhs := core.From([]uint32{1, 0, 1}), core.From([]uint32{2, 2, 0})
	y := quant.GatherMM(x, w, s, b, lhs, rhs, 32, 4)
	back := quant.Dequantize(w, s, b, 32, 4)
	want := x.Take(lhs, 0).MatMul(back.Take(rhs, 0).SwapAxes(-1, -2))
	require.Equal(t, want.Shape(), y.Shape())
	require.InDeltaSlice(t, core.Data[float32](want), core.Data[float32](y), 1e-3)
	_, err := core.Try(func() *core.Array { return quant.GatherMM(x, w, s, b, lhs, core.From([]uint32{3, 0, 0}), 32, 4) })
	require.ErrorContains(t, err, "index 3 is out of range")
	core.Eval(quant.GatherMM(x, w, s, b, core.From([]uint32{0}).AddScalar(1<<20), nil, 32, 4).Shape())
}

func TestEightBitFloatsComeBack(t *testing.T) {
	x := core.From([]float32{0, 1, -1.5, 448, -0.0625, 1000})
	require.Equal(t, []float32{0, 1, -1.5, 448, -0.0625, 448}, core.Data[float32](quant.FromFP8(quant.ToFP8(x), core.Float32)))
	for _, d := range []core.DType{core.Float64, core.Float16, core.BFloat16} {
		bytes := quant.ToFP8(x.AsType(d))
		require.Equal(t, core.Data[uint8](quant.ToFP8(x)), core.Data[uint8](bytes), d)
		back := quant.FromFP8(bytes, d)
		require.Equal(t, d, back.DType())
		require.Equal(t, []float32{0, 1, -1.5, 448, -0.0625, 448}, core.Data[float32](back.AsType(core.Float32)), d)
	}
}

func TestBadArguments(t *testing.T) {
	m := core.Zeros(core.Float32, 2, 64)
	w, s, b := quant.Quantize(m, 64, 4)
	x := core.Zeros(core.Float32, 1, 64)
	for name, f := range map[string]func() *core.Array{
		"bits":             func() *core.Array { w, _, _ := quant.Quantize(m, 64, 7); return w },
		"group":            func() *core.Array { w, _, _ := quant.Quantize(m, 48, 4); return w },
		"odd columns":      func() *core.Array { w, _, _ := quant.Quantize(core.Zeros(core.Float32, 2, 65), 64, 4); return w },
		"vector":           func() *core.Array { w, _, _ := quant.Quantize(core.Zeros(core.Float32, 64), 64, 4); return w },
		"integers":         func() *core.Array { w, _, _ := quant.Quantize(core.Zeros(core.Int32, 2, 64), 64, 4); return w },
		"mode":             func() *core.Array { return quant.QuantizeMode(m, 0, 0, "none", nil)[0] },
		"nil":              func() *core.Array { w, _, _ := quant.Quantize(nil, 64, 4); return w },
		"inner size":       func() *core.Array { return quant.MatMul(core.Zeros(core.Float32, 1, 32), w, s, b, 64, 4) },
		"other bits":       func() *core.Array { return quant.MatMul(x, w, s, b, 64, 8) },
		"no scales":        func() *core.Array { return quant.MatMul(x, w, nil, b, 64, 4) },
		"scalar x":         func() *core.Array { return quant.MatMul(core.Scalar(float32(1)), w, s, b, 64, 4) },
		"unpacked weights": func() *core.Array { return quant.Dequantize(m, s, b, 64, 4) },
	} {
		y, err := core.Try(f)
		var e *core.Error
		if assert.ErrorAs(t, err, &e, "%s gave %v", name, y) {
			assert.NotContains(t, err.Error(), "\n")
		}
	}
}
