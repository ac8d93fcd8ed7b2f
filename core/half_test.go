package core_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
)

// product is a·b in float64 for a of m rows and k columns, and b of n columns.
func product(a, b []float32, m, k, n int) []float64 {
	out := make([]float64, m*n)
	for i := range m {
		for l := range k {
			for j := range n {
				out[i*n+j] += float64(a[i*k+l]) * float64(b[l*n+j])
			}
		}
	}
	return out
}

// TestHalfProducts compares products of half precision with ones in float64 of the same numbers: what is rounded is the
// result, once. Sizes lie on both sides of those of a block, factors are stored by rows and by columns.
func TestHalfProducts(t *testing.T) {
	for _, s := range [][3]int{{1, 1, 1}, {1, 300, 5}, {3, 7, 1}, {128, 256, 256}, {129, 257, 300}, {5, 600, 70}, {300, 3, 40}} {
		m, k, n := s[0], s[1], s[2]
		for dtype, unit := range map[core.DType]float64{core.Float16: 0x1p-11, core.BFloat16: 0x1p-8} {
			half := func(x []float64, shape ...int) (*core.Array, []float32) {
				a := core.From(as32(x), shape...).AsType(dtype)
				return a, core.Data[float32](a.AsType(core.Float32))
			}
			a, x := half(wave(2*m*k), 2, m, k)
			b, y := half(wave(2*k*n), 2, k, n)
			c, z := half(wave(n), n)
			check := func(name string, got *core.Array, batch int, alpha, beta float64, at func(i, j int) float32) {
				t.Helper()
				require.Equal(t, dtype, got.DType())
				values := core.Data[float32](got.AsType(core.Float32))
				for l := range batch {
					want := product(x[l*m*k:(l+1)*m*k], y[l*k*n:(l+1)*k*n], m, k, n)
					for i, w := range want {
						w = alpha*w + beta*float64(at(i/n, i%n))
						// Sums of k products of values up to 4, in float32.
						bound := unit*math.Abs(w) + 16*float64(k)*0x1p-23
						require.InDelta(t, w, values[l*m*n+i], bound, fmt.Sprint(name, dtype, s, i))
					}
				}
			}
			none := func(int, int) float32 { return 0 }
			check("plain", a.MatMul(b), 2, 1, 0, none)
			check("stored by columns", a.SwapAxes(1, 2).Contiguous().SwapAxes(1, 2).MatMul(b.SwapAxes(1, 2).Contiguous().SwapAxes(1, 2)), 2, 1, 0, none)
			apart := a.SwapAxes(0, 1).Contiguous().SwapAxes(0, 1)
			check("apart", apart.MatMul(b), 2, 1, 0, none)
			steps := func(x *core.Array) *core.Array { return x.Repeat(2, 2).At(core.All, core.All, core.Every(2)) }
			check("in steps", steps(a).MatMul(steps(b)), 2, 1, 0, none)
			check("with a bias", core.AddMM(c, a, b), 2, 1, 1, func(_, j int) float32 { return z[j] })
			check("scaled", core.AddMMScaled(c, a, b, 0.5, -2), 2, 0.5, -2, func(_, j int) float32 { return z[j] })
			check("one", a.Index(0).MatMul(b.Index(0)), 1, 1, 0, none)
			d, w := half(wave(m*n), n, m)
			check("with a transposed matrix", core.AddMM(d.T(), a.Index(0), b.Index(0)), 1, 1, 1, func(i, j int) float32 { return w[j*m+i] })
		}
	}
}
