package bench

import (
	"fmt"
	"math"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/fast"
	"github.com/adjoint-go/adjoint/transforms/flow"
)

// normEps is what layer norms add to the variance.
const normEps = 1e-5

// norm is a layer norm with weight G and bias B.
type norm struct{ G, B *core.Array }

func (n norm) apply(x *core.Array) *core.Array { return fast.LayerNorm(x, n.G, n.B, normEps) }

// block is one layer of a decoder-only transformer.
type block struct {
	Before, Between    norm
	QKV, Out, Up, Down dense
}

// The sizes of the language model.
const (
	lmLayers = 2
	lmHeads  = 4
)

func (b block) apply(h *core.Array) *core.Array {
	n, t, d := h.Dim(0), h.Dim(1), h.Dim(2)
	qkv := b.QKV.apply(b.Before.apply(h)).Split(3, -1)
	for i, x := range qkv {
		qkv[i] = x.Reshape(n, t, lmHeads, d/lmHeads).Transpose(0, 2, 1, 3)
	}
	o := fast.ScaledDotProductAttentionCausal(qkv[0], qkv[1], qkv[2], 1/math.Sqrt(float64(d/lmHeads)))
	h = h.Add(b.Out.apply(o.Transpose(0, 2, 1, 3).Reshape(n, t, d)))
	return h.Add(b.Down.apply(geluOf(b.Up.apply(b.Between.apply(h)))))
}

// languageModel is a decoder-only transformer over tokens.
type languageModel struct {
	Tokens, Places *core.Array
	Blocks         []block
	Last           norm
	Head           *core.Array
}

func languageLoss(m languageModel, d batch) *core.Array {
	h := m.Tokens.Take(d.X, 0).Add(m.Places)
	for _, b := range m.Blocks {
		h = b.apply(h)
	}
	logits := m.Last.apply(h).MatMul(m.Head)
	return crossEntropy(logits.Reshape(-1, logits.Dim(2)), d.Y.Reshape(-1))
}

func lm(in *Inputs) job {
	get := func(name string) *core.Array { return in.get("lm.p." + name) }
	m := languageModel{Tokens: get("tok"), Places: get("pos"), Last: norm{get("lnfg"), get("lnfb")}, Head: get("head")}
	for k := range lmLayers {
		at := func(name string) *core.Array { return get(fmt.Sprintf("%d.%s", k, name)) }
		m.Blocks = append(m.Blocks, block{
			Before: norm{at("ln1g"), at("ln1b")}, Between: norm{at("ln2g"), at("ln2b")},
			QKV: dense{at("wqkv"), at("bqkv")}, Out: dense{at("wo"), at("bo")},
			Up: dense{at("w1"), at("b1")}, Down: dense{at("w2"), at("b2")},
		})
	}
	return training(m, newAdam(m), data(in, "lm"), languageLoss, adamWStep[languageModel])
}

// recurrent is an LSTM; its gates stand in the order input, forget, cell, output.
type recurrent struct{ In, Again, B *core.Array }

// recurrentLoss is the mean squared distance of the last output from the target.
func recurrentLoss(p recurrent, d batch) *core.Array {
	type memory struct{ H, C *core.Array }
	cell := func(s memory, x *core.Array) (memory, *core.Array) {
		g := core.AddMM(x, s.H, p.Again).Split(4, -1)
		c := g[1].Sigmoid().Mul(s.C).Add(g[0].Sigmoid().Mul(g[2].Tanh()))
		return memory{g[3].Sigmoid().Mul(c.Tanh()), c}, nil
	}
	zero := core.Zeros(core.Float32, d.X.Dim(0), p.Again.Dim(0))
	xs := core.AddMM(p.B, d.X, p.In).Transpose(1, 0, 2)
	s, _ := flow.Scan(cell, memory{zero, zero}, xs)
	return s.H.Sub(d.Y).Square().Mean()
}

func lstm(in *Inputs) job {
	p := recurrent{in.get("lstm.p.wx"), in.get("lstm.p.wh"), in.get("lstm.p.b")}
	return training(p, newAdam(p), data(in, "lstm"), recurrentLoss, adamStep[recurrent])
}
