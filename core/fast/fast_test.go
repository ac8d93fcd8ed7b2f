package fast_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/fast"
	"github.com/adjoint-go/adjoint/core/random"
)

// both checks the values and the gradients, of a weighted sum, of two functions.
func both(t *testing.T, name string, want, got func(in []*core.Array) *core.Array, in ...*core.Array) {
	t.Helper()
	wrt := make([]int, len(in))
	for i := range wrt {
		wrt[i] = i
	}
	run := func(f func(in []*core.Array) *core.Array) []*core.Array {
		y := f(in)
		w := core.Iota(core.Float32, float64(y.Size())).Cos().Reshape(y.Shape()...)
		_, g := core.Differentiate("grad", func(in []*core.Array) []*core.Array {
			return []*core.Array{f(in).Mul(w).Sum()}
		}, in, wrt)
		return append(g, y)
	}
	a, b := run(want), run(got)
	for i := range a {
		require.Equal(t, a[i].Shape(), b[i].Shape(), name)
		require.InDeltaSlice(t, core.Data[float32](a[i]), core.Data[float32](b[i]), 2e-4, "%s %d", name, i)
	}
}

func normal(seed uint64, shape ...int) *core.Array {
	return random.Normal(random.Key(seed), core.Float32, shape...)
}

func TestNormalisationsEqualTheirFormulas(t *testing.T) {
	x, w, b := normal(1, 2, 3, 8), normal(2, 8), normal(3, 8)
	both(t, "LayerNorm", func(in []*core.Array) *core.Array {
		c := in[0].Sub(in[0].MeanKeep(-1))
		return c.Mul(c.Square().MeanKeep(-1).AddScalar(1e-3).Rsqrt()).Mul(in[1]).Add(in[2])
	}, func(in []*core.Array) *core.Array { return fast.LayerNorm(in[0], in[1], in[2], 1e-3) }, x, w, b)
	both(t, "RMSNorm", func(in []*core.Array) *core.Array {
		return in[0].Mul(in[0].Square().MeanKeep(-1).AddScalar(1e-3).Rsqrt()).Mul(in[1])
	}, func(in []*core.Array) *core.Array { return fast.RMSNorm(in[0], in[1], 1e-3) }, x, w)
	both(t, "CrossEntropy", func(in []*core.Array) *core.Array {
		targets := core.From([]int32{0, 7, 3, 3, 2, 1}, 2, 3, 1)
		return in[0].LogSumExp(-1).Sub(in[0].TakeAlongAxis(targets, -1).Squeeze(-1))
	}, func(in []*core.Array) *core.Array {
		return fast.CrossEntropy(in[0], core.From([]int32{0, -1, 3, 3, 2, 1}, 2, 3))
	}, x)
}

func TestAttentionEqualsItsFormula(t *testing.T) {
	q, k, v := normal(4, 2, 4, 5, 8), normal(5, 2, 2, 6, 8), normal(6, 2, 2, 6, 3)
	scale := 1 / math.Sqrt(8)
	formula := func(mask *core.Array) func(in []*core.Array) *core.Array {
		return func(in []*core.Array) *core.Array {
			k, v := in[1].Repeat(2, 1), in[2].Repeat(2, 1)
			s := in[0].MatMul(k.SwapAxes(-1, -2)).MulScalar(scale)
			if mask != nil {
				s = core.Where(mask, s, s.ScalarLike(math.Inf(-1)))
			}
			return s.Softmax(-1).MatMul(v)
		}
	}
	both(t, "plain", formula(nil), func(in []*core.Array) *core.Array {
		return fast.ScaledDotProductAttention(in[0], in[1], in[2], scale)
	}, q, k, v)
	causal := core.Tri(core.Bool, 5, 6, 1)
	both(t, "causal", formula(causal), func(in []*core.Array) *core.Array {
		return fast.ScaledDotProductAttentionCausal(in[0], in[1], in[2], scale)
	}, q, k, v)
	both(t, "mask", formula(causal), func(in []*core.Array) *core.Array {
		return fast.ScaledDotProductAttentionWith(in[0], in[1], in[2], scale, "array", causal, nil, false)
	}, q, k, v)
}

func TestRoPERotatesPairs(t *testing.T) {
	x := normal(7, 1, 2, 3, 6)
	both(t, "RoPE", func(in []*core.Array) *core.Array {
		a, b, rest := in[0].At(core.Ellipsis, core.Range(0, 2)), in[0].At(core.Ellipsis, core.Range(2, 4)), in[0].At(core.Ellipsis, core.Range(4, core.Open))
		position := core.Arange(core.Float32, 5, 8, 1).Reshape(3, 1)
		angle := position.Mul(core.From([]float32{1, 1e-2}))
		c, s := angle.Cos(), angle.Sin()
		return core.Concatenate(-1, a.Mul(c).Sub(b.Mul(s)), a.Mul(s).Add(b.Mul(c)), rest)
	}, func(in []*core.Array) *core.Array { return fast.RoPE(in[0], 4, 5) }, x)
	got := fast.RoPEDynamic(x, 4, false, 10000, 1, core.From([]int32{5}), nil)
	require.InDeltaSlice(t, core.Data[float32](fast.RoPE(x, 4, 5)), core.Data[float32](got), 1e-5)
}

func TestBadArguments(t *testing.T) {
	x := core.Zeros(core.Float32, 2, 4)
	q := core.Zeros(core.Float32, 1, 2, 3, 4)
	for name, f := range map[string]func() *core.Array{
		"LayerNorm of a scalar": func() *core.Array { return fast.LayerNorm(core.Scalar(float32(1)), nil, nil, 1e-5) },
		"LayerNorm weight":      func() *core.Array { return fast.LayerNorm(x, core.Ones(core.Float32, 3), nil, 1e-5) },
		"RMSNorm of nil":        func() *core.Array { return fast.RMSNorm(nil, nil, 1e-5) },
		"RMSNorm of integers":   func() *core.Array { return fast.RMSNorm(core.Zeros(core.Int32, 4), nil, 1e-5) },
		"RoPE of a matrix":      func() *core.Array { return fast.RoPE(x, 4, 0) },
		"RoPE of odd dims":      func() *core.Array { return fast.RoPE(q, 3, 0) },
		"attention of matrices": func() *core.Array { return fast.ScaledDotProductAttention(x, x, x, 1) },
		"attention of 3 heads": func() *core.Array {
			return fast.ScaledDotProductAttention(core.Zeros(core.Float32, 1, 3, 3, 4), q, q, 1)
		},
		"attention mask mode": func() *core.Array { return fast.ScaledDotProductAttentionWith(q, q, q, 1, "no", nil, nil, false) },
		"attention without head": func() *core.Array {
			e := core.Zeros(core.Float32, 1, 0, 3, 4)
			return fast.ScaledDotProductAttention(q, e, e, 1)
		},
		"target outside":         func() *core.Array { return fast.CrossEntropy(x, core.From([]int32{0, 4})) },
		"targets of floats":      func() *core.Array { return fast.CrossEntropy(x, core.Zeros(core.Float32, 2)) },
		"logits without class":   func() *core.Array { return fast.CrossEntropy(core.Zeros(core.Float32, 2, 0), core.From([]int32{0, 0})) },
		"logits of no axes":      func() *core.Array { return fast.CrossEntropy(core.Scalar(float32(1)), core.Scalar(int32(0))) },
		"targets of other shape": func() *core.Array { return fast.CrossEntropy(x, core.From([]int32{0})) },
	} {
		y, err := core.Try(f)
		var e *core.Error
		if assert.ErrorAs(t, err, &e, "%s gave %v", name, y) {
			assert.NotContains(t, err.Error(), "\n")
		}
	}
}
