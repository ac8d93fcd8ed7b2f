package nn

import (
	"fmt"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/fast"
	"github.com/adjoint-go/adjoint/nn/internal/look"
)

// LayerNorm brings the last axis to mean 0 and variance 1, then scales and
// shifts it. Source: Ba et al. 2016.
type LayerNorm struct {
	Weight *core.Array `tree:"weight"` // (features), or absent
	Bias   *core.Array `tree:"bias"`   // (features), or absent
	Eps    float64     // added to the variance; 0 is 1e-5
}

// NewLayerNorm returns a LayerNorm with weight 1 and bias 0, float32.
func NewLayerNorm(features int) LayerNorm {
	positive("nn.NewLayerNorm", "features", features)
	return LayerNorm{Weight: core.Ones(core.Float32, features), Bias: core.Zeros(core.Float32, features)}
}

// Forward normalises x.
//
// Shapes: (…, features) → the same. Errors: other features than the weight's.
func (l LayerNorm) Forward(_ *Ctx, x *core.Array) *core.Array {
	const op = "nn.LayerNorm"
	n := lastAxis(op, x)
	perFeature(op, "the weight", l.Weight, n)
	perFeature(op, "the bias", l.Bias, n)
	return fast.LayerNorm(x, l.Weight, l.Bias, epsilon(op, l.Eps))
}

// RMSNorm divides the last axis by its root mean square and scales it. Source:
// Zhang and Sennrich 2019.
type RMSNorm struct {
	Weight *core.Array `tree:"weight"` // (features), or absent
	Eps    float64     // added to the mean square; 0 is 1e-5
}

// NewRMSNorm returns an RMSNorm with weight 1, float32.
func NewRMSNorm(features int) RMSNorm {
	positive("nn.NewRMSNorm", "features", features)
	return RMSNorm{Weight: core.Ones(core.Float32, features)}
}

// Forward normalises x.
//
// Shapes: (…, features) → the same. Errors: other features than the weight's.
func (l RMSNorm) Forward(_ *Ctx, x *core.Array) *core.Array {
	const op = "nn.RMSNorm"
	perFeature(op, "the weight", l.Weight, lastAxis(op, x))
	return fast.RMSNorm(x, l.Weight, epsilon(op, l.Eps))
}

// BatchNorm brings each feature to mean 0 and variance 1 over the batch, then
// scales and shifts it. In training it uses the statistics of its input and
// records running ones, which [Commit] puts into the model and inference uses.
// Source: Ioffe and Szegedy 2015.
type BatchNorm struct {
	Weight   *core.Array `tree:"weight"` // (features), or absent
	Bias     *core.Array `tree:"bias"`   // (features), or absent
	Mean     *core.Array `tree:"running_mean,state"`
	Var      *core.Array `tree:"running_var,state"` // unbiased; both absent: inference too uses its input's
	Momentum float64     // share of a new batch in the running statistics; 0 is 0.1
	Eps      float64     // added to the variance; 0 is 1e-5
}

// NewBatchNorm returns a BatchNorm with weight 1, bias 0, running mean 0 and
// running variance 1, float32.
func NewBatchNorm(features int) BatchNorm {
	positive("nn.NewBatchNorm", "features", features)
	return BatchNorm{
		Weight: core.Ones(core.Float32, features), Bias: core.Zeros(core.Float32, features),
		Mean: core.Zeros(core.Float32, features), Var: core.Ones(core.Float32, features),
	}
}

// Forward normalises x over all axes but the last.
//
// Shapes: (n, …, features) → the same. Errors: other features than the layer's;
// only one of the running statistics is present; in training, one value per
// feature.
func (l BatchNorm) Forward(c *Ctx, x *core.Array) *core.Array {
	const op = "nn.BatchNorm"
	n := lastAxis(op, x)
	if axes := x.NDim(); axes < 2 {
		core.Fail(op, []*core.Array{x}, fmt.Errorf("the input has %d axes, want (n, …, features)", axes))
	}
	for _, p := range []struct {
		name string
		a    *core.Array
	}{{"the weight", l.Weight}, {"the bias", l.Bias}, {"the running mean", l.Mean}, {"the running variance", l.Var}} {
		perFeature(op, p.name, p.a, n)
	}
	if (l.Mean == nil) != (l.Var == nil) {
		core.Fail(op, nil, fmt.Errorf("one of the running mean and variance: %w", core.ErrNil))
	}
	mean, variance := l.Mean, l.Var
	if c.Train() || l.Mean == nil {
		mean, variance = l.batch(op, c, x)
	}
	y := x.Sub(mean).Mul(variance.AddScalar(epsilon(op, l.Eps)).Rsqrt())
	if l.Weight != nil {
		y = y.Mul(l.Weight)
	}
	if l.Bias != nil {
		y = y.Add(l.Bias)
	}
	return y.AsType(x.DType())
}

// batch returns the statistics of x, and records the running ones in training.
func (l BatchNorm) batch(op string, c *Ctx, x *core.Array) (mean, variance *core.Array) {
	shape := x.Shape()
	axes := make([]int, len(shape)-1)
	count := 1
	for i := range axes {
		axes[i], count = i, count*shape[i]
	}
	if count < 2 {
		core.Fail(op, []*core.Array{x}, fmt.Errorf("%d values per feature have no variance: want at least 2", count))
	}
	mean, variance = x.Mean(axes...), x.Var(axes...)
	if !c.Train() || l.Mean == nil {
		return mean, variance
	}
	share := l.Momentum
	switch {
	case share == 0:
		share = 0.1
	case !(share > 0 && share <= 1):
		core.Failf(op, "momentum %v: want a number in (0, 1]", share)
	}
	blend := func(running, batch *core.Array) {
		batch = batch.StopGradient().AsType(running.DType())
		c.Set(running, c.Latest(running).MulScalar(1-share).Add(batch.MulScalar(share)))
	}
	blend(l.Mean, mean)
	blend(l.Var, variance.MulScalar(float64(count)/float64(count-1)))
	return mean, variance
}

func lastAxis(op string, x *core.Array) int {
	features(op, x, -1, 1, "(…, features)")
	s := look.Shape(x)
	return s[len(s)-1]
}

func epsilon(op string, eps float64) float64 {
	if eps == 0 {
		return 1e-5
	}
	if !(eps > 0) {
		core.Failf(op, "eps %v: want a positive number", eps)
	}
	return eps
}
