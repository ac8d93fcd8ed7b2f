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
	for _, s := range [][3]int{{1, 1, 1}, {1, 300, 5}, {3, 7, 1}, {128, 256, 256}, {129, 257, 300}, {5, 600, 70}, {300, 3, 40}, {1040, 521, 17}, {25, 1100, 161}} {
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

// TestHalfProductsOfWhatIsNoNumber: NaN and infinities come out where they go in, and nowhere else, also beside what pads
// odd sizes.
func TestHalfProductsOfWhatIsNoNumber(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, s := range [][3]int{{1, 1, 1}, {5, 7, 9}, {13, 513, 33}, {12, 512, 32}, {30, 3, 130}} {
		m, k, n := s[0], s[1], s[2]
		for _, dtype := range []core.DType{core.Float16, core.BFloat16} {
			for name, c := range map[string]struct {
				a, b float32
				want float64
			}{
				"Inf":    {inf, 1, math.Inf(1)},
				"-Inf":   {-inf, 2, math.Inf(-1)},
				"Inf·-2": {inf, -2, math.Inf(-1)},
				"Inf·0":  {inf, 0, math.NaN()},
				"NaN":    {nan, 1, math.NaN()},
				"0·NaN":  {0, nan, math.NaN()},
			} {
				// The last of a's last row meets the last row of b.
				x, y := make([]float32, m*k), make([]float32, k*n)
				x[m*k-1] = c.a
				for j := range n {
					y[(k-1)*n+j] = c.b
				}
				half := func(x []float32, shape ...int) *core.Array { return core.From(x, shape...).AsType(dtype) }
				got := core.Data[float32](half(x, m, k).MatMul(half(y, k, n)).AsType(core.Float32))
				for i, v := range got {
					want := 0.0
					if i/n == m-1 || c.b != c.b {
						want = c.want
					}
					if math.IsNaN(want) {
						require.True(t, math.IsNaN(float64(v)), "%s %v %v at %d: %v", name, dtype, s, i, v)
					} else {
						require.Equal(t, float32(want), v, "%s %v %v at %d", name, dtype, s, i)
					}
				}
			}
		}
	}
}

// TestTinyNumbersInHalfProducts: what lies below the smallest normal number may count as 0, but as nothing else.
func TestTinyNumbersInHalfProducts(t *testing.T) {
	const k = 6
	tiny, large := float32(math.Ldexp(1, -130)), float32(math.Ldexp(1, 100))
	a := core.From([]float32{tiny, -tiny, 1, 3 * tiny, tiny, 2}, 1, k).AsType(core.BFloat16)
	b := core.From([]float32{large, large / 2, 3, large, tiny, 4}, k, 1).AsType(core.BFloat16)
	got := a.MatMul(b).AsType(core.Float32).Item()
	require.InDelta(t, 11, got, k*math.Ldexp(1, -126)*float64(large)+11*0x1p-8)
	small := core.From([]float32{float32(math.Ldexp(1, -70))}, 1, 1).AsType(core.BFloat16)
	got = small.MatMul(small.MulScalar(0.125)).AsType(core.Float32).Item() // 2⁻¹⁴³
	require.InDelta(t, 0, got, math.Ldexp(1, -126))
	require.Equal(t, math.Ldexp(1, -60), small.MulScalar(1024).MatMul(core.Ones(core.BFloat16, 1, 1)).AsType(core.Float32).Item())
}
