package nn_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/nn"
	"github.com/adjoint-go/adjoint/nn/loss"
	"github.com/adjoint-go/adjoint/nn/optim"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
)

// A training loop as the documentation writes it holds no more after thousands
// of steps than after a few.
func TestTrainingKeepsMemoryFlat(t *testing.T) {
	type data struct{ X, Y *core.Array }
	d := data{random.Normal(random.Key(1), core.Float32, 16, 4), core.Zeros(core.Int32, 16)}
	net := nn.NewLinear(random.Key(2), 4, 3)
	opt := optim.New(optim.Adam{LR: 1e-3}, net)
	lossAndGrad := grad.ValueAndGrad2(func(n nn.Linear, d data) *core.Array {
		return loss.CrossEntropy(n.Forward(nil, d.X), d.Y, loss.Mean)
	})
	step := compile.Of(func(n nn.Linear, o optim.Opt[nn.Linear], d data) (nn.Linear, optim.Opt[nn.Linear], *core.Array) {
		l, g := lossAndGrad(n, d)
		n, o = o.Update(n, g)
		return n, o, l
	})
	var early int
	for i := range 3000 {
		n, o, l := step.Call(net, opt, d)
		core.Eval(n, o, l)
		core.Free(net, opt, l)
		net, opt = n, o
		if i == 100 {
			early = core.Memory().Active
		}
	}
	require.LessOrEqual(t, core.Memory().Active, early+4096)
}
