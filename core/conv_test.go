package core_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
)

// A planar is a convolution of two axes, as a test computes it.
type planar struct {
	batch, high, wide, channels, results, groups int
	kernel, step, low, end, spread, apart        [2]int
	flip                                         bool
}

func (c planar) out(axis int) int {
	in := [2]int{c.high, c.wide}[axis]
	return ((in-1)*c.apart[axis]+1+c.low[axis]+c.end[axis]-(c.kernel[axis]-1)*c.spread[axis]-1)/c.step[axis] + 1
}

// meets returns which input element k of the kernel meets at place o.
func (c planar) meets(axis, o, k int) (int, bool) {
	if c.flip {
		k = c.kernel[axis] - 1 - k
	}
	at := o*c.step[axis] + k*c.spread[axis] - c.low[axis]
	if at < 0 || at%c.apart[axis] != 0 {
		return 0, false
	}
	at /= c.apart[axis]
	return at, at < [2]int{c.high, c.wide}[axis]
}

func (c planar) convolve(x, w []float32) []float64 {
	var out []float64
	some, each := c.channels/c.groups, c.results/c.groups
	for n := range c.batch {
		for i := range c.out(0) {
			for j := range c.out(1) {
				for o := range c.results {
					sum := 0.0
					for k := range c.kernel[0] {
						for l := range c.kernel[1] {
							a, ok := c.meets(0, i, k)
							b, also := c.meets(1, j, l)
							for d := 0; ok && also && d < some; d++ {
								sum += float64(x[((n*c.high+a)*c.wide+b)*c.channels+o/each*some+d]) * float64(w[((o*c.kernel[0]+k)*c.kernel[1]+l)*some+d])
							}
						}
					}
					out = append(out, sum)
				}
			}
		}
	}
	return out
}

// TestConvolutionsOfEveryKind compares convolutions with ones in float64: of few channels and many, in groups and of
// every channel alone, with paddings, steps and gaps of every kind, and with kernels as large as the input.
func TestConvolutionsOfEveryKind(t *testing.T) {
	one, two, none := [2]int{1, 1}, [2]int{2, 2}, [2]int{0, 0}
	for _, c := range []planar{
		{1, 1, 1, 1, 1, 1, one, one, none, none, one, one, false},
		{3, 9, 11, 1, 5, 1, [2]int{3, 3}, one, one, one, one, one, false},
		{2, 30, 28, 3, 4, 1, [2]int{5, 4}, two, [2]int{2, 0}, [2]int{1, 3}, one, one, false},
		{2, 12, 13, 16, 7, 1, [2]int{3, 3}, one, one, one, one, one, false},
		{2, 12, 13, 16, 7, 1, [2]int{3, 2}, [2]int{1, 3}, [2]int{0, 2}, one, [2]int{2, 1}, one, false},
		{2, 7, 6, 6, 9, 3, [2]int{3, 3}, one, one, one, one, one, false},
		{2, 7, 6, 12, 6, 2, [2]int{2, 3}, one, one, two, [2]int{1, 2}, two, true},
		{2, 7, 16, 8, 8, 8, [2]int{3, 3}, two, one, one, one, one, false},
		{1, 5, 6, 8, 8, 8, [2]int{3, 2}, one, two, two, two, two, true},
		{4, 14, 14, 20, 6, 1, one, one, none, none, one, one, false},
		{4, 14, 14, 20, 6, 1, one, two, none, none, one, one, false},
		{3, 20, 20, 40, 5, 1, [2]int{18, 18}, one, none, none, one, one, false},
		{2, 6, 5, 5, 4, 1, [2]int{4, 4}, one, [2]int{3, 1}, two, one, [2]int{3, 2}, true},
		{1, 4, 4, 2, 3, 1, [2]int{3, 3}, one, [2]int{5, 4}, [2]int{6, 5}, one, one, false},
	} {
		at := fmt.Sprintf("%+v", c)
		x, w := as32(wave(c.batch*c.high*c.wide*c.channels)), as32(wave(c.results*c.kernel[0]*c.kernel[1]*c.channels/c.groups))
		a := core.From(x, c.batch, c.high, c.wide, c.channels)
		b := core.From(w, c.results, c.kernel[0], c.kernel[1], c.channels/c.groups)
		want := c.convolve(x, w)
		check := func(a, b *core.Array, want []float64, bound, term float64) {
			t.Helper()
			got := a.ConvGeneral(b, c.step[:], c.low[:], c.end[:], c.spread[:], c.apart[:], c.groups, c.flip)
			require.Equal(t, []int{c.batch, c.out(0), c.out(1), c.results}, got.Shape(), at)
			values := core.Data[float64](got.AsType(core.Float64))
			for i, v := range want {
				require.InDelta(t, v, values[i], bound*(1+max(v, -v))+term*float64(len(w)/c.results), at)
			}
		}
		check(a, b, want, 1e-6, 2e-6)
		check(a.Transpose(3, 1, 0, 2).Contiguous().Transpose(2, 1, 3, 0), b.SwapAxes(1, 3).Contiguous().SwapAxes(1, 3), want, 1e-6, 2e-6)
		if !stock { // MLX's have the digits of float32, or do not exist
			check(a.AsType(core.Float64), b.AsType(core.Float64), want, 1e-13, 1e-13)
		}
		a, b = a.AsType(core.BFloat16), b.AsType(core.BFloat16)
		half := c.convolve(core.Data[float32](a.AsType(core.Float32)), core.Data[float32](b.AsType(core.Float32)))
		check(a, b, half, 0x1p-8, 2e-6)
	}
}
