package nn_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/nn"
)

// fails expects an *Error of one line that holds want.
func fails(t *testing.T, want string, f func()) {
	t.Helper()
	_, err := core.Try(func() *core.Array { f(); return nil })
	require.ErrorContains(t, err, want)
	var e *core.Error
	require.ErrorAs(t, err, &e)
	require.NotContains(t, err.Error(), "\n")
	require.Contains(t, err.Error(), "_test.go:")
}

func TestBadInputs(t *testing.T) {
	key := random.Key(0)
	x := core.Ones(core.Float32, 2, 3)
	image := core.Ones(core.Float32, 1, 4, 4, 3)
	linear := nn.NewLinear(key, 4, 2)
	conv := nn.NewConv2d(key, 2, 4, [2]int{3, 3}, nn.Conv2dConfig{})
	narrow := core.Ones(core.Float32, 3)
	for _, c := range []struct {
		name, want string
		l          nn.Layer
		x          *core.Array
	}{
		{"linear features", "3 features in its last axis, the layer is for 4", linear, x},
		{"linear nil input", "the input: the array is nil", linear, nil},
		{"linear scalar", "0 axes", linear, core.Scalar[float32](1)},
		{"linear without weight", "weight: the array is nil", nn.Linear{}, x},
		{"linear with a vector", "want (out, in)", nn.Linear{Weight: narrow}, x},
		{"linear bias", "the bias has shape [3], want [2]", nn.Linear{Weight: linear.Weight, Bias: narrow}, core.Ones(core.Float32, 4)},
		{"conv channels", "3 features in its last axis, the layer is for 2", conv, image},
		{"conv axes", "2 axes, want (n, h, w, channels)", conv, x},
		{"conv too small", "Conv2d", conv, core.Ones(core.Float32, 1, 2, 2, 2)},
		{"conv without weight", "weight: the array is nil", nn.Conv2d{}, image},
		{"conv groups", "do not divide", nn.Conv2d{Weight: core.Ones(core.Float32, 4, 1, 1, 1), Conv2dConfig: nn.Conv2dConfig{Groups: 3}}, image},
		{"conv stride", "want at least 1", nn.Conv2d{Weight: conv.Weight, Conv2dConfig: nn.Conv2dConfig{Stride: [2]int{-1, 1}}}, image},
		{"conv padding", "is negative", nn.Conv2d{Weight: conv.Weight, Conv2dConfig: nn.Conv2dConfig{Padding: [2]int{-1, 1}}}, image},
		{"embedding dtype", "indices are float32", nn.NewEmbedding(key, 3, 2), x},
		{"embedding range", "out of range: the table has 3 entries", nn.NewEmbedding(key, 3, 2), core.From([]int{0, 3})},
		{"embedding below", "out of range", nn.NewEmbedding(key, 3, 2), core.From([]int{-4})},
		{"embedding huge", "out of range", nn.NewEmbedding(key, 3, 2), core.From([]uint64{1 << 63})},
		{"embedding small type", "out of range", nn.NewEmbedding(key, 200, 2), core.From([]uint8{201})},
		{"embedding without weight", "weight: the array is nil", nn.Embedding{}, core.From([]int{0})},
		{"layer norm", "the weight has shape [4], want [3]", nn.NewLayerNorm(4), x},
		{"layer norm eps", "eps -1", nn.LayerNorm{Eps: -1}, x},
		{"layer norm scalar", "0 axes", nn.LayerNorm{}, core.Scalar[float32](0)},
		{"rms norm", "the weight has shape [4], want [3]", nn.NewRMSNorm(4), x},
		{"batch norm", "the weight has shape [4], want [3]", nn.NewBatchNorm(4), x},
		{"batch norm vector", "1 axes", nn.NewBatchNorm(3), narrow},
		{"batch norm half", "running mean and variance", nn.BatchNorm{Mean: narrow}, x},
		{"dropout", "probability 1: want", nn.Dropout{P: 1}, x},
		{"pool axes", "want (n, h, w, channels)", nn.NewMaxPool2d(2), x},
		{"pool kernel", "want at least 1", nn.MaxPool2d{}, image},
		{"pool padding", "padding 2", nn.AvgPool2d{Window: nn.Window{Kernel: [2]int{3, 3}, Padding: [2]int{2, 0}}}, image},
		{"pool too small", "fewer than a window of 5", nn.NewAvgPool2d(5), image},
		{"pool ints", "int32", nn.NewMaxPool2d(2), image.AsType(core.Int32)},
		{"func", "the function is nil", nn.Func(nil), x},
		{"sequential", "layer 1 is nil", nn.Sequential{nn.Func(nn.ReLU), nil}, x},
		{"prelu", "want a weight of", nn.PReLU{Weight: core.Ones(core.Float32, 2)}, x},
		{"glu", "an even number", nn.Func(nn.GLU), x},
		{"complex", "complex", nn.Func(nn.GELU), x.AsType(core.Complex64)},
		{"softmax of a scalar", "is a scalar", nn.Func(nn.Softmax), core.Scalar[float32](1)},
		{"flatten", "at least one axis", nn.Func(nn.Flatten), core.Scalar[float32](1)},
	} {
		t.Run(c.name, func(t *testing.T) { fails(t, c.want, func() { c.l.Forward(nil, c.x) }) })
	}
}

func TestBadConstructors(t *testing.T) {
	key := random.Key(0)
	fails(t, "key: the array is nil", func() { nn.NewLinear(nil, 1, 1) })
	fails(t, "want at least 1", func() { nn.NewLinear(key, 0, 1) })
	fails(t, "want at least 1", func() { nn.NewConv2d(key, 1, 1, [2]int{0, 1}, nn.Conv2dConfig{}) })
	fails(t, "2 groups do not divide 3 input", func() { nn.NewConv2d(key, 3, 4, [2]int{1, 1}, nn.Conv2dConfig{Groups: 2}) })
	fails(t, "want at least 1", func() { nn.NewEmbedding(key, 1, -1) })
	fails(t, "want at least 1", func() { nn.NewBatchNorm(0) })
	fails(t, "want at least 1", func() { nn.NewMaxPool2d(0) })
}

func TestBadContexts(t *testing.T) {
	x := core.Ones(core.Float32, 2, 3)
	fails(t, "give nn.Training a key", func() { nn.Dropout{P: 0.5}.Forward(nn.Training(nil), x) })
	fails(t, "no key in inference", func() { (*nn.Ctx)(nil).Key() })
	fails(t, "inference", func() { (*nn.Ctx)(nil).Set(x, x) })
	fails(t, "nil", func() { nn.Training(nil).Set(nil, x) })
	fails(t, "cannot take the place", func() { nn.Training(nil).Set(x, x.Sum()) })
	fails(t, "1 values per feature", func() { nn.NewBatchNorm(3).Forward(nn.Training(nil), core.Ones(core.Float32, 1, 3)) })
	b := nn.NewBatchNorm(3)
	b.Momentum = 2
	fails(t, "momentum 2", func() { b.Forward(nn.Training(nil), x) })
}
