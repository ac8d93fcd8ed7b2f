package replay

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/fast"
	"github.com/adjoint-go/adjoint/core/mlxio"
	"github.com/adjoint-go/adjoint/core/quant"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/transforms/grad"
)

var nan = math.NaN()

func normal(seed uint64, shape ...int) *array {
	return random.Normal(random.Key(seed), core.Float32, shape...)
}

// Primitives that MLX makes on a GPU only, as a file from there has them.
func TestPrimitivesOfGPUs(t *testing.T) {
	x, w, b, g := normal(1, 2, 5, 8), normal(2, 8), normal(3, 8), normal(4, 2, 5, 8)
	number := core.Scalar[float32](1)
	eps := float32(1e-3)
	layer := func(a [3]*array) *array { return fast.LayerNorm(a[0], a[1], a[2], 1e-3).Mul(g).Sum() }
	rms := func(a [2]*array) *array { return fast.RMSNorm(a[0], a[1], 1e-3).Mul(g).Sum() }
	plain := func(x *array) *array { return fast.LayerNorm(x, nil, nil, 1e-3).Mul(g).Sum() }
	dl, dr := grad.Of(layer)([3]*array{x, w, b}), grad.Of(rms)([2]*array{x, w})

	q, k, v := normal(5, 1, 2, 5, 8), normal(6, 1, 2, 5, 8), normal(7, 1, 2, 5, 8)
	mask, sinks, offset, freqs := normal(8, 5, 5), normal(9, 2), core.Scalar[int32](3), normal(10, 4).Abs().AddScalar(1)
	rope := func(x *array) *array {
		return fast.RoPEWith(x, 8, true, 100, 0.5, 3, nil).Mul(q).Sum()
	}
	wide := normal(11, 4, 64)
	wq, scales, biases := quant.Quantize(wide, 32, 4)
	attend := func(mode string, mask, sinks *array) *array {
		return fast.ScaledDotProductAttentionWith(q, k, v, 0.3, mode, mask, sinks, false)
	}
	third := float32(0.3)
	for _, c := range []struct {
		op    string
		state []any
		in    []*array
		want  []*array
	}{
		{"LayerNorm", []any{eps}, []*array{x, w, b}, one(fast.LayerNorm(x, w, b, 1e-3))},
		{"LayerNorm", []any{eps}, []*array{x, number, number.ZerosLike()}, one(fast.LayerNorm(x, nil, nil, 1e-3))},
		{"LayerNormVJP", []any{eps}, []*array{x, w, b, g}, dl[:]},
		{"LayerNormVJP", []any{eps}, []*array{x, number, number, g}, []*array{grad.Of(plain)(x), number.ZerosLike(), number.ZerosLike()}},
		{"RMSNorm", []any{eps}, []*array{x, w}, one(fast.RMSNorm(x, w, 1e-3))},
		{"RMSNormVJP", []any{eps}, []*array{x, w, g}, dr[:]},
		{"RoPE", []any{8, true, float32(100), float32(0.5), true}, []*array{x, offset}, one(fast.RoPEWith(x, 8, true, 100, 0.5, 3, nil))},
		{"RoPE", []any{8, true, float32(100), float32(0.5), false}, []*array{q, offset}, one(grad.Of(rope)(normal(12, 1, 2, 5, 8)))},
		{"RoPE", []any{8, false, float32(1), float32(1), true}, []*array{x, offset, freqs}, one(fast.RoPEDynamic(x, 8, false, nan, 1, offset, freqs))},
		{"ScaledDotProductAttention", []any{third, false, false, false, false}, []*array{q, k, v}, one(attend("", nil, nil))},
		{"ScaledDotProductAttention", []any{third, true, false, false, false}, []*array{q, k, v}, one(attend("causal", nil, nil))},
		{"ScaledDotProductAttention", []any{third, false, true, false, false}, []*array{q, k, v, mask, sinks}, one(attend("array", mask, sinks))},
		{"Quantize", []any{32, 4, 0, false}, one(wide), []*array{wq, scales, biases}},
		{"Quantize", []any{32, 4, 0, true}, []*array{wq, scales, biases}, one(quant.Dequantize(wq, scales, biases, 32, 4))},
		{"RandomBits", []any{[]int{2, 3}, 4}, one(random.SplitN(random.Key(1), 2)),
			one(core.Stack(0, random.Bits(random.SplitN(random.Key(1), 2).Index(0), 4, 3), random.Bits(random.SplitN(random.Key(1), 2).Index(1), 4, 3)))},
	} {
		n := mlxio.FunctionNode{Op: c.op, State: c.state, Device: core.GPU}
		tr := &mlxio.FunctionTrace{}
		for i, a := range c.in {
			n.In = append(n.In, i)
			tr.Inputs = append(tr.Inputs, a.Spec())
		}
		for i, a := range c.want {
			n.Out = append(n.Out, a.Spec())
			tr.Outputs = append(tr.Outputs, len(c.in)+i)
		}
		tr.Nodes = []mlxio.FunctionNode{n}
		for i, got := range Run("test", tr, false, c.in) {
			require.InDelta(t, 0, got.AsType(core.Float32).Sub(c.want[i].AsType(core.Float32)).Abs().Max().Item(), 2e-5, "%s %v: result %d", c.op, c.state, i)
		}
	}
}

// A node that cannot be is a typed error that says which.
func TestNodesThatCannotBe(t *testing.T) {
	f := func(shape ...int) core.Spec { return core.Spec{DType: core.Float32, Shape: shape} }
	x := core.Ones(core.Float32, 2, 3)
	for says, n := range map[string]mlxio.FunctionNode{
		"node 0 (Nothing): there is no such operation":                             {Op: "Nothing"},
		"node 0 (Add): 1 inputs":                                                   {Op: "Add", In: []int{0}},
		"node 0 (Exp): it reads value 7, which nothing before it makes":            {Op: "Exp", In: []int{7}},
		"node 0 (Exp): it gives float32[2 3], and the file says float32[3]":        {Op: "Exp", In: []int{0}, Out: []core.Spec{f(3)}},
		"node 0 (Exp): it has 1 results, and the file says 0":                      {Op: "Exp", In: []int{0}},
		"node 0 (Sort): it holds 0 values":                                         {Op: "Sort", In: []int{0}},
		"node 0 (Sort): value 0 is true":                                           {Op: "Sort", In: []int{0}, State: []any{true}},
		"node 0 (Sort): Axis 9 is out of bounds":                                   {Op: "Sort", In: []int{0}, State: []any{9}},
		"node 0 (Slice): 1 numbers for 2 axes":                                     {Op: "Slice", In: []int{0}, State: []any{[]int{0}, []int{1}, []int{1}}},
		"node 0 (Slice): axis 0: the step of a range is 0":                         {Op: "Slice", In: []int{0}, State: []any{[]int{0, 0}, []int{1, 1}, []int{0, 1}}},
		"node 0 (AsStrided): axis 0 of size 9 with stride 1 leaves the 6 elements": {Op: "AsStrided", In: []int{0}, State: []any{[]int{9}, []int{1}, 0}},
		"node 0 (Pad): widths -1 and 0 of axis 0":                                  {Op: "Pad", In: []int{0, 1}, State: []any{[]int{0}, []int{-1}, []int{0}}},
		"node 0 (Depends): 3 results of 1 inputs":                                  {Op: "Depends", In: []int{0}, Out: []core.Spec{f(), f(), f()}},
		"node 0 (Eigh): the triangle \"X\"":                                        {Op: "Eigh", In: []int{0}, State: []any{"X", true}},
		"node 0 (RandomBits): keys of 2 axes for the shape []":                     {Op: "RandomBits", In: []int{0}, State: []any{[]int{}, 4}},
		"node 0 (Reshape): Cannot reshape array of size 6 into shape (4)":          {Op: "Reshape", In: []int{0}, State: []any{[]int{4}}},
	} {
		tr := &mlxio.FunctionTrace{Inputs: []core.Spec{f(2, 3), f()}, Nodes: []mlxio.FunctionNode{n}, Outputs: []int{0}}
		_, err := core.Try(func() *array { return Run("test", tr, false, []*array{x, core.Scalar[float32](0)})[0] })
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), "\n")
	}
	_, err := core.Try(func() *array { return Run("test", &mlxio.FunctionTrace{Outputs: []int{3}}, false, nil)[0] })
	require.ErrorContains(t, err, "output 0 is value 3, which nothing makes")
	_, err = core.Try(func() *array { return Run("test", &mlxio.FunctionTrace{}, false, one(x))[0] })
	require.ErrorContains(t, err, "1 inputs: the trace has 0")
}
