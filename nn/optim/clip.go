package optim

import (
	"math"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/tree"
)

// ClipGradNorm returns the gradient scaled down so that its norm, over all arrays
// together, is at most maxNorm, and the norm it had, a scalar. Errors: the
// gradient has no array; maxNorm is not positive.
func ClipGradNorm[P any](g P, maxNorm float64) (P, *core.Array) {
	const op = "optim.ClipGradNorm"
	if !(maxNorm > 0) || math.IsInf(maxNorm, 1) {
		core.Failf(op, "norm %v: want a positive number", maxNorm)
	}
	norm := gradNorm(op, g)
	scale := norm.AddScalar(1e-6).RDivScalar(maxNorm).MinimumScalar(1)
	return tree.Map(g, func(a *core.Array) *core.Array {
		return a.Mul(scale).AsType(a.DType())
	}), norm
}

func gradNorm[P any](op string, g P) *core.Array {
	var sum *core.Array
	for path, a := range tree.All(g) {
		if !a.DType().IsFloat() {
			core.Failf(op, "%s is %v: want real floating-point gradients", path, a.Spec())
		}
		if a.DType().Size() == 2 {
			a = a.AsType(core.Float32)
		}
		if s := a.Square().Sum(); sum == nil {
			sum = s
		} else {
			sum = sum.Add(s)
		}
	}
	if sum == nil {
		core.Failf(op, "the gradient has no array")
	}
	return sum.Sqrt()
}
