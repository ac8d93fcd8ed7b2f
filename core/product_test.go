package core_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
)

// layouts are ways for the matrices of a batch to lie in memory; each returns an array
// equal to x, which has three axes.
var layouts = map[string]func(x *core.Array) *core.Array{
	"in order":           func(x *core.Array) *core.Array { return x },
	"by columns":         func(x *core.Array) *core.Array { return x.SwapAxes(1, 2).Contiguous().SwapAxes(1, 2) },
	"the batch inside":   func(x *core.Array) *core.Array { return x.Transpose(1, 2, 0).Contiguous().Transpose(2, 0, 1) },
	"rows far apart":     func(x *core.Array) *core.Array { return x.Repeat(2, 1).At(core.All, core.Every(2)) },
	"matrices far apart": func(x *core.Array) *core.Array { return x.Repeat(3, 0).At(core.Every(3)) },
	"in steps":           func(x *core.Array) *core.Array { return x.Repeat(2, 2).At(core.All, core.All, core.Every(2)) },
	"part of a row": func(x *core.Array) *core.Array {
		return core.Concatenate(2, x, x).At(core.All, core.All, core.Range(0, x.Dim(2)))
	},
	"backwards": func(x *core.Array) *core.Array {
		return x.At(core.All, core.Every(-1)).Contiguous().At(core.All, core.Every(-1))
	},
}

// TestProductsOfEveryLayout compares products with ones in float64, for sizes on both
// sides of those at which work is cut.
func TestProductsOfEveryLayout(t *testing.T) {
	for _, s := range [][4]int{{1, 1, 1, 1}, {5, 1, 7, 1}, {3, 4, 1, 6}, {2, 33, 17, 65}, {40, 16, 64, 1}, {30, 64, 16, 1}, {20, 24, 8, 16}, {9, 1, 40, 16}, {7, 13, 20, 48}, {1, 300, 70, 129}, {3, 130, 256, 260}} {
		batch, m, k, n := s[0], s[1], s[2], s[3]
		x, y, z := wave(batch*m*k), wave(batch*k*n), wave(batch*m*n)
		for _, dtype := range []core.DType{core.Float32, core.Float64} {
			unit := map[core.DType]float64{core.Float32: 0x1p-23, core.Float64: 0x1p-51}[dtype]
			of := func(v []float64, shape ...int) *core.Array { return core.From(v, shape...).AsType(dtype).Eval() }
			a, b, c := of(x, batch, m, k), of(y, batch, k, n), of(z, batch, m, n)
			const own, right, left = 0, 1, 2 // which factor is one for all
			products := map[int][]float64{}
			for _, shared := range []int{own, right, left} {
				for l := range batch {
					p, q := l, l
					switch shared {
					case right:
						q = 0
					case left:
						p = 0
					}
					products[shared] = append(products[shared], product(as32(x[p*m*k:(p+1)*m*k]), as32(y[q*k*n:(q+1)*k*n]), m, k, n)...)
				}
			}
			// check wants alpha·a·b + beta·c, whose elements at gives.
			check := func(name string, got *core.Array, shared int, alpha, beta float64, at func(l, i, j int) float64) {
				t.Helper()
				require.Equal(t, dtype, got.DType())
				values := core.Data[float64](got.AsType(core.Float64))
				require.Len(t, values, batch*m*n, name)
				for e, w := range products[shared] {
					l, i := e/(m*n), e%(m*n)
					w = alpha*w + beta*at(l, i/n, i%n)
					if d := math.Abs(w - values[e]); !(d <= unit*(math.Abs(w)+16*float64(k)+8)) {
						require.Failf(t, name, "%v %v: element %d of matrix %d is %v in place of %v", dtype, s, i, l, values[e], w)
					}
				}
			}
			none := func(int, int, int) float64 { return 0 }
			all := func(l, i, j int) float64 { return z[(l*m+i)*n+j] }
			for name, lay := range layouts {
				check(name+" times in order", lay(a).MatMul(b), own, 1, 0, none)
				check("in order times "+name, a.MatMul(lay(b)), own, 1, 0, none)
				check(name+" twice", lay(a).MatMul(lay(b)), own, 1, 0, none)
				check(name+" with one matrix", lay(a).MatMul(b.Index(0)), right, 1, 0, none)
				check("one matrix with "+name, lay(a).Index(0).MatMul(lay(b)), left, 1, 0, none)
				check("one matrix added to "+name, core.AddMMScaled(lay(c), lay(a).Index(0), lay(b), 0.5, 3), left, 0.5, 3, all)
				check(name+" and one matrix added", core.AddMMScaled(lay(c), lay(a), b.Index(0), -1, 3), right, -1, 3, all)
				check(name+" added", core.AddMM(lay(c), a, b), own, 1, 1, all)
				check(name+" scaled", core.AddMMScaled(lay(c), lay(a), b, 0.5, -2), own, 0.5, -2, all)
			}
			first := func(l, i, j int) float64 { return z[j] }
			check("a bias and one matrix", core.AddMM(of(z[:n], n), a, b.Index(0)), right, 1, 1, first)
			check("a bias", core.AddMM(of(z[:n], n), a, b), own, 1, 1, first)
			check("one matrix of a batch", core.AddMM(of(z[:m*n], m, n), a, b), own, 1, 1, func(l, i, j int) float64 { return z[i*n+j] })
			check("a column", core.AddMM(of(z[:m], m, 1), a, b), own, 1, 1, func(l, i, j int) float64 { return z[i] })
			check("a number", core.AddMM(of(z[:1]), a, b), own, 1, 1, func(l, i, j int) float64 { return z[0] })
			if m == k {
				check("owned", core.AddMM(c.AddScalar(0), a.AddScalar(0), b), own, 1, 1, all)
			}
		}
	}
	empty := core.Zeros(core.Float32, 3, 0)
	require.Equal(t, []float32{2, 2, 2, 2, 2, 2}, core.Data[float32](core.AddMM(core.Scalar[float32](2), empty, core.Zeros(core.Float32, 0, 2)).Flatten()))
	require.Equal(t, make([]float32, 6), core.Data[float32](empty.MatMul(core.Zeros(core.Float32, 0, 2)).Flatten()))
}

// What a function of a number gives does not depend on where it stands.
func TestFunctionsGiveTheSameEverywhere(t *testing.T) {
	const n = 70
	for name, f := range map[string]func(x *core.Array) *core.Array{
		"exp": (*core.Array).Exp, "tanh": (*core.Array).Tanh, "erf": (*core.Array).Erf, "sin": (*core.Array).Sin,
		"log": func(x *core.Array) *core.Array { return x.Abs().Log() }, "sigmoid": (*core.Array).Sigmoid,
		"power": func(x *core.Array) *core.Array { return x.Abs().Pow(x) },
	} {
		for _, dtype := range []core.DType{core.Float32, core.Float64} {
			x := core.From(wave(n), n).AsType(dtype).Eval()
			want := core.Data[float64](f(x).AsType(core.Float64))
			for from := range 20 {
				for to := from + 1; to <= n; to += 7 {
					got := core.Data[float64](f(x.Slice(0, from, to).Contiguous()).AsType(core.Float64))
					require.Equal(t, want[from:to], got, "%s of %v, elements %d to %d", name, dtype, from, to)
				}
			}
		}
	}
}
