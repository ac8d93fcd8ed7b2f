package compile_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
)

// byRows are functions of a matrix, a row of weights and one value for each row that
// are one group.
var byRows = map[string]func(x, w, each arr) []arr{
	"softmax":    func(x, w, each arr) []arr { return []arr{x.Mul(w).Softmax(-1).Add(each)} },
	"logsumexp":  func(x, w, each arr) []arr { y := x.Add(each); return []arr{y.LogSumExpKeep(-1).Neg(), y.Square()} },
	"normalized": func(x, w, each arr) []arr { m := x.MeanKeep(-1); return []arr{m, x.Sub(m).Div(each.Abs()).Mul(w)} },
	"extremes": func(x, w, each arr) []arr {
		wide := x.MaxKeep(-1).Sub(x.MinKeep(-1))
		return []arr{wide, each.Sub(x).Mul(wide), each.Add(x).Mul(w).Sub(wide)}
	},
	"layer norm": func(x, w, each arr) []arr {
		d := x.Sub(x.MeanKeep(-1))
		return []arr{d.Mul(d.Square().MeanKeep(-1).AddScalar(1e-5).Rsqrt()).Mul(w).Add(each)}
	},
	"cross entropy": func(x, w, each arr) []arr {
		l := x.LogSumExpKeep(-1)
		return []arr{l.Sub(each), x.Sub(l).Exp().Sub(w)}
	},
	"chosen": func(x, w, each arr) []arr {
		y := core.Where(each.GreaterScalar(0), x.Square(), w)
		return []arr{y, y.SumKeep(-1).Abs().Sqrt()}
	},
}

func TestBehaviour10_RowsAreOneGroup(t *testing.T) {
	shapes := [][]int{{64, 33}, {9, 2}, {2, 4, 100}, {300, 16}, {1, 1000}, {40, 1024}, {8, 5000}}
	for name, f := range byRows {
		for _, d := range []core.DType{core.Float32, core.Float16, core.BFloat16, core.Float64} {
			for _, shape := range shapes {
				t.Run(fmt.Sprint(name, d, shape), func(t *testing.T) {
					last := len(shape) - 1
					n := 1
					for _, d := range shape {
						n *= d
					}
					one := append(append([]int{}, shape[:last]...), 1)
					x := values(d, n, 1).Reshape(shape...).Eval()
					w, each := values(d, shape[last], 2).Eval(), values(d, n/shape[last], 3).Reshape(one...).Eval()
					c := compile.Of(func(x, w, each arr) []arr { return f(x, w, each) })
					check := func(x arr, about string) {
						want, got := f(x, w, each), c.Call(x, w, each)
						core.Eval(want, got)
						for i := range want {
							equal(t, want[i], got[i], fmt.Sprint(about, " result ", i))
						}
					}
					check(x, "in order")
					e := latest(c.Explain())
					if !stock { // MLX's reductions are by themselves
						require.Equal(t, 1, e.Nodes, "%v", e.Alone)
					}
					axes := append([]int{last}, make([]int, last)...)
					for i := range last {
						axes[i+1] = i
					}
					back := append(append([]int{}, axes[1:]...), 0)
					for i := range back[:last] {
						back[i] = i + 1
					}
					check(x.Transpose(axes...).Contiguous().Eval().Transpose(back...), "by columns")
					check(x.AddScalar(0), "owned by the call")
				})
			}
		}
	}
}

// What cannot be shared out by rows, or is no row, stays as it is.
func TestRowsThatAreNotFused(t *testing.T) {
	for name, x := range map[string]arr{
		"long rows": core.Ones(core.Float32, 16, 9000),
		"few rows":  core.Ones(core.Float32, 4, 8000),
		"whole":     core.Ones(core.Float32, 30, 7).AsType(core.Int32),
	} {
		f := compile.Of(func(x arr) arr { return x.Square().SumKeep(-1) })
		equal(t, x.Square().SumKeep(-1), f.Call(x), name)
		require.Empty(t, latest(f.Explain()).Fused, name)
	}
	f := compile.Of(func(x arr) arr { return x.Square().SumKeep(0).Sqrt() })
	x := values(core.Float32, 600, 1).Reshape(20, 30)
	equal(t, x.Square().SumKeep(0).Sqrt(), f.Call(x), "another axis")
	require.Empty(t, latest(f.Explain()).Fused)
}

// A group by rows is differentiated and mapped like what it is made of.
func TestRowsUnderTransforms(t *testing.T) {
	x := core.Linspace(core.Float32, -2, 3, 60).Reshape(12, 5)
	loss := func(x arr) arr { return x.LogSumExpKeep(-1).Sub(x.Softmax(-1).Square()).Sum() }
	want := grad.Of(loss)(x)
	got := compile.Of(grad.Of(compile.Of(loss).Call)).Call(x)
	for i, v := range floats(want) {
		require.InDelta(t, v, floats(got)[i], 1e-6)
	}
}
