package main

import (
	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/nn"
	"github.com/adjoint-go/adjoint/nn/loss"
	"github.com/adjoint-go/adjoint/nn/optim"
	"github.com/adjoint-go/adjoint/transforms/grad"
)

// Net is two convolutions and two linear layers.
type Net struct {
	Conv1, Conv2 nn.Conv2d
	Pool         nn.MaxPool2d
	Drop         nn.Dropout
	Hidden, Out  nn.Linear
}

func newNet(seed uint64) Net {
	keys := random.SplitN(random.Key(seed), 4)
	same := nn.Conv2dConfig{Padding: [2]int{1, 1}}
	return Net{
		Conv1:  nn.NewConv2d(keys.Index(0), 1, 16, [2]int{3, 3}, same),
		Conv2:  nn.NewConv2d(keys.Index(1), 16, 32, [2]int{3, 3}, same),
		Pool:   nn.NewMaxPool2d(2),
		Drop:   nn.Dropout{P: 0.3},
		Hidden: nn.NewLinear(keys.Index(2), 32*side/2*side/2, 128),
		Out:    nn.NewLinear(keys.Index(3), 128, classes),
	}
}

// Forward returns the logits of the digits, (n, 10).
func (n Net) Forward(c *nn.Ctx, x *core.Array) *core.Array {
	x = nn.ReLU(n.Conv1.Forward(c, x))
	x = nn.ReLU(n.Conv2.Forward(c, x))
	x = nn.Flatten(n.Pool.Forward(c, x))
	x = nn.ReLU(n.Hidden.Forward(c, n.Drop.Forward(c, x)))
	return n.Out.Forward(c, n.Drop.Forward(c, x))
}

// State is what training changes.
type State struct {
	Net Net
	Opt optim.Opt[Net]
}

func newState(seed uint64, lr float64) State {
	net := newNet(seed)
	return State{net, optim.New(optim.Adam{LR: lr}, net)}
}

// Batch says which images to learn from, and has the key of the dropout.
type Batch struct {
	Set Set
	At  *core.Array // (batch), places in Set
	Key *core.Array
}

// Score is how well a batch was predicted.
type Score struct {
	Loss  *core.Array // the mean, a scalar
	Right *core.Array // the number of right predictions, an int32 scalar
}

func score(logits, y *core.Array) Score {
	right := logits.ArgMax(-1).AsType(core.Int32).Equal(y)
	return Score{loss.CrossEntropy(logits, y, loss.Mean), right.AsType(core.Int32).Sum()}
}

func batchLoss(n Net, b Batch) (*core.Array, Score) {
	x, y := b.Set.X.Take(b.At, 0), b.Set.Y.Take(b.At, 0)
	s := score(n.Forward(nn.Training(b.Key), x), y)
	return s.Loss, s
}

// step is one step of training: the loss, its gradient, and the optimizer.
func step(s State, b Batch) (State, Score) {
	_, g, sc := lossAndGrad(s.Net, b)
	s.Net, s.Opt = s.Opt.Update(s.Net, g)
	return s, sc
}

var lossAndGrad = grad.ValueAndGradAux2(batchLoss)

// evaluate scores a whole set, and returns each digit's probabilities.
func evaluate(n Net, s Set) (Score, *core.Array) {
	logits := n.Forward(nil, s.X)
	return score(logits, s.Y), nn.Softmax(logits)
}
