package grad_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/linalg"
	"github.com/adjoint-go/adjoint/transforms/grad"
)

// window is a convolution, and its oracle in plain loops over whole numbers.
type window struct {
	x, w, y                 []int // shapes
	stride, lo, hi, gap, by []int
	groups                  int
	flip                    bool
}

func (c window) of(x, w arr) arr {
	return x.ConvGeneral(w, c.stride, c.lo, c.hi, c.gap, c.by, c.groups, c.flip)
}

func area(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// place is the row-major place of an index, led by one number and followed by another.
func place(shape []int, first int, mid []int, last int) int {
	n := first
	for i, m := range mid {
		n = n*shape[i+1] + m
	}
	return n*shape[len(shape)-1] + last
}

// each calls f with every index of a shape.
func each(shape []int, f func(at []int)) {
	at := make([]int, len(shape))
	for range area(shape) {
		f(at)
		for i := len(at) - 1; i >= 0; i-- {
			if at[i]++; at[i] < shape[i] {
				break
			}
			at[i] = 0
		}
	}
}

func (c window) loops(x, w []float32) []float32 {
	out := make([]float32, area(c.y))
	n := len(c.stride)
	spatial, span := c.y[1:n+1], c.w[1:n+1]
	per, outs := c.w[n+1], c.w[0]/c.groups
	each(spatial, func(o []int) {
		each(span, func(k []int) {
			in := make([]int, n)
			for i := range in {
				p := o[i]*c.stride[i] + k[i]*c.gap[i] - c.lo[i]
				if p < 0 || p%c.by[i] != 0 || p/c.by[i] >= c.x[i+1] {
					return
				}
				in[i] = p / c.by[i]
			}
			tap := append([]int(nil), k...)
			for i := range tap {
				if c.flip {
					tap[i] = span[i] - 1 - k[i]
				}
			}
			for b := range c.x[0] {
				for co := range c.w[0] {
					for ci := range per {
						out[place(c.y, b, o, co)] += x[place(c.x, b, in, co/outs*per+ci)] * w[place(c.w, co, tap, ci)]
					}
				}
			}
		})
	})
	return out
}

// add gives c an axis, with more padding at its end where there would be no place.
func (c *window) add(x, w, stride, gap, by, lo, hi int) {
	need := (w-1)*gap + 1 - ((x-1)*by + 1)
	hi = max(hi, need-lo)
	c.x, c.w = append(c.x, x), append(c.w, w)
	c.y = append(c.y, (lo+hi-need)/stride+1)
	c.stride, c.gap, c.by = append(c.stride, stride), append(c.gap, gap), append(c.by, by)
	c.lo, c.hi = append(c.lo, lo), append(c.hi, hi)
}

func drawWindow(rt *rapid.T) window {
	n := rapid.IntRange(1, 3).Draw(rt, "axes")
	num := func(lo, hi int, name string) int { return rapid.IntRange(lo, hi).Draw(rt, name) }
	c := window{groups: 1, flip: rapid.Bool().Draw(rt, "flip")}
	if n < 3 {
		c.groups = num(1, 2, "groups")
	}
	ins, outs := num(1, 2, "ins"), num(1, 2, "outs")
	c.x, c.w = []int{num(1, 2, "batch")}, []int{outs * c.groups}
	c.y = []int{c.x[0]}
	for range n {
		x, w := num(1, 4, "x"), num(1, 3, "w")
		stride, gap, by := num(1, 3, "stride"), num(1, 2, "gap"), num(1, 3, "by")
		c.add(x, w, stride, gap, by, num(-2, 3, "lo"), num(-2, 3, "hi"))
	}
	c.x, c.w, c.y = append(c.x, ins*c.groups), append(c.w, ins), append(c.y, outs*c.groups)
	return c
}

func dot(a, b []float32) float64 {
	sum := 0.0
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

// A convolution is linear in both arguments, so the loops say all about its
// derivatives. The numbers are whole and small: everything is exact.
func TestBehaviour26_ConvolutionsInEveryMode(t *testing.T) {
	type pair struct{ X, W arr }
	core.Using(core.CPU, func() {
		rapid.Check(t, func(rt *rapid.T) {
			c := drawWindow(rt)
			whole := func(shape []int, name string) ([]float32, arr) {
				v := rapid.SliceOfN(rapid.Map(rapid.IntRange(-3, 3), func(i int) float32 { return float32(i) }), area(shape), area(shape)).Draw(rt, name)
				return v, core.From(v, shape...)
			}
			x, ax := whole(c.x, "x")
			w, aw := whole(c.w, "w")
			v, av := whole(c.x, "v")
			u, au := whole(c.w, "u")
			ct, act := whole(c.y, "ct")
			f := func(p pair) arr { return c.of(p.X, p.W) }

			y, pull := grad.VJP(f, pair{ax, aw})
			require.Equal(rt, c.y, y.Shape())
			require.Equal(rt, c.loops(x, w), floats(y), "the value")
			g := pull(act)
			require.Equal(rt, dot(ct, c.loops(v, w)), dot(floats(g.X), v), "the gradient of the input")
			require.Equal(rt, dot(ct, c.loops(x, u)), dot(floats(g.W), u), "the gradient of the window")

			_, d := grad.JVP(f, pair{ax, aw}, pair{av, au})
			want := c.loops(v, w)
			for i, z := range c.loops(x, u) {
				want[i] += z
			}
			require.Equal(rt, want, floats(d), "the tangent")

			second := grad.Of2(func(x, u arr) arr {
				_, pull := grad.VJP(func(w arr) arr { return c.of(x, w) }, aw)
				return pull(act).Mul(u).Sum()
			})(ax, au)
			require.Equal(rt, dot(ct, c.loops(v, u)), dot(floats(second), v), "the second derivative")
		})
	})
}

// cumprods are all running products on the host, and their gradients for the sum
// with weights c: no zero is special to a product that leaves one factor out.
func cumprodGradient(x, c []float64, reverse, inclusive bool) []float64 {
	n := len(x)
	g := make([]float64, n)
	for i := range n {
		for j := range n {
			// Result i holds factor j?
			before, same := j < i, j == i
			if reverse {
				before = j > i
			}
			if !before && (!same || !inclusive) {
				continue
			}
			p := c[i]
			for k := range n {
				in := k < i || k == i && inclusive
				if reverse {
					in = k > i || k == i && inclusive
				}
				if in && k != j {
					p *= x[k]
				}
			}
			g[j] += p
		}
	}
	return g
}

func TestBehaviour21_RunningProductsWithZeros(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		whole := rapid.Map(rapid.IntRange(-2, 2), func(i int) float64 { return float64(i) })
		n := rapid.IntRange(1, 9).Draw(rt, "n")
		x, c := rapid.SliceOfN(whole, n, n).Draw(rt, "x"), rapid.SliceOfN(whole, n, n).Draw(rt, "c")
		reverse, inclusive := rapid.Bool().Draw(rt, "reverse"), rapid.Bool().Draw(rt, "inclusive")
		core.Using(core.CPU, func() {
			ct := core.From(c)
			f := func(x arr) arr { return x.CumProdWith(0, reverse, inclusive).Mul(ct).Sum() }
			want := cumprodGradient(x, c, reverse, inclusive)
			require.Equal(rt, want, core.Data[float64](grad.Of(f)(core.From(x))))
			_, d := grad.JVP(f, core.From(x), ct)
			sum := 0.0
			for i := range want {
				sum += want[i] * c[i]
			}
			require.Equal(rt, sum, d.Item())
		})
	})
}

func TestBehaviour21_AwkwardPoints(t *testing.T) {
	inf := float32(math.Inf(1))
	two := func(f func(a, b arr) arr) func(arr) arr {
		return func(x arr) arr { return f(x.Index(0), x.Index(1)) }
	}
	pow := func(p float64) func(arr) arr { return func(x arr) arr { return x.PowScalar(p).Sum() } }
	of := func(f func(arr) arr) func(arr) arr { return func(x arr) arr { return f(x).Sum() } }
	weights := vec(1, 2, 3)
	cases := []struct {
		name string
		f    func(arr) arr
		x    []float32
		want []float32
	}{
		{"x²", pow(2), []float32{0, -3}, []float32{0, -6}},
		{"x^1.5", pow(1.5), []float32{0, 4}, []float32{0, 3}},
		{"x¹", pow(1), []float32{0, 2}, []float32{1, 1}},
		{"x⁰", pow(0), []float32{0, 2, -1}, []float32{0, 0, 0}},
		{"√x", of(arr.Sqrt), []float32{0, 4}, []float32{inf, 0.25}},
		{"0ʸ", two(arr.Pow), []float32{0, 2}, []float32{0, 0}},
		{"0⁰", two(arr.Pow), []float32{0, 0}, []float32{0, 0}},
		{"(x²)″", grad2(pow(2)), []float32{0, 1}, []float32{2, 2}},
		{"(x²)‴", grad2(grad2(pow(2))), []float32{0, 1}, []float32{0, 0}},
		{"(x¹)″", grad2(pow(1)), []float32{0}, []float32{0}},
		{"maximum", two(arr.Maximum), []float32{1, 1}, []float32{0.5, 0.5}},
		{"minimum", two(arr.Minimum), []float32{1, 1}, []float32{0.5, 0.5}},
		{"relu", of(func(x arr) arr { return x.MaximumScalar(0) }), []float32{-1, 0, 1}, []float32{0, 0, 1}},
		{"relu6", of(func(x arr) arr { return x.MaximumScalar(0).MinimumScalar(6) }), []float32{0, 5, 6, 7}, []float32{0, 1, 0, 0}},
		{"abs", of(arr.Abs), []float32{-1, 0, 1}, []float32{-1, 0, 1}},
		{"sign", of(arr.Sign), []float32{-1, 0, 1}, []float32{0, 0, 0}},
		{"max", func(x arr) arr { return x.Max() }, []float32{1, 3, 3}, []float32{0, 0.5, 0.5}},
		{"min", func(x arr) arr { return x.Min() }, []float32{1, 1, 3}, []float32{0.5, 0.5, 0}},
		{"cummax", func(x arr) arr { return x.CumMax(0).Mul(weights).Sum() }, []float32{1, 1, 0}, []float32{1, 5, 0}},
		{"prod", func(x arr) arr { return x.Prod() }, []float32{0, 2, 3}, []float32{6, 0, 0}},
		{"logaddexp", two(arr.LogAddExp), []float32{-inf, -inf}, []float32{0.5, 0.5}},
		{"logaddexp, one", two(arr.LogAddExp), []float32{-inf, 0}, []float32{0, 1}},
		{"logsumexp", func(x arr) arr { return x.LogSumExp() }, []float32{-inf, -inf}, []float32{0, 0}},
		{"logsumexp, one", func(x arr) arr { return x.LogSumExp() }, []float32{-inf, 0}, []float32{0, 1}},
		{"logcumsumexp", func(x arr) arr { return x.LogCumSumExp(0).Slice(0, 1, 3).Sum() }, []float32{-inf, 0, -inf}, []float32{0, 2, 0}},
		{"arctan2", two(arr.ArcTan2), []float32{0, 0}, []float32{0, 0}},
		{"norm", func(x arr) arr { return linalg.Norm(x) }, []float32{0, 0}, []float32{0, 0}},
		{"norm of rows", func(x arr) arr { return linalg.Norm(x.Reshape(2, 2), -1).Sum() }, []float32{0, 0, 3, 4}, []float32{0, 0, 0.6, 0.8}},
		{"norm of order 3", func(x arr) arr { return linalg.NormOrd(x, 3) }, []float32{0, 0}, []float32{0, 0}},
		{"std", func(x arr) arr { return x.Std() }, []float32{2, 2}, []float32{0, 0}},
		{"small quotient", two(arr.Div), []float32{1e-25, 1e-25}, []float32{1e25, -1e25}},
		{"replaced twice", func(x arr) arr { return vec(0, 0).AtSet(x, core.Pick(1, 1)).Sum() }, []float32{2, 3}, []float32{0, 1}},
		{"raised twice", func(x arr) arr { return vec(0, 2).AtMax(x, core.Pick(1, 1)).Sum() }, []float32{2, 2}, []float32{1. / 3, 1. / 3}},
		{"scaled twice", func(x arr) arr { return vec(1, 2).AtMul(x, core.Pick(1, 1)).Sum() }, []float32{0, 5}, []float32{10, 0}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			g := floats(grad.Of(c.f)(core.From(c.x)))
			require.InDeltaSlice(t, toward(c.want), toward(g), 1e-6*scale(c.want), "got %v", g)
			for i := range c.x {
				unit := make([]float32, len(c.x))
				unit[i] = 1
				_, d := grad.JVP(c.f, core.From(c.x), core.From(unit))
				want := c.want[i]
				if c.name == "√x" {
					continue // the tangent of the other element is 0·∞
				}
				assert.InDelta(t, want, d.Item(), 1e-6*scale(c.want), "tangent %d", i)
			}
		})
	}
}

// grad2 is the sum of the gradient: its gradient is that of f″ where f acts on
// each element alone.
func grad2(f func(arr) arr) func(arr) arr {
	return func(x arr) arr { return grad.Of(f)(x).Sum() }
}

// toward holds infinities as a large number, which can be compared.
func toward(v []float32) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = math.Max(math.Min(float64(x), 1e30), -1e30)
	}
	return out
}

func scale(v []float32) float64 {
	m := 1.0
	for _, x := range toward(v) {
		m = max(m, math.Abs(x))
	}
	return m
}

// What where leaves out counts nothing in forward mode, also where it has no slope.
func TestMaskedTangents(t *testing.T) {
	f := func(x arr) arr { return core.Where(x.GreaterScalar(0), x.Sqrt(), x) }
	_, d := grad.JVP(f, vec(0, 4), vec(1, 1))
	require.Equal(t, []float32{1, 0.25}, floats(d))
}
