package nn

import (
	"fmt"
	"math"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/nn/internal/look"
)

// Linear is x·Wᵀ + b.
type Linear struct {
	Weight *core.Array `tree:"weight"` // (out, in)
	Bias   *core.Array `tree:"bias"`   // (out), or absent
}

// NewLinear returns a Linear with weights and bias uniform in ±1/√in, float32.
// Errors: key is nil, a size is below 1.
func NewLinear(key *core.Array, in, out int) Linear {
	const op = "nn.NewLinear"
	present(op, "key", key)
	positive(op, "sizes", in, out)
	scale := 1 / math.Sqrt(float64(in))
	k1, k2 := random.Split(key)
	return Linear{
		Weight: random.Uniform(k1, -scale, scale, core.Float32, out, in),
		Bias:   random.Uniform(k2, -scale, scale, core.Float32, out),
	}
}

// Forward applies the layer to the last axis.
//
// Shapes: (…, in) → (…, out). Errors: the weight is absent, or the last axis of
// x has another size than in.
func (l Linear) Forward(_ *Ctx, x *core.Array) *core.Array {
	const op = "nn.Linear"
	present(op, "weight", l.Weight)
	w := look.Shape(l.Weight)
	if len(w) != 2 {
		core.Fail(op, []*core.Array{l.Weight}, fmt.Errorf("the weight has %d axes, want (out, in)", len(w)))
	}
	features(op, x, w[1], 1, "(…, in)")
	perFeature(op, "the bias", l.Bias, w[0])
	y := x.MatMul(l.Weight.T())
	if l.Bias == nil {
		return y
	}
	return y.Add(l.Bias)
}

// perFeature fails unless a, where present, is a vector of n elements.
func perFeature(op, name string, a *core.Array, n int) {
	if a == nil {
		return
	}
	if s := look.Shape(a); len(s) != 1 || s[0] != n {
		core.Fail(op, []*core.Array{a}, fmt.Errorf("%s has shape %v, want [%d]", name, s, n))
	}
}
