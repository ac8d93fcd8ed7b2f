package nn

import (
	"fmt"
	"math"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/nn/internal/look"
)

// Activations take real floating arrays; integers become float32. Each is
// elementwise unless it says otherwise. Their gradients stay finite where the
// formula as written would overflow.

// ReLU returns max(x, 0). Its gradient at 0 is 0.
func ReLU(x *core.Array) *core.Array { return reals("nn.ReLU", x).MaximumScalar(0) }

// ReLU2 returns max(x, 0)². Source: So et al. 2021.
func ReLU2(x *core.Array) *core.Array { return reals("nn.ReLU2", x).MaximumScalar(0).Square() }

// ReLU6 returns min(max(x, 0), 6).
func ReLU6(x *core.Array) *core.Array { return reals("nn.ReLU6", x).MaximumScalar(0).MinimumScalar(6) }

// LeakyReLU returns x where x > 0, else slope·x; 0.01 is the usual slope.
func LeakyReLU(x *core.Array, slope float64) *core.Array {
	x = reals("nn.LeakyReLU", x)
	return core.Where(x.GreaterScalar(0), x, x.MulScalar(slope))
}

// ELU returns x where x > 0, else alpha·(exp(x) − 1). Source: Clevert et al.
// 2016.
func ELU(x *core.Array, alpha float64) *core.Array {
	x = reals("nn.ELU", x)
	return core.Where(x.GreaterScalar(0), x, negative(x).Expm1().MulScalar(alpha))
}

// CELU returns x where x > 0, else alpha·(exp(x/alpha) − 1). Source: Barron 2017.
func CELU(x *core.Array, alpha float64) *core.Array {
	if alpha == 0 {
		core.Failf("nn.CELU", "alpha is 0")
	}
	x = reals("nn.CELU", x)
	return core.Where(x.GreaterScalar(0), x, negative(x).DivScalar(alpha).Expm1().MulScalar(alpha))
}

// SELU returns ELU with the scale and alpha that keep activations normalised.
// Source: Klambauer et al. 2017.
func SELU(x *core.Array) *core.Array {
	return ELU(reals("nn.SELU", x), 1.6732632423543772).MulScalar(1.0507009873554805)
}

// GELU returns x·Φ(x), Φ being the normal distribution function. Source:
// Hendrycks and Gimpel 2016.
func GELU(x *core.Array) *core.Array {
	x = reals("nn.GELU", x)
	return x.Mul(x.MulScalar(1 / math.Sqrt2).Erf().AddScalar(1)).MulScalar(0.5)
}

// GELUApprox returns GELU's approximation with tanh: x/2 · (1 + tanh(√(2/π)·(x +
// 0.044715x³))).
func GELUApprox(x *core.Array) *core.Array {
	x = reals("nn.GELUApprox", x)
	inner := x.Square().MulScalar(0.044715).AddScalar(1).Mul(x).MulScalar(math.Sqrt(2 / math.Pi))
	return inner.Tanh().AddScalar(1).Mul(x).MulScalar(0.5)
}

// GELUFast returns GELU's approximation x·σ(1.702x).
func GELUFast(x *core.Array) *core.Array {
	x = reals("nn.GELUFast", x)
	return x.MulScalar(1.702).Sigmoid().Mul(x)
}

// SiLU returns x·σ(x), also called swish.
func SiLU(x *core.Array) *core.Array {
	x = reals("nn.SiLU", x)
	return x.Mul(x.Sigmoid())
}

// Mish returns x·tanh(softplus(x)). Source: Misra 2019.
func Mish(x *core.Array) *core.Array {
	x = reals("nn.Mish", x)
	return x.Mul(Softplus(x).Tanh())
}

// Sigmoid returns 1/(1 + exp(−x)).
func Sigmoid(x *core.Array) *core.Array { return reals("nn.Sigmoid", x).Sigmoid() }

// LogSigmoid returns log σ(x).
func LogSigmoid(x *core.Array) *core.Array { return Softplus(reals("nn.LogSigmoid", x).Neg()).Neg() }

// Tanh returns the hyperbolic tangent.
func Tanh(x *core.Array) *core.Array { return reals("nn.Tanh", x).Tanh() }

// Softplus returns log(1 + exp(x)).
func Softplus(x *core.Array) *core.Array {
	x = reals("nn.Softplus", x)
	return x.LogAddExp(x.ScalarLike(0))
}

// Softsign returns x/(1 + |x|).
func Softsign(x *core.Array) *core.Array {
	x = reals("nn.Softsign", x)
	return x.Div(x.Abs().AddScalar(1))
}

// Hardswish returns x·min(max(x + 3, 0), 6)/6. Source: Howard et al. 2019.
func Hardswish(x *core.Array) *core.Array {
	x = reals("nn.Hardswish", x)
	return x.Mul(ReLU6(x.AddScalar(3))).MulScalar(1. / 6)
}

// HardTanh returns min(max(x, low), high); −1 and 1 are the usual limits.
func HardTanh(x *core.Array, low, high float64) *core.Array {
	return reals("nn.HardTanh", x).ClipScalar(low, high)
}

// HardShrink returns x where |x| > lambda, else 0; 0.5 is the usual lambda.
func HardShrink(x *core.Array, lambda float64) *core.Array {
	x = reals("nn.HardShrink", x)
	return core.Where(x.Abs().GreaterScalar(lambda), x, x.ScalarLike(0))
}

// Softshrink returns x moved towards 0 by lambda, stopping there; 0.5 is the
// usual lambda.
func Softshrink(x *core.Array, lambda float64) *core.Array {
	x = reals("nn.Softshrink", x)
	shrunk := x.Sub(x.Sign().MulScalar(lambda))
	return core.Where(x.Abs().GreaterScalar(lambda), shrunk, x.ScalarLike(0))
}

// Step returns 1 where x > threshold, else 0. Its gradient is 0.
func Step(x *core.Array, threshold float64) *core.Array {
	x = reals("nn.Step", x)
	return x.GreaterScalar(threshold).AsType(x.DType())
}

// Softmax returns exp(x)/Σ exp(x) over the last axis; Array.Softmax takes others.
func Softmax(x *core.Array) *core.Array { return vector("nn.Softmax", x).Softmax(-1) }

// Softmin returns Softmax of −x.
func Softmin(x *core.Array) *core.Array { return vector("nn.Softmin", x).Neg().Softmax(-1) }

// LogSoftmax returns x − log Σ exp(x) over the last axis.
func LogSoftmax(x *core.Array) *core.Array {
	x = vector("nn.LogSoftmax", x)
	return x.Sub(x.LogSumExpKeep(-1))
}

// GLU returns a·σ(b), a and b being the halves of the last axis. Source: Dauphin
// et al. 2017.
//
// Shapes: (…, 2n) → (…, n). Errors: the last axis is odd.
func GLU(x *core.Array) *core.Array {
	const op = "nn.GLU"
	x = vector(op, x)
	if s := look.Shape(x); s[len(s)-1]%2 != 0 {
		core.Fail(op, []*core.Array{x}, fmt.Errorf("the last axis has %d elements, want an even number", s[len(s)-1]))
	}
	halves := x.Split(2, -1)
	return halves[0].Mul(halves[1].Sigmoid())
}

// PReLU is a LeakyReLU whose slope is learned. Source: He et al. 2015.
type PReLU struct {
	Weight *core.Array `tree:"weight"` // the slope: (1), or one per feature
}

// NewPReLU returns a PReLU with one slope of 0.25, float32.
func NewPReLU() PReLU { return PReLU{core.From([]float32{0.25})} }

// Forward returns x where x > 0, else Weight·x.
func (l PReLU) Forward(_ *Ctx, x *core.Array) *core.Array {
	const op = "nn.PReLU"
	x = vector(op, x)
	present(op, "weight", l.Weight)
	xs, ws := look.Shape(x), look.Shape(l.Weight)
	if len(ws) != 1 || ws[0] != 1 && ws[0] != xs[len(xs)-1] {
		core.Fail(op, []*core.Array{x, l.Weight}, fmt.Errorf("want a weight of one element or one per feature"))
	}
	return core.Where(x.GreaterScalar(0), x, x.Mul(l.Weight.AsType(x.DType())))
}

// reals returns x, in float32 where it is integer.
func reals(op string, x *core.Array) *core.Array {
	input(op, x)
	switch d := x.DType(); {
	case d.IsFloat():
		return x
	case d.IsInexact():
		core.Fail(op, []*core.Array{x}, fmt.Errorf("the input is complex, want real numbers"))
	}
	return x.AsType(core.Float32)
}

// vector is reals for what works on the last axis.
func vector(op string, x *core.Array) *core.Array {
	x = reals(op, x)
	if x.NDim() == 0 {
		core.Fail(op, []*core.Array{x}, fmt.Errorf("the input is a scalar, want at least one axis"))
	}
	return x
}

// negative is x where it is not positive, else 0: what an exponential may see
// without overflowing.
func negative(x *core.Array) *core.Array {
	return core.Where(x.GreaterScalar(0), x.ScalarLike(0), x)
}
