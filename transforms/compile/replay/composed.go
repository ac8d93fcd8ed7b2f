package replay

import (
	"math"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/fast"
	"github.com/adjoint-go/adjoint/core/random"
)

// composed are primitives that stand for several operations. MLX makes most of
// them on a GPU only; here they run everywhere.
var composed = map[string]operation{
	"RMSNorm":      with(2, func(c *call, a *array) *array { return fast.RMSNorm(a, c.weight(1), c.float(0)) }),
	"RMSNormVJP":   {3, 3, rmsNormVJP},
	"LayerNorm":    with(3, func(c *call, a *array) *array { return fast.LayerNorm(a, c.weight(1), c.weight(2), c.float(0)) }),
	"LayerNormVJP": {4, 4, layerNormVJP},
	"RoPE": between(2, 3, func(c *call, a *array) *array {
		base, scale, freqs := c.float(2), c.float(3), c.optional(2)
		if freqs != nil {
			base = math.NaN() // absent
		}
		if !c.bool(4) {
			scale = -scale // the same angles the other way round
		}
		return fast.RoPEDynamic(a, c.int(0), c.bool(1), base, scale, c.in[1], freqs)
	}),
	"ScaledDotProductAttention": between(3, 5, func(c *call, a *array) *array {
		n := len(c.in)
		var mask, sinks *array
		if c.bool(2) {
			c.need(n > 3, "%d inputs", n)
			n--
			sinks = c.in[n]
		}
		mode := ""
		if c.bool(1) {
			mode = "causal"
		}
		c.need(n == 3 || n == 4 && mode == "", "%d inputs", len(c.in))
		if n == 4 {
			mask, mode = c.in[3], "array"
		}
		return fast.ScaledDotProductAttentionWith(a, c.in[1], c.in[2], c.float(0), mode, mask, sinks, false)
	}),
	"RandomBits": with(1, func(c *call, key *array) *array {
		shape, width := c.ints(0), c.int(1)
		keys := key.NDim() - 1
		c.need(keys >= 0 && keys <= len(shape), "keys of %d axes for the shape %v", keys+1, shape)
		if keys == 0 {
			return random.Bits(key, width, shape...)
		}
		key = key.Reshape(-1, key.Dim(-1))
		return core.Vectorize(c.op, func(x []*array) ([]*array, []int) {
			return one(random.Bits(x[0], width, shape[keys:]...)), []int{0}
		}, one(key), []int{0})[0].Reshape(shape...)
	}),
}

// weight is a factor or bias of a norm; a number stands for an absent one.
func (c *call) weight(i int) *array {
	if c.in[i].NDim() == 0 {
		return nil
	}
	return c.in[i]
}

// leading sums over all axes but the last. The gradient of an absent weight is not
// used.
func (c *call) leading(a, weight *array) *array {
	if weight.NDim() == 0 {
		return weight.ZerosLike()
	}
	for a.NDim() > 1 {
		a = a.Sum(0)
	}
	return a.AsType(weight.DType())
}

func rmsNormVJP(c *call) []*array {
	x, w, g := c.in[0].AsType(core.Float32), c.in[1].AsType(core.Float32), c.in[2].AsType(core.Float32)
	n := x.Square().MeanKeep(-1).AddScalar(c.float(0)).Rsqrt()
	hat, gw := x.Mul(n), g.Mul(w)
	dx := n.Mul(gw.Sub(hat.Mul(gw.Mul(hat).MeanKeep(-1))))
	return []*array{dx.AsType(c.in[0].DType()), c.leading(g.Mul(hat), c.in[1])}
}

func layerNormVJP(c *call) []*array {
	x, w, g := c.in[0].AsType(core.Float32), c.in[1].AsType(core.Float32), c.in[3].AsType(core.Float32)
	x = x.Sub(x.MeanKeep(-1))
	n := x.Square().MeanKeep(-1).AddScalar(c.float(0)).Rsqrt()
	hat, gw := x.Mul(n), g.Mul(w)
	dx := n.Mul(gw.Sub(gw.MeanKeep(-1)).Sub(hat.Mul(gw.Mul(hat).MeanKeep(-1))))
	return []*array{dx.AsType(c.in[0].DType()), c.leading(g.Mul(hat), c.in[1]), c.leading(g, c.in[2])}
}
