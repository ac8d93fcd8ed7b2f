package nn

import (
	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/random"
)

// Dropout zeroes elements at random in training and scales the others by
// 1/(1−P), so that the mean stays. In inference it does nothing. Source:
// Srivastava et al. 2014.
type Dropout struct {
	P float64 // the probability that an element becomes zero, in [0, 1)
}

// Forward drops elements of x. Errors: P is outside [0, 1); in training, the
// context has no key.
func (l Dropout) Forward(c *Ctx, x *core.Array) *core.Array {
	const op = "nn.Dropout"
	input(op, x)
	if !(l.P >= 0 && l.P < 1) {
		core.Failf(op, "probability %v: want a number in [0, 1)", l.P)
	}
	if !c.Train() || l.P == 0 {
		return x
	}
	keep := random.Bernoulli(c.Key(), 1-l.P, x.Shape()...)
	return core.Where(keep, x.MulScalar(1/(1-l.P)), x.ScalarLike(0))
}
