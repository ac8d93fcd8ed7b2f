package guide_test

import (
	"fmt"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/nn"
	"github.com/adjoint-go/adjoint/nn/optim"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
)

type Net struct{ Hidden, Out nn.Linear }

func (n Net) Forward(c *nn.Ctx, x *core.Array) *core.Array {
	return n.Out.Forward(c, nn.ReLU(n.Hidden.Forward(c, x)))
}

func netLoss(n Net, d Data) *core.Array {
	return n.Forward(nil, d.X).Sub(d.Y).Square().Mean()
}

func Example_trainingStep() {
	k1, k2 := random.Split(random.Key(0))
	net := Net{nn.NewLinear(k1, 1, 16), nn.NewLinear(k2, 16, 1)}
	opt := optim.New(optim.Adam{LR: 0.02}, net)
	step := compile.Of(func(n Net, o optim.Opt[Net], d Data) (Net, optim.Opt[Net], *core.Array) {
		l, g := grad.ValueAndGrad2(netLoss)(n, d)
		n, o = o.Update(n, g)
		return n, o, l
	})
	x := core.Linspace(core.Float32, -2, 2, 64).Reshape(64, 1)
	d := Data{x, x.Square()}
	var l *core.Array
	for range 300 {
		net, opt, l = step.Call(net, opt, d)
		core.Eval(net, opt, l)
	}
	fmt.Println(l.Item() < 0.05, step.Stats().Traces)
	// Output: true 1
}
