package loss

import (
	"math"

	"github.com/adjoint-go/adjoint/core"
)

// MSE is the squared error (p − t)².
//
// Shapes: p and t have the same; the losses have it too.
func MSE(predictions, targets *core.Array, r Reduction) *core.Array {
	p, t := pair("loss.MSE", predictions, targets)
	return r.of("loss.MSE", p.Sub(t).Square(), predictions.DType())
}

// L1 is the absolute error |p − t|. Its gradient at 0 is 0.
//
// Shapes: as for [MSE].
func L1(predictions, targets *core.Array, r Reduction) *core.Array {
	p, t := pair("loss.L1", predictions, targets)
	return r.of("loss.L1", p.Sub(t).Abs(), predictions.DType())
}

// SmoothL1 is (p − t)²/2beta where |p − t| < beta, else |p − t| − beta/2; 1 is
// the usual beta.
//
// Shapes: as for [MSE]. Errors: beta is not positive.
func SmoothL1(predictions, targets *core.Array, beta float64, r Reduction) *core.Array {
	const op = "loss.SmoothL1"
	if !(beta > 0) || math.IsInf(beta, 1) {
		core.Failf(op, "beta %v: want a positive number", beta)
	}
	p, t := pair(op, predictions, targets)
	d := p.Sub(t)
	near := d.Square().MulScalar(0.5 / beta)
	l := core.Where(d.Abs().LessScalar(beta), near, d.Abs().SubScalar(beta/2))
	return r.of(op, l, predictions.DType())
}

// Huber is (p − t)²/2 where |p − t| ≤ delta, else delta·(|p − t| − delta/2); 1 is
// the usual delta. Source: Huber 1964.
//
// Shapes: as for [MSE]. Errors: delta is not positive.
func Huber(predictions, targets *core.Array, delta float64, r Reduction) *core.Array {
	const op = "loss.Huber"
	if !(delta > 0) || math.IsInf(delta, 1) {
		core.Failf(op, "delta %v: want a positive number", delta)
	}
	p, t := pair(op, predictions, targets)
	d := p.Sub(t)
	far := d.Abs().SubScalar(delta / 2).MulScalar(delta)
	l := core.Where(d.Abs().LessEqualScalar(delta), d.Square().MulScalar(0.5), far)
	return r.of(op, l, predictions.DType())
}

// LogCosh is log cosh(p − t): squared for small errors, absolute for large ones.
//
// Shapes: as for [MSE].
func LogCosh(predictions, targets *core.Array, r Reduction) *core.Array {
	p, t := pair("loss.LogCosh", predictions, targets)
	d := p.Sub(t)
	return r.of("loss.LogCosh", d.LogAddExp(d.Neg()).SubScalar(math.Ln2), predictions.DType())
}

// GaussianNLL is the negative log-likelihood of targets under normal
// distributions with the predicted means and variances, without the constant
// log(2π)/2: (log v + (p − t)²/v)/2. Variances count as at least 1e-6, and their
// gradient passes as if they did not. Source: Nix and Weigend 1994.
//
// Shapes: all three have the same; the losses have it too.
func GaussianNLL(predictions, targets, variances *core.Array, r Reduction) *core.Array {
	const op = "loss.GaussianNLL"
	p, t := pair(op, predictions, targets)
	_, v := pair(op, predictions, variances)
	v = v.Add(v.MaximumScalar(1e-6).Sub(v).StopGradient())
	l := v.Log().Add(p.Sub(t).Square().Div(v)).MulScalar(0.5)
	return r.of(op, l, predictions.DType())
}

// Hinge is max(0, 1 − p·t) for targets −1 and 1.
//
// Shapes: as for [MSE].
func Hinge(predictions, targets *core.Array, r Reduction) *core.Array {
	p, t := pair("loss.Hinge", predictions, targets)
	return r.of("loss.Hinge", p.Mul(t).RSubScalar(1).MaximumScalar(0), predictions.DType())
}
