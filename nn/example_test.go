package nn_test

import (
	"fmt"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/core/tree"
	"github.com/adjoint-go/adjoint/nn"
	"github.com/adjoint-go/adjoint/nn/loss"
	"github.com/adjoint-go/adjoint/nn/optim"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
)

type xor struct{ Hidden, Out nn.Linear }

func (n xor) Forward(c *nn.Ctx, x *core.Array) *core.Array {
	return n.Out.Forward(c, nn.Tanh(n.Hidden.Forward(c, x)))
}

// A network learns exclusive or, in one compiled step.
func Example() {
	type data struct{ X, Y *core.Array }
	d := data{
		X: core.From([]float32{0, 0, 0, 1, 1, 0, 1, 1}, 4, 2),
		Y: core.From([]float32{0, 1, 1, 0}, 4, 1),
	}
	k1, k2 := random.Split(random.Key(0))
	net := xor{nn.NewLinear(k1, 2, 8), nn.NewLinear(k2, 8, 1)}
	opt := optim.New(optim.Adam{LR: 0.05}, net)

	lossAndGrad := grad.ValueAndGrad2(func(n xor, d data) *core.Array {
		return loss.BinaryCrossEntropyLogits(n.Forward(nil, d.X), d.Y, loss.Mean)
	})
	step := compile.Of(func(n xor, o optim.Opt[xor], d data) (xor, optim.Opt[xor]) {
		_, g := lossAndGrad(n, d)
		return o.Update(n, g)
	})
	for range 300 {
		net, opt = step.Call(net, opt, d)
		core.Eval(net, opt)
	}
	fmt.Println(tree.Size(net), "parameters")
	fmt.Println(core.Data[float32](nn.Sigmoid(net.Forward(nil, d.X)).Round()))
	// Output:
	// 33 parameters
	// [0 1 1 0]
}

type normalised struct {
	Norm nn.BatchNorm
	Drop nn.Dropout
	Out  nn.Linear
}

func (n normalised) Forward(c *nn.Ctx, x *core.Array) *core.Array {
	return n.Out.Forward(c, n.Drop.Forward(c, n.Norm.Forward(c, x)))
}

// Layers that draw numbers, or learn about their input, ask the context.
func ExampleTraining() {
	type batch struct{ X, Key *core.Array }
	net := normalised{nn.NewBatchNorm(3), nn.Dropout{P: 0.1}, nn.NewLinear(random.Key(1), 3, 1)}
	step := grad.ValueAndGradAux2(func(n normalised, b batch) (*core.Array, normalised) {
		c := nn.Training(b.Key)
		l := n.Forward(c, b.X).Square().Mean()
		return l, nn.Commit(c, n)
	})
	x := core.From([]float32{1, 2, 3, 5, 6, 7}, 2, 3)
	_, g, net := step(net, batch{x, random.Key(2)})
	fmt.Println("running mean", core.Data[float32](net.Norm.Mean))
	fmt.Println("gradient of", tree.Paths(g))
	// Output:
	// running mean [0.3 0.4 0.5]
	// gradient of [Norm.weight Norm.bias Out.weight Out.bias]
}

func ExampleSequential() {
	keys := random.SplitN(random.Key(0), 2)
	net := nn.Sequential{
		nn.NewConv2d(keys.Index(0), 1, 4, [2]int{3, 3}, nn.Conv2dConfig{Padding: [2]int{1, 1}}),
		nn.Func(nn.ReLU),
		nn.NewMaxPool2d(2),
		nn.Func(nn.Flatten),
		nn.NewLinear(keys.Index(1), 64, 10),
	}
	fmt.Println(net.Forward(nil, core.Zeros(core.Float32, 5, 8, 8, 1)).Shape())
	fmt.Println(tree.Paths(net))
	// Output:
	// [5 10]
	// [0.weight 0.bias 4.weight 4.bias]
}
