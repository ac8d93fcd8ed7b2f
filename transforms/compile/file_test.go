package compile_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/fast"
	"github.com/adjoint-go/adjoint/core/linalg"
	"github.com/adjoint-go/adjoint/core/mlxio"
	"github.com/adjoint-go/adjoint/core/quant"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/flow"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

// exportable is a function of arrays, with calls of it. It is exported for the first,
// or for all.
type exportable struct {
	name      string
	f         list
	calls     [][]*core.Array
	all       bool
	shapeless bool
}

func normal(seed uint64, shape ...int) *core.Array {
	return random.Normal(random.Key(seed), core.Float32, shape...)
}

type layer struct{ W, B *core.Array }

type network struct{ First, Second layer }

func (n network) loss(x, y *core.Array) *core.Array {
	h := x.MatMul(n.First.W).Add(n.First.B).Tanh()
	return h.MatMul(n.Second.W).Add(n.Second.B).Sub(y).Square().Mean()
}

// exportables are functions of which a file must give back what they compute.
func exportables() []exportable {
	loss := func(n network, d [2]*core.Array) *core.Array { return n.loss(d[0], d[1]) }
	step := grad.ValueAndGrad2(loss)
	big := normal(40, 64)
	wq, scales, biases := quant.Quantize(normal(41, 32, 64), 32, 4)
	kinds := []*core.Array{
		core.From([]bool{true, false}), core.From([]uint8{1, 2}), core.From([]uint16{1, 2}), core.From([]uint32{1, 2}),
		core.From([]uint64{1, 1 << 63}), core.From([]int8{-1, 2}), core.From([]int16{-1, 2}), core.From([]int32{-1, 2}),
		core.From([]int64{-1, 2}), core.From([]float32{0.5, 2}).AsType(core.Float16),
		core.From([]float32{0.5, 2}).AsType(core.BFloat16), core.From([]float32{0.1, 2}), core.From([]complex64{1i, 2}),
		core.From([]float32{1, 2, 3, 4, 5, 6}, 2, 3).T(), core.Zeros(core.Float32, 3, 0), core.Full(core.Float32, 3, 100, 100),
	}
	return []exportable{
		{name: "step", f: func(x []*core.Array) []*core.Array {
			l, g := step(network{layer{x[0], x[1]}, layer{x[2], x[3]}}, [2]*core.Array{x[4], x[5]})
			return []*core.Array{l, g.First.W, g.First.B, g.Second.W, g.Second.B}
		}, calls: [][]*core.Array{{normal(1, 5, 8), normal(2, 8), normal(3, 8, 3), normal(4, 3), normal(5, 4, 5), normal(6, 4, 3)}}},
		{name: "convolution", f: func(x []*core.Array) []*core.Array {
			f := func(k *core.Array) *core.Array {
				return x[0].Conv2d(k, [2]int{1, 1}, [2]int{1, 1}, [2]int{1, 1}, 1).MaximumScalar(0).Square().Sum()
			}
			return []*core.Array{f(x[1]), grad.Of(f)(x[1])}
		}, calls: [][]*core.Array{{normal(1, 2, 6, 6, 3), normal(2, 4, 3, 3, 3)}}},
		{name: "attention", f: func(x []*core.Array) []*core.Array {
			q, k := fast.RoPE(x[0], 8, 2), fast.RoPE(x[1], 8, 2)
			o := fast.ScaledDotProductAttentionCausal(q, k, x[2], 0.35)
			return []*core.Array{fast.LayerNorm(o, x[3], nil, 1e-5), fast.RMSNorm(o, x[3], 1e-5), o.Softmax(-1)}
		}, calls: [][]*core.Array{{normal(1, 2, 3, 5, 8), normal(2, 2, 3, 5, 8), normal(3, 2, 3, 5, 8), normal(4, 8)}}},
		{name: "draws", f: func(x []*core.Array) []*core.Array {
			a, b := random.Split(x[0])
			return []*core.Array{random.Uniform(a, 0, 1, core.Float32, 3, 4), random.Categorical(b, core.Zeros(core.Float32, 4, 7), -1), random.RandInt(a, 0, 9, core.Int32, 5)}
		}, calls: [][]*core.Array{{random.Key(3)}, {random.Key(4)}}},
		{name: "algebra", f: func(x []*core.Array) []*core.Array {
			s := x[0].MatMul(x[0].T()).Add(core.Eye(core.Float32, 4, 4, 0))
			q, r := linalg.QR(x[0])
			g := grad.Of(func(a *core.Array) *core.Array { return linalg.Cholesky(a).Sum() })(s)
			return []*core.Array{q.Abs(), r.Abs(), linalg.SVDVals(x[0]), linalg.Inv(s), linalg.Cholesky(s), linalg.EigValsh(s), g}
		}, calls: [][]*core.Array{{normal(1, 4, 4)}}},
		{name: "indexing", f: func(x []*core.Array) []*core.Array {
			return []*core.Array{
				x[0].At(x[1]), x[0].AtAdd(x[2], x[1]), x[0].At(core.Range(1, 4), core.Every(-2)), x[0].AtSet(core.Scalar[float32](9), core.I(2)),
				x[0].AtMul(x[2].At(core.Range(0, 2)), core.Range(3, 5)), x[0].Sort(1), x[0].ArgMax(0), x[0].Pad([2]int{1, 2}),
				x[0].DynamicSlice(x[1].At(core.Range(0, 1)), []int{0}, []int{2, 4}),
			}
		}, calls: [][]*core.Array{{normal(1, 5, 4), core.From([]int32{3, 0, 3, 2, 1}), normal(2, 5, 4)}}},
		{name: "quantized", f: func(x []*core.Array) []*core.Array {
			return []*core.Array{quant.MatMul(x[0], wq, scales, biases, 32, 4), quant.Dequantize(wq, scales, biases, 32, 4)}
		}, calls: [][]*core.Array{{normal(1, 3, 64)}}},
		{name: "shapeless", shapeless: true, f: func(x []*core.Array) []*core.Array {
			h := x[0].MatMul(x[1]).Softmax(-1)
			return []*core.Array{h.Sum(-1), h.Mean(), core.Concatenate(0, h, h), h.Sub(h.Max(0))}
		}, calls: [][]*core.Array{{normal(1, 4, 6), normal(2, 6, 3)}, {normal(3, 7, 6), normal(2, 6, 3)}}},
		{name: "several", all: true, f: func(x []*core.Array) []*core.Array {
			return []*core.Array{x[0].Add(big.At(core.Range(0, x[0].Dim(-1)))), x[0].MulScalar(0.1)}
		}, calls: [][]*core.Array{{normal(1, 4)}, {normal(2, 8)}, {normal(3, 2, 4)}}},
		{name: "kinds", f: func(x []*core.Array) []*core.Array {
			out := append([]*core.Array{}, kinds...)
			return append(out, x[0].Add(kinds[11]), kinds[1].BitwiseInvert().Add(x[0].AsType(core.Uint8)), x[0])
		}, calls: [][]*core.Array{{core.From([]float32{3, 4})}}},
		{name: "loops", f: func(x []*core.Array) []*core.Array {
			f := func(w *core.Array) *core.Array {
				h, ys := flow.Scan(func(h, x *core.Array) (*core.Array, *core.Array) {
					h = h.Mul(w).Add(x).Tanh()
					return h, h.Square()
				}, core.Zeros(core.Float32, 3), x[1])
				return h.Sum().Add(ys.Sum())
			}
			for5 := flow.For(5, func(i, s *core.Array) *core.Array { return s.Mul(x[0]).Add(i.AsType(core.Float32)) }, x[0])
			if2 := flow.Cond(x[0].Sum().Greater(core.Scalar[float32](0)), func(a *core.Array) *core.Array { return a.Exp() }, func(a *core.Array) *core.Array { return a.Neg() }, x[0])
			return []*core.Array{f(x[0]), grad.Of(f)(x[0]), for5, if2}
		}, calls: [][]*core.Array{{normal(1, 3), normal(2, 4, 3)}, {normal(9, 3).Abs().Neg(), normal(3, 4, 3)}}},
		{name: "rules", f: func(x []*core.Array) []*core.Array {
			own := grad.Custom(func(a *core.Array) *core.Array { return a.Square() },
				grad.WithVJP(func(a, _, ct *core.Array) *core.Array { return ct.MulScalar(7) }))
			kept := grad.Checkpoint(func(a *core.Array) *core.Array { return a.Tanh().Mul(a).Contiguous() })
			f := func(a *core.Array) *core.Array { return own(a).Add(kept(a)).Sum() }
			rows := vmap.Of(grad.Of(f))(x[0])
			return []*core.Array{f(x[0]), grad.Of(f)(x[0]), rows}
		}, calls: [][]*core.Array{{normal(1, 3, 2)}}},
	}
}

// save exports a exportable and writes its calls beside the file, for make.py.
func (s exportable) save(t *testing.T, folder string) (path string) {
	var opts []compile.Option
	if s.shapeless {
		opts = append(opts, compile.Shapeless())
	}
	f := compile.Of(s.f, opts...)
	var traces []*compile.Lowered
	arrays := map[string]*core.Array{}
	for i, c := range s.calls {
		if i == 0 || s.all {
			traces = append(traces, f.Lower(c))
		}
		for k, a := range c {
			arrays[fmt.Sprintf("%d.in.%d", i, k)] = a
		}
		for k, a := range s.f(c) {
			arrays[fmt.Sprintf("%d.out.%d", i, k)] = a
		}
	}
	path = filepath.Join(folder, s.name+".mlxfn")
	require.NoError(t, compile.Export(path, traces...))
	require.NoError(t, mlxio.SaveSafetensors(filepath.Join(folder, s.name+".safetensors"), arrays, nil))
	return path
}

func TestAFileGivesBackTheFunction(t *testing.T) {
	for _, s := range exportables() {
		t.Run(s.name, func(t *testing.T) {
			path := s.save(t, t.TempDir())
			f, err := compile.ImportFile[list](path)
			require.NoError(t, err)
			for i, c := range s.calls {
				requireClose(t, s.f(c), f.Call(c), fmt.Sprintf("call %d", i))
			}
			again := filepath.Join(t.TempDir(), "again.mlxfn")
			if !s.shapeless && !s.all {
				require.NoError(t, f.Export(again, s.calls[0]))
				g, err := compile.ImportFile[list](again)
				require.NoError(t, err)
				requireClose(t, s.f(s.calls[0]), g.Call(s.calls[0]), "again")
			}
		})
	}
}
