package optim_test

import (
	"fmt"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/nn/optim"
	"github.com/adjoint-go/adjoint/transforms/grad"
)

func Example() {
	type point struct{ X, Y *core.Array }
	bowl := func(p point) *core.Array {
		return p.X.SubScalar(3).Square().Add(p.Y.AddScalar(1).Square())
	}
	p := point{core.Scalar[float32](0), core.Scalar[float32](0)}
	opt := optim.New(optim.SGD{LR: 0.1, Momentum: 0.5}, p)
	for range 100 {
		p, opt = opt.Update(p, grad.Of(bowl)(p))
		core.Eval(p, opt)
	}
	fmt.Printf("%.3f %.3f after %v steps\n", p.X.Item(), p.Y.Item(), opt.T.Item())
	// Output: 3.000 -1.000 after 100 steps
}

// A schedule computes the learning rate from the number of steps done.
func ExampleSchedule() {
	warmUp := func(step *core.Array) *core.Array {
		return step.AddScalar(1).DivScalar(10).MinimumScalar(1).MulScalar(0.1)
	}
	w := core.Scalar[float32](1)
	opt := optim.New(optim.SGD{Schedule: warmUp}, w)
	for range 3 {
		next, o := opt.Update(w, core.Scalar[float32](1))
		fmt.Printf("%.2f ", w.Sub(next).Item())
		w, opt = next, o
	}
	// Output: 0.01 0.02 0.03
}
