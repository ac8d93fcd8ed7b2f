package optim

import (
	"math"

	"github.com/adjoint-go/adjoint/core"
)

// Schedule is a learning rate that depends on the number of steps done before, a
// float32 scalar that is 0 at first. It returns a scalar. Make it once: a
// compiled step traces again for another function.
type Schedule func(step *core.Array) *core.Array

// checkRate fails unless exactly one of a positive rate and a schedule is given.
func checkRate(op string, lr float64, s Schedule) {
	switch {
	case s != nil && lr != 0:
		core.Failf(op, "both a learning rate and a schedule are given: want one")
	case s == nil && !(lr > 0 && !math.IsInf(lr, 1)):
		core.Failf(op, "learning rate %v: want a positive number, or a schedule", lr)
	}
}

// scaled returns a times the learning rate of step t.
func scaled(op string, a, t *core.Array, lr float64, s Schedule) *core.Array {
	if s == nil {
		return a.MulScalar(lr)
	}
	rate := s(t.SubScalar(1).AsType(core.Float32))
	if rate == nil {
		core.Failf(op, "the schedule's result: %w", core.ErrNil)
	}
	if n := rate.NDim(); n != 0 {
		core.Failf(op, "the schedule returned an array of shape %v, want a scalar", rate.Shape())
	}
	return a.Mul(rate.AsType(a.DType()))
}

// checkShare fails unless v is in [0, 1).
func checkShare(op, name string, v float64) {
	if !(v >= 0 && v < 1) {
		core.Failf(op, "%s %v: want a number in [0, 1)", name, v)
	}
}

// checkSize fails unless v is finite and at least 0.
func checkSize(op, name string, v float64) {
	if !(v >= 0) || math.IsInf(v, 1) {
		core.Failf(op, "%s %v: want a number, at least 0", name, v)
	}
}

// or returns v, or what its zero value stands for.
func or(v, unset float64) float64 {
	if v == 0 {
		return unset
	}
	return v
}

// zeros returns n arrays of state that start at 0.
func zeros(n int, p *core.Array) []*core.Array {
	out := make([]*core.Array, n)
	for i := range out {
		out[i] = p.ZerosLike()
	}
	return out
}

// average moves the running average avg towards x, which counts 1 − beta.
func average(avg, x *core.Array, beta float64) *core.Array {
	return avg.MulScalar(beta).Add(x.MulScalar(1 - beta))
}
