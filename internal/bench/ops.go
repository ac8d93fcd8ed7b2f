package bench

import (
	"math"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/fast"
	"github.com/adjoint-go/adjoint/core/random"
)

// The sizes of the operations: most are on a side x side matrix of floats.
const (
	side       = 1024
	matrix     = 4 * side * side // bytes
	tableRows  = 10000
	tableWidth = 128
	taken      = 4096                   // rows of the table
	moved      = 4 * taken * tableWidth // bytes of them
	images     = 4 * 16 * 32 * 32       // bytes of a channel of the images
	heads      = 4 * 8
	places     = 256
	headWidth  = 64
	attended   = 4 * heads * places * places * headWidth // operations
)

// Ops lists the operations that are measured one by one, each called by itself and
// not compiled.
var Ops = []Workload{
	unary("op_exp", "exp", (*core.Array).Exp),
	unary("op_tanh", "tanh", (*core.Array).Tanh),
	unary("op_erf", "erf", (*core.Array).Erf),
	reduction("op_sum_0", "sum over the first axis", func(x *core.Array) *core.Array { return x.Sum(0) }),
	reduction("op_sum_1", "sum over the last axis", func(x *core.Array) *core.Array { return x.Sum(1) }),
	reduction("op_sum", "sum of all", func(x *core.Array) *core.Array { return x.Sum() }),
	reduction("op_max_1", "maxima over the last axis", func(x *core.Array) *core.Array { return x.Max(1) }),
	unary("op_softmax", "softmax over the last axis", func(x *core.Array) *core.Array { return x.Softmax(-1) }),
	op("op_layer_norm", "layer norm over the last axis of 1024x1024 floats, with weight and bias", Work{Bytes: 2 * matrix}, layerNorm),
	op("op_where", "1024x1024 floats from one of two arrays, by a mask", Work{Bytes: 3*matrix + side*side}, where),
	unary("op_transpose", "transposed copy", func(x *core.Array) *core.Array { return x.T().Contiguous() }),
	unary("op_sort", "sort along the last axis", func(x *core.Array) *core.Array { return x.Sort(-1) }),
	op("op_take", "4096 rows of a 10000x128 table", Work{Bytes: 2 * moved}, take),
	op("op_scatter_add", "4096 rows added to a 10000x128 table", Work{Bytes: 2*4*tableRows*tableWidth + moved}, scatterAdd),
	{Name: "op_normal", Does: "1024x1024 normal random floats", Work: Work{Bytes: matrix}, prepare: normals},
	op("op_matmul_bf16", "product of two 512x512 matrices of bfloat16", Work{2 * 3 * 512 * 512, 2 * 512 * 512 * 512}, matmulBF16),
	op("op_conv", "3x3 convolution of 16 images of 32x32 from 32 channels to 64", Work{images * (32 + 64), images / 4 * 64 * 2 * 9 * 32}, convolution),
	op("op_attention", "attention of 4x8 heads, 256 places, width 64", Work{4 * 4 * heads * places * headWidth, attended}, attention),
	op("op_attention_causal", "the same, where each place sees those up to it", Work{4 * 4 * heads * places * headWidth, attended / 2}, attentionCausal),
}

// op is a workload of one operation on arrays that are there already.
func op(name, does string, w Work, prepare func(in *Inputs) func() *core.Array) Workload {
	return Workload{Name: name, Does: does, Work: w, prepare: func(in *Inputs) job {
		return eager(prepare(in), func(r []*core.Array) []float64 { return marks(r[0]) })
	}}
}

// eager is a job whose steps are calls of f, not compiled.
func eager(f func() *core.Array, value func(r []*core.Array) []float64) job {
	return pure(func() []*core.Array { return []*core.Array{core.Tidy(f)} }, value)
}

// unary is an operation on a matrix that gives another of its size.
func unary(name, does string, f func(x *core.Array) *core.Array) Workload {
	return onMatrix(name, does, 2*matrix, f)
}

// reduction is an operation on a matrix whose result is far smaller.
func reduction(name, does string, f func(x *core.Array) *core.Array) Workload {
	return onMatrix(name, does, matrix, f)
}

func onMatrix(name, does string, bytes int, f func(x *core.Array) *core.Array) Workload {
	return op(name, does+" of 1024x1024 floats", Work{Bytes: bytes}, func(in *Inputs) func() *core.Array {
		x := in.get("x1024")
		return func() *core.Array { return f(x) }
	})
}

// marks are the sum, the sum of squares, and a sum in which elements count by their
// place, so that an array in another order has others.
func marks(a *core.Array) []float64 {
	const period = 1009
	var placed float64
	a = a.AsType(core.Float32)
	for i, v := range core.Data[float32](a) {
		placed += float64(v) * float64(i%period+1) / period
	}
	return append(sums(a), placed)
}

func layerNorm(in *Inputs) func() *core.Array {
	x, w, b := in.get("x1024"), in.get("scale1024.w"), in.get("scale1024.b")
	return func() *core.Array { return fast.LayerNorm(x, w, b, normEps) }
}

func where(in *Inputs) func() *core.Array {
	x, y := in.get("x1024"), in.get("y1024")
	mask := y.GreaterScalar(0).Eval()
	return func() *core.Array { return core.Where(mask, x, y) }
}

func take(in *Inputs) func() *core.Array {
	table, at := in.get("rows.table"), in.get("rows.at")
	return func() *core.Array { return table.Take(at, 0) }
}

func scatterAdd(in *Inputs) func() *core.Array {
	table, at, rows := in.get("rows.table"), in.get("rows.at"), in.get("rows.new")
	return func() *core.Array { return table.AtAdd(rows, at) }
}

// normals draws the same numbers in each step. Other frameworks draw others, so the
// check values are one more than the mean, and the deviation, to two places.
func normals(*Inputs) job {
	key := random.Key(1).Eval()
	return eager(func() *core.Array { return random.Normal(key, core.Float32, side, side) }, func(r []*core.Array) []float64 {
		s, n := sums(r[0]), float64(r[0].Size())
		mean := s[0] / n
		deviation := math.Sqrt(s[1]/n - mean*mean)
		return []float64{1 + math.Round(100*mean)/100, math.Round(100*deviation) / 100}
	})
}

func matmulBF16(in *Inputs) func() *core.Array {
	a, b := in.get("square512.a").AsType(core.BFloat16).Eval(), in.get("square512.b").AsType(core.BFloat16).Eval()
	return func() *core.Array { return a.MatMul(b) }
}

func convolution(in *Inputs) func() *core.Array {
	x, k := in.get("conv3.x"), in.get("conv3.k").Transpose(3, 0, 1, 2).Contiguous().Eval()
	return func() *core.Array { return x.Conv2d(k, [2]int{1, 1}, [2]int{1, 1}, [2]int{1, 1}, 1) }
}

func attention(in *Inputs) func() *core.Array {
	return attending(in, fast.ScaledDotProductAttention)
}

func attentionCausal(in *Inputs) func() *core.Array {
	return attending(in, fast.ScaledDotProductAttentionCausal)
}

func attending(in *Inputs, f func(q, k, v *core.Array, scale float64) *core.Array) func() *core.Array {
	q, k, v := in.get("attention.q"), in.get("attention.k"), in.get("attention.v")
	return func() *core.Array { return f(q, k, v, 1/math.Sqrt(headWidth)) }
}
