package grad_test

import (
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

// The first three derivatives of tanh are what they are in closed form, also where tanh is
// 1 to all digits, by every way to take them.
func TestDerivativesOfTanh(t *testing.T) {
	sum := func(f func(*core.Array) *core.Array) func(*core.Array) *core.Array {
		return func(x *core.Array) *core.Array { return f(x).Sum() }
	}
	forward := func(f func(*core.Array) *core.Array) func(*core.Array) *core.Array {
		return func(x *core.Array) *core.Array {
			_, d := grad.JVP(f, x, core.Ones(x.DType(), x.Shape()...))
			return d
		}
	}
	reverse := func(f func(*core.Array) *core.Array) func(*core.Array) *core.Array { return grad.Of(sum(f)) }
	each := func(f func(*core.Array) *core.Array) func(*core.Array) *core.Array { return vmap.Of(f) }
	compiled := func(f func(*core.Array) *core.Array) func(*core.Array) *core.Array { return compile.Of(f).Call }
	tanh := (*core.Array).Tanh

	v := []float64{-200, -89, -50, -20, -9.5, -3, -0.25, 0, 1e-4, 0.5, 1, 4, 12, 30, 87, 100}
	for order := 1; order <= 3; order++ {
		want := make([]float64, len(v))
		for i, x := range v {
			s, th := 1/math.Pow(math.Cosh(x), 2), math.Tanh(x)
			want[i] = []float64{s, -2 * th * s, s * (4*th*th - 2*s)}[order-1]
		}
		for name, f := range map[string]func(*core.Array) *core.Array{
			"reverse":                repeat(reverse, order)(tanh),
			"forward":                repeat(forward, order)(tanh),
			"forward over reverse":   repeat(forward, order-1)(reverse(tanh)),
			"compiled":               compiled(repeat(reverse, order)(tanh)),
			"of compiled":            repeat(reverse, order)(compiled(tanh)),
			"reverse of each":        repeat(reverse, order)(each(tanh)),
			"each forward, compiled": compiled(each(repeat(forward, order)(tanh))),
		} {
			for dtype, unit := range map[core.DType]float64{core.Float32: 0x1p-22, core.Float64: 0x1p-50} {
				got := core.Data[float64](f(core.From(v).AsType(dtype)).AsType(core.Float64))
				for i, w := range want {
					tiny := map[core.DType]float64{core.Float32: 0x1p-126, core.Float64: 0}[dtype]
					if math.Abs(v[i]) > 87 {
						require.InDelta(t, 0, got[i], 1e-37, "%s %d of %v at %v", name, order, dtype, v[i])
						continue
					}
					require.LessOrEqual(t, math.Abs(got[i]-w), 16*unit*math.Abs(w)+tiny, "%s %d of %v at %v: %v, not %v", name, order, dtype, v[i], got[i], w)
				}
			}
		}
	}
}

// The slope of tanh is 1/cosh² within 4.1 ulps, from where it is 1 to where it is no number
// but 0. MLX's kernels lose some more, and all of what is subnormal.
func TestSlopeOfTanh(t *testing.T) {
	stock := os.Getenv("ADJOINT_CPU") == "stock"
	bound, least := 4.1, 0.0
	if stock {
		bound, least = 10, 0x1p-126
	}
	var v []float32
	for b := uint32(0); b < 0x42600000; b += 4999 { // up to 56
		x := math.Float32frombits(b)
		v = append(v, x, -x)
	}
	slope := func(x *core.Array) *core.Array {
		return grad.Of(func(x *core.Array) *core.Array { return x.Tanh().Sum() })(x)
	}
	got := floats(slope(core.From(v)))
	if !stock {
		require.Equal(t, got, floats(compile.Of(slope).Call(core.From(v))))
	}
	worst, at := 0.0, float32(0)
	for i, x := range v {
		c := math.Cosh(float64(x))
		want := 1 / c / c
		_, e := math.Frexp(want)
		if off := math.Abs(float64(got[i]) - want); off > least {
			if ulps := off / math.Ldexp(1, max(e-24, -149)); ulps > worst {
				worst, at = ulps, x
			}
		}
	}
	require.Less(t, worst, bound, "at %v", at)
	require.Equal(t, []float32{0, 0, 0, 0}, floats(slope(vec(1e9, -1e9, math.MaxFloat32, float32(math.Inf(-1))))))
	require.True(t, math.IsNaN(slope(vec(float32(math.NaN()))).Item()))
}

// repeat applies a transform n times.
func repeat(transform func(func(*core.Array) *core.Array) func(*core.Array) *core.Array, n int) func(func(*core.Array) *core.Array) func(*core.Array) *core.Array {
	return func(f func(*core.Array) *core.Array) func(*core.Array) *core.Array {
		for range n {
			f = transform(f)
		}
		return f
	}
}
