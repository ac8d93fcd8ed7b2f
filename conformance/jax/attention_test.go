package jax

import (
	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/fast"
	"github.com/adjoint-go/adjoint/nn"
	"github.com/adjoint-go/adjoint/nn/loss"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

var attentions = []twin{
	of("causal_attention", causalAttention), of("multi_head_attention", multiHeadAttention),
	of("transformer_block", transformerBlock), of("layer_norm_curvature", layerNormCurvature), of("swiglu", swiglu),
	of("batch_norm", batchNorm), of("rotary_attention", rotaryAttention), of("tied_language_model", tiedLanguageModel),
	of("linear_attention", linearAttention),
}

type qkv struct{ Q, K, V *core.Array }

func (a qkv) causal() *core.Array { return fast.ScaledDotProductAttentionCausal(a.Q, a.K, a.V, 0.5) }

// heads splits the last axis of (b, t, h·e) off to (b, h, t, e).
func heads(x *core.Array, h int) *core.Array {
	return x.Unflatten(2, h, -1).Transpose(0, 2, 1, 3)
}

// merged is the inverse of heads.
func merged(x *core.Array) *core.Array { return x.Transpose(0, 2, 1, 3).FlattenAxes(2, 3) }

func causalAttention(p qkv, d struct{ CT *core.Array }) results {
	y, pull := grad.VJP(qkv.causal, p)
	forward := grad.JacFwd(func(q *core.Array) *core.Array {
		return qkv{q, p.K, p.V}.causal().At(core.All, core.I(0), core.Range(2, 4))
	})(p.Q)
	return results{"value": y, "pulled": pull(d.CT), "forward": forward}
}

type attentionLayer struct{ Q, K, V, O nn.Linear }

func (l attentionLayer) forward(x, memory *core.Array) *core.Array {
	q, k, v := heads(l.Q.Forward(nil, x), 2), heads(l.K.Forward(nil, memory), 2), heads(l.V.Forward(nil, memory), 2)
	return l.O.Forward(nil, merged(fast.ScaledDotProductAttention(q, k, v, 0.5)))
}

func multiHeadAttention(p attentionLayer, d struct{ X, Memory, Y *core.Array }) results {
	f := func(p attentionLayer) *core.Array { return loss.MSE(p.forward(d.X, d.Memory), d.Y, loss.Mean) }
	value, g := grad.ValueAndGrad(f)(p)
	return results{"value": value, "grad": g}
}

type block struct {
	Norm1    nn.LayerNorm
	QKV, Out nn.Linear
	Norm2    nn.LayerNorm
	Up, Down nn.Linear
}

func (b block) forward(x *core.Array) *core.Array {
	s := b.QKV.Forward(nil, b.Norm1.Forward(nil, x)).Split(3, -1)
	a := qkv{heads(s[0], 2), heads(s[1], 2), heads(s[2], 2)}.causal()
	x = x.Add(b.Out.Forward(nil, merged(a)))
	return x.Add(b.Down.Forward(nil, nn.GELU(b.Up.Forward(nil, b.Norm2.Forward(nil, x)))))
}

func transformerBlock(p block, d struct{ X, Y, V *core.Array }) results {
	f := func(p block) *core.Array { return loss.MSE(p.forward(d.X), d.Y, loss.Mean) }
	value, g := grad.ValueAndGrad(f)(p)
	_, pushed := grad.JVP(p.forward, d.X, d.V)
	return results{"value": value, "grad": g, "pushed": pushed}
}

func layerNormCurvature(p struct {
	Norm nn.LayerNorm
	X    *core.Array
}, d struct{ W, V *core.Array },
) results {
	norm := func(x *core.Array) *core.Array { return p.Norm.Forward(nil, x) }
	f := func(x *core.Array) *core.Array { return d.W.Mul(norm(x).Sin()).Sum() }
	return results{
		"grad": grad.Of(f)(p.X), "hvp": grad.HVP(f)(p.X, d.V),
		"jacobians": vmap.Of(grad.JacRev(norm))(p.X),
	}
}

type gated struct {
	Norm           nn.RMSNorm
	Gate, Up, Down nn.Linear
}

func swiglu(p gated, d struct{ X, Y *core.Array }) results {
	f := func(p gated) *core.Array {
		h := p.Norm.Forward(nil, d.X)
		y := p.Down.Forward(nil, nn.SiLU(p.Gate.Forward(nil, h)).Mul(p.Up.Forward(nil, h)))
		return loss.MSE(d.X.Add(y), d.Y, loss.Mean)
	}
	value, g := grad.ValueAndGrad(f)(p)
	return results{"value": value, "grad": g}
}

type normalised struct {
	Hidden nn.Linear
	Norm   nn.BatchNorm
	Out    nn.Linear
}

func batchNorm(p normalised, d struct{ X, Y *core.Array }) results {
	f := func(p normalised) *core.Array {
		h := p.Norm.Forward(nil, p.Hidden.Forward(nil, d.X))
		return loss.MSE(p.Out.Forward(nil, h.Tanh()), d.Y, loss.Mean)
	}
	value, g := grad.ValueAndGrad(f)(p)
	return results{"value": value, "grad": g}
}

func rotaryAttention(p qkv, d struct{ W *core.Array }) results {
	f := func(p qkv) *core.Array {
		return d.W.Mul(qkv{fast.RoPE(p.Q, 4, 0), fast.RoPE(p.K, 4, 0), p.V}.causal()).Sum()
	}
	value, g := grad.ValueAndGrad(f)(p)
	return results{"value": value, "grad": g}
}

type languageModel struct {
	Table    nn.Embedding
	Position *core.Array
	Mix      nn.Linear
}

func tiedLanguageModel(p languageModel, d labelled) results {
	f := func(p languageModel) *core.Array {
		h := p.Table.Forward(nil, d.X).Add(p.Position)
		h = h.CumSum(1).Div(core.Arange(core.Float32, 1, 6, 1).ExpandDims(1))
		return loss.CrossEntropy(p.Table.AsLinear(p.Mix.Forward(nil, h).Tanh()), d.Y, loss.Mean)
	}
	value, g := grad.ValueAndGrad(f)(p)
	return results{"value": value, "grad": g}
}

func linearAttention(p qkv, d struct{ W, TQ, TK, TV *core.Array }) results {
	f := func(p qkv) *core.Array {
		q, k := nn.ELU(p.Q, 1).AddScalar(1), nn.ELU(p.K, 1).AddScalar(1)
		state := k.ExpandDims(2).Mul(p.V.ExpandDims(1)).CumSum(0)
		weight := q.Mul(k.CumSum(0)).SumKeep(1)
		return d.W.Mul(core.Einsum("ti,tij->tj", q, state).Div(weight)).Sum()
	}
	value, along := grad.JVP(f, p, qkv{d.TQ, d.TK, d.TV})
	return results{"value": value, "along": along, "grad": grad.Of(f)(p)}
}
