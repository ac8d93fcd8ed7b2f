package nn_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/nn"
	"github.com/adjoint-go/adjoint/nn/internal/fixture"
	"github.com/adjoint-go/adjoint/transforms/grad"
)

var activations = map[string]nn.Func{
	"ReLU": nn.ReLU, "ReLU2": nn.ReLU2, "ReLU6": nn.ReLU6, "SELU": nn.SELU, "GELU": nn.GELU,
	"GELUApprox": nn.GELUApprox, "GELUFast": nn.GELUFast, "SiLU": nn.SiLU, "Mish": nn.Mish,
	"Sigmoid": nn.Sigmoid, "LogSigmoid": nn.LogSigmoid, "Tanh": nn.Tanh, "Softplus": nn.Softplus,
	"Softsign": nn.Softsign, "Hardswish": nn.Hardswish, "Softmax": nn.Softmax, "Softmin": nn.Softmin,
	"LogSoftmax": nn.LogSoftmax, "GLU": nn.GLU,
	"LeakyReLU":  func(x *core.Array) *core.Array { return nn.LeakyReLU(x, 0.1) },
	"ELU":        func(x *core.Array) *core.Array { return nn.ELU(x, 1.3) },
	"CELU":       func(x *core.Array) *core.Array { return nn.CELU(x, 0.7) },
	"HardTanh":   func(x *core.Array) *core.Array { return nn.HardTanh(x, -1, 1) },
	"HardShrink": func(x *core.Array) *core.Array { return nn.HardShrink(x, 0.5) },
	"Softshrink": func(x *core.Array) *core.Array { return nn.Softshrink(x, 0.5) },
	"Step":       func(x *core.Array) *core.Array { return nn.Step(x, 0.1) },
}

func TestActivationsAsInMLX(t *testing.T) {
	met := map[string]bool{}
	for _, c := range fixture.Read(t, "testdata/activations.json") {
		var l nn.Layer = activations[c.Name]
		met[c.Name] = true
		if c.Name == "PReLU" {
			l = nn.PReLU{Weight: c.Arg("weight")}
		}
		checkLayer(t, c, l)
	}
	for name := range activations {
		require.True(t, met[name], name)
	}
}

func TestActivationsStayFinite(t *testing.T) {
	for name, f := range activations {
		for _, v := range []float32{-1e4, -200, 0, 200, 1e4} {
			x := core.From([]float32{v, v})
			y, g := grad.ValueAndGrad(func(x *core.Array) *core.Array { return f(x).Sum() })(x)
			require.False(t, math.IsNaN(y.Item()), "%s(%v)", name, v)
			for _, d := range core.Data[float32](g) {
				require.False(t, math.IsNaN(float64(d)) || math.IsInf(float64(d), 0) && name != "ReLU2", "%s'(%v) = %v", name, v, d)
			}
		}
		if name == "Step" || name == "HardShrink" || name == "Softshrink" {
			continue
		}
		half := core.From([]float32{-1, 2}).AsType(core.BFloat16)
		require.Equal(t, core.BFloat16, f(half).DType(), name)
	}
	require.Equal(t, core.Float32, nn.GELU(core.From([]int{1, 2})).DType())
}

// checkLayer compares a layer's value and gradients with a case.
func checkLayer[L nn.Layer](t *testing.T, c fixture.Case, l L) {
	t.Helper()
	x, ct := c.Arg("x"), c.Arg("ct")
	c.Check(t, "y", l.Forward(nil, x))
	type both struct {
		L nn.Layer
		X *core.Array
	}
	g := grad.Of(func(b both) *core.Array { return b.L.Forward(nil, b.X).Mul(ct).Sum() })(both{l, x})
	if _, ok := c.Out["dx"]; ok {
		c.Check(t, "dx", g.X)
	}
	weights := map[string]*core.Array{}
	switch l := g.L.(type) {
	case nn.PReLU:
		weights["dweight"] = l.Weight
	case nn.Linear:
		weights["dweight"], weights["dbias"] = l.Weight, l.Bias
	case nn.Conv2d:
		weights["dweight"], weights["dbias"] = l.Weight, l.Bias
	case nn.Embedding:
		weights["dweight"] = l.Weight
	case nn.LayerNorm:
		weights["dweight"], weights["dbias"] = l.Weight, l.Bias
	case nn.RMSNorm:
		weights["dweight"] = l.Weight
	}
	for name, w := range weights {
		if w != nil {
			c.Check(t, name, w)
		} else {
			require.NotContains(t, c.Out, name)
		}
	}
}
