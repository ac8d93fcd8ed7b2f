package grad_test

import (
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

// drawWide is a convolution of enough places, channels and results for tiles of them, with
// ends that fill none.
func drawWide(rt *rapid.T) window {
	num := func(lo, hi int, name string) int { return rapid.IntRange(lo, hi).Draw(rt, name) }
	n := num(1, 3, "axes")
	c := window{groups: 1, flip: rapid.Bool().Draw(rt, "flip")}
	if n < 3 {
		c.groups = num(1, 2, "groups")
	}
	ins, outs := num(1, 9, "ins"), num(1, 70, "outs")
	c.x, c.w = []int{num(1, 3, "batch")}, []int{outs * c.groups}
	c.y = []int{c.x[0]}
	for i := range n {
		x, w := num(1, 5, "x"), num(1, 3, "w")
		if i == n-1 {
			x = num(4, 30, "width")
		}
		stride, gap := num(1, 2, "stride"), num(1, 2, "gap")
		by := 1
		if num(0, 5, "gaps") == 0 {
			by = 2
		}
		c.add(x, w, stride, gap, by, num(-1, 3, "lo"), num(-1, 3, "hi"))
	}
	c.x, c.w, c.y = append(c.x, ins*c.groups), append(c.w, ins), append(c.y, outs*c.groups)
	return c
}

// wholes are n whole numbers between -3 and 3, of which sums are exact.
func wholes(r *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.IntN(7) - 3)
	}
	return v
}

// turned is a with another order of its axes in memory.
func turned(a arr) arr {
	n := a.NDim()
	axes, back := make([]int, n), make([]int, n)
	for i := range axes {
		axes[i] = (i + 1) % n
		back[axes[i]] = i
	}
	return a.Transpose(axes...).Contiguous().Transpose(back...)
}

// The tiles of convolutions and their gradients against loops, exactly; of half precision
// against the rounded numbers of float32, and of arrays that lie in another order.
func TestBehaviour26_ConvolutionsInTiles(t *testing.T) {
	type pair struct{ X, W arr }
	core.Using(core.CPU, func() {
		rapid.Check(t, func(rt *rapid.T) {
			c := drawWide(rt)
			r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
			x, w, v, u, ct := wholes(r, area(c.x)), wholes(r, area(c.w)), wholes(r, area(c.x)), wholes(r, area(c.w)), wholes(r, area(c.y))
			ax, aw, act := core.From(x, c.x...), core.From(w, c.w...), core.From(ct, c.y...)
			f := func(p pair) arr { return c.of(p.X, p.W) }
			y, pull := grad.VJP(f, pair{ax, aw})
			g := pull(act)
			require.Equal(rt, c.loops(x, w), floats(y), "the value")
			require.Equal(rt, dot(ct, c.loops(v, w)), dot(floats(g.X), v), "the gradient of the input")
			require.Equal(rt, dot(ct, c.loops(x, u)), dot(floats(g.W), u), "the gradient of the window")

			again, pull := grad.VJP(f, pair{turned(ax), turned(aw)})
			other := pull(turned(act))
			require.Equal(rt, floats(y), floats(again), "the value, lying otherwise")
			require.Equal(rt, floats(g.X), floats(other.X), "the gradient of the input, lying otherwise")
			require.Equal(rt, floats(g.W), floats(other.W), "the gradient of the window, lying otherwise")

			half := rapid.SampledFrom([]core.DType{core.Float16, core.BFloat16}).Draw(rt, "half")
			rounded := func(a arr) []float32 { return floats(a.AsType(half).AsType(core.Float32)) }
			small, pull := grad.VJP(f, pair{ax.AsType(half), aw.AsType(half)})
			few := pull(act.AsType(half))
			require.Equal(rt, rounded(y), rounded(small), "the value in half precision")
			require.Equal(rt, rounded(g.X), rounded(few.X), "the gradient of the input in half precision")
			require.Equal(rt, rounded(g.W), rounded(few.W), "the gradient of the window in half precision")
		})
	})
}

// Processors with narrower vectors have tiles of their own, which this one can run, too.
func TestBehaviour26_ConvolutionsInNarrowTiles(t *testing.T) {
	for _, bits := range []string{"128", "256"} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestBehaviour26_(ConvolutionsInTiles|WindowGradients)")
		cmd.Env = append(os.Environ(), "ADJOINT_VECTORS="+bits)
		out, err := cmd.CombinedOutput()
		if strings.Contains(string(out), "ADJOINT_VECTORS="+bits+":") {
			return // the processor has no wider ones, or one form only
		}
		require.NoError(t, err, "%s", out)
	}
}

// Gradients of windows for each example alone are groups of one convolution.
func TestBehaviour26_WindowGradientsOfEachExample(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range []window{
		{x: []int{5, 9, 8, 3}, w: []int{10, 3, 3, 3}, y: []int{5, 9, 8, 10}, stride: []int{1, 1}, lo: []int{1, 1}, hi: []int{1, 1}, gap: []int{1, 1}, by: []int{1, 1}, groups: 1},
		{x: []int{4, 11, 12, 1}, w: []int{3, 3, 2, 1}, y: []int{4, 5, 6, 3}, stride: []int{2, 2}, lo: []int{0, 0}, hi: []int{0, 0}, gap: []int{1, 1}, by: []int{1, 1}, groups: 1},
		{x: []int{2, 20, 4}, w: []int{18, 3, 4}, y: []int{2, 18, 18}, stride: []int{1}, lo: []int{1}, hi: []int{1}, gap: []int{2}, by: []int{1}, groups: 1, flip: true},
	} {
		x, w, ct := core.From(wholes(r, area(c.x)), c.x...), core.From(wholes(r, area(c.w)), c.w...), core.From(wholes(r, area(c.y)), c.y...)
		one := func(x, ct arr) arr {
			_, pull := grad.VJP(func(w arr) arr { return c.of(x.ExpandDims(0), w) }, w)
			return pull(ct.ExpandDims(0))
		}
		all := vmap.Of(one)(x, ct)
		_, pull := grad.VJP(func(w arr) arr { return c.of(x, w) }, w)
		require.Equal(t, floats(pull(ct)), floats(all.Sum(0)))
		for i := range c.x[0] {
			require.Equal(t, floats(one(x.Index(i), ct.Index(i))), floats(all.Index(i)))
		}
	}
}

// What is no number in the input, the window or what comes back is none in all that it
// reaches, and in nothing else.
func TestBehaviour26_ConvolutionsOfNoNumbers(t *testing.T) {
	c := window{x: []int{1, 6, 9, 2}, w: []int{18, 3, 3, 2}, y: []int{1, 4, 7, 18}, stride: []int{1, 1}, lo: []int{0, 0}, hi: []int{0, 0}, gap: []int{1, 1}, by: []int{1, 1}, groups: 1}
	r := rand.New(rand.NewPCG(3, 4))
	nan := float32(math.NaN())
	none := func(a arr) (n int) {
		for _, v := range floats(a) {
			if v != v {
				n++
			}
		}
		return n
	}
	x, w, ct := wholes(r, area(c.x)), wholes(r, area(c.w)), wholes(r, area(c.y))
	at := func(v []float32, i int) []float32 {
		v = append([]float32(nil), v...)
		v[i] = nan
		return v
	}
	of := func(x, w []float32) arr { return c.of(core.From(x, c.x...), core.From(w, c.w...)) }
	require.Equal(t, 0, none(of(x, w)))
	require.Equal(t, 9*18, none(of(at(x, place(c.x, 0, []int{3, 4}, 1)), w)), "places that see the middle, all results")
	require.Equal(t, 28, none(of(x, at(w, area(c.w)-1))), "all places, one result")
	_, pull := grad.VJP(func(w arr) arr { return c.of(core.From(x, c.x...), w) }, core.From(w, c.w...))
	require.Equal(t, 18, none(pull(core.From(at(ct, 7), c.y...))), "all of one result's window")
}
