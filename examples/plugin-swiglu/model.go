package main

import (
	"math"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/fast"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/nn"
	"github.com/adjoint-go/adjoint/nn/loss"
	"github.com/adjoint-go/adjoint/nn/optim"
	"github.com/adjoint-go/adjoint/transforms/grad"
)

// The sizes of the model.
const (
	width  = 64
	heads  = 4
	hidden = 128
	layers = 2
	length = 16 // letters of a text
	batch  = 8
)

// Gate joins the two branches of a feed-forward layer.
type Gate func(a, b *core.Array) *core.Array

// builtIn is the gate that ops make.
func builtIn(a, b *core.Array) *core.Array { return nn.SiLU(a).Mul(b) }

// Model is a decoder: it predicts each letter of a text from those before it.
type Model struct {
	Letters nn.Embedding
	Blocks  []Block
	Norm    nn.RMSNorm
}

// Block is attention and a gated feed-forward layer, both added to what passes.
type Block struct {
	NormA, NormF   nn.RMSNorm
	Q, K, V, O     nn.Linear
	Gate, Up, Down nn.Linear
}

func newModel(key *core.Array, letters int) Model {
	draw := func() *core.Array {
		var k *core.Array
		key, k = random.Split(key)
		return k
	}
	linear := func(in, out int) nn.Linear {
		l := nn.NewLinear(draw(), in, out)
		l.Bias = nil
		return l
	}
	m := Model{Letters: nn.NewEmbedding(draw(), letters, width), Norm: nn.NewRMSNorm(width)}
	for range layers {
		m.Blocks = append(m.Blocks, Block{
			NormA: nn.NewRMSNorm(width), NormF: nn.NewRMSNorm(width),
			Q: linear(width, width), K: linear(width, width), V: linear(width, width), O: linear(width, width),
			Gate: linear(width, hidden), Up: linear(width, hidden), Down: linear(hidden, width),
		})
	}
	return m
}

// forward returns the logits of what follows: (n, length) → (n, length, letters).
func (m Model) forward(x *core.Array, gate Gate) *core.Array {
	h := m.Letters.Forward(nil, x)
	for _, b := range m.Blocks {
		h = h.Add(b.attend(b.NormA.Forward(nil, h)))
		f := b.NormF.Forward(nil, h)
		h = h.Add(b.Down.Forward(nil, gate(b.Gate.Forward(nil, f), b.Up.Forward(nil, f))))
	}
	return m.Letters.AsLinear(m.Norm.Forward(nil, h))
}

func (b Block) attend(x *core.Array) *core.Array {
	n, t := x.Shape()[0], x.Shape()[1]
	split := func(l nn.Linear) *core.Array {
		return l.Forward(nil, x).Reshape(n, t, heads, width/heads).SwapAxes(1, 2)
	}
	turn := func(x *core.Array) *core.Array { return fast.RoPE(x, width/heads, 0) }
	y := fast.ScaledDotProductAttentionCausal(turn(split(b.Q)), turn(split(b.K)), split(b.V), 1/math.Sqrt(width/heads))
	return b.O.Forward(nil, y.SwapAxes(1, 2).Reshape(n, t, width))
}

// State is what a step of training changes.
type State struct {
	Model Model
	Opt   optim.Opt[Model]
}

func newState(letters int) State {
	m := newModel(random.Key(1), letters)
	return State{m, optim.New(optim.Adam{LR: 2e-3}, m)}
}

// Texts are letters, and those that follow each: (batch, length) both.
type Texts struct{ X, Y *core.Array }

// training returns a step of training with a gate: the next state, and the loss before it.
func training(gate Gate) func(State, Texts) (State, *core.Array) {
	cost := grad.ValueAndGrad2(func(m Model, t Texts) *core.Array {
		return loss.CrossEntropy(m.forward(t.X, gate), t.Y, loss.Mean)
	})
	return func(s State, t Texts) (State, *core.Array) {
		l, g := cost(s.Model, t)
		m, o := s.Opt.Update(s.Model, g)
		return State{m, o}, l
	}
}
