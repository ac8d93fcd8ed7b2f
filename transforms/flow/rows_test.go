package flow_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/flow"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

// batch is what a recurrent network over rows of a batch reads: two carried arrays of rows
// × hidden elements, and steps × rows × in elements of input.
type batch struct{ W, U, B, H, C, X arr }

func (b batch) as(d core.DType) batch {
	return batch{b.W.AsType(d), b.U.AsType(d), b.B.AsType(d), b.H.AsType(d), b.C.AsType(d), b.X.AsType(d)}
}

func rows(seed uint64, steps, rows, in, hidden, gates int) batch {
	k := random.SplitN(random.Key(seed), 6)
	n := func(i int, shape ...int) arr {
		return random.Normal(k.Index(i), core.Float32, shape...).MulScalar(0.3)
	}
	return batch{n(0, in, gates*hidden), n(1, hidden, gates*hidden).DivScalar(math.Sqrt(float64(hidden))), n(2, gates*hidden), n(3, rows, hidden), n(4, rows, hidden), n(5, steps, rows, in)}
}

type memory struct{ H, C arr }

// cells are steps whose rows are independent, and some whose are not.
var cells = map[string]struct {
	gates int
	step  func(b batch, s memory, x arr) (memory, arr)
}{
	"lstm": {4, func(b batch, s memory, x arr) (memory, arr) {
		g := core.AddMM(x.MatMul(b.W).Add(b.B), s.H, b.U).Split(4, -1)
		c := g[1].Sigmoid().Mul(s.C).Add(g[0].Sigmoid().Mul(g[2].Tanh()))
		return memory{g[3].Sigmoid().Mul(c.Tanh()), c}, c
	}},
	"bias": {1, func(b batch, s memory, x arr) (memory, arr) {
		h := core.AddMM(b.B, s.H, b.U).Add(x.MatMul(b.W)).Tanh()
		return memory{h, s.C}, h
	}},
	"joined, exchanged": {1, func(b batch, s memory, x arr) (memory, arr) {
		h := core.Concatenate(1, x, s.H).MatMul(core.Concatenate(0, b.W, b.U)).Add(b.B).Tanh()
		return memory{s.C, h}, s.H
	}},
	"one elementwise op": {1, func(_ batch, s memory, _ arr) (memory, arr) { return memory{s.H.Sin(), s.H}, s.C }},
	"by the transpose": {1, func(b batch, s memory, x arr) (memory, arr) {
		a := x.MatMul(b.W).Sigmoid()
		h := a.Mul(s.H).MatMul(b.U.T()).Tanh()
		return memory{h, s.C.Mul(a).Add(h)}, a
	}},
	"a broadcast factor": {1, func(b batch, s memory, x arr) (memory, arr) {
		h := b.B.BroadcastTo(s.H.Shape()...).MatMul(b.U).Add(x.MatMul(b.W)).Add(s.H).Sin()
		return memory{h, s.C.Mul(h)}, h
	}},
	"weights among the rows": {1, func(b batch, s memory, x arr) (memory, arr) {
		h := s.H.MatMul(b.U).Add(s.C).Add(x.MatMul(b.W)).Tanh()
		return memory{h, h.Sub(b.C)}, h.Mul(h)
	}},
	"rows that meet": {1, func(b batch, s memory, x arr) (memory, arr) {
		h := x.MatMul(b.W).Add(s.H.MatMul(b.U)).Tanh()
		return memory{h.Sub(h.MeanKeep(0)), s.C.Mul(h.Softmax(-1))}, h
	}},
	"a scan inside": {1, func(b batch, s memory, x arr) (memory, arr) {
		h := flow.For(2, func(_, h arr) arr { return h.MatMul(b.U).Add(x.MatMul(b.W)).Tanh() }, s.H)
		return memory{h, s.C.Add(h)}, h
	}},
}

// looped and repeated compute the same, one by a scan.
func looped(cell string, reverse bool) func(batch) (memory, arr) {
	return func(b batch) (memory, arr) {
		s, steps := memory{b.H, b.C}, b.X.Dim(0)
		ys := make([]arr, steps)
		for i := range steps {
			if reverse {
				i = steps - 1 - i
			}
			s, ys[i] = cells[cell].step(b, s, b.X.Index(i))
		}
		return s, core.Stack(0, ys...)
	}
}

func repeated(cell string, o ...flow.Option) func(batch) (memory, arr) {
	return func(b batch) (memory, arr) {
		return flow.Scan(func(s memory, x arr) (memory, arr) { return cells[cell].step(b, s, x) }, memory{b.H, b.C}, b.X, o...)
	}
}

func loss(f func(batch) (memory, arr)) func(batch) arr {
	return func(b batch) arr {
		s, ys := f(b)
		return s.H.Square().Sum().Add(s.C.Sin().Sum()).Add(ys.Square().Mean())
	}
}

func close64(t *testing.T, want, got arr, what string) {
	t.Helper()
	require.Equal(t, want.Shape(), got.Shape(), what)
	w, g := core.Data[float64](want.AsType(core.Float64)), core.Data[float64](got.AsType(core.Float64))
	scale := 1.0
	for _, v := range w {
		scale = max(scale, v, -v)
	}
	require.InDeltaSlice(t, w, g, 4e-5*scale, what)
}

// Scans over the rows of a batch are the loops that they stand for, computed in float64.
func TestScanOfManyRows(t *testing.T) {
	sizes := []struct{ steps, rows, in, hidden int }{{23, 16, 5, 64}, {12, 33, 17, 48}, {7, 61, 16, 65}, {40, 17, 1, 31}, {1, 128, 32, 128}}
	for cell, c := range cells {
		t.Run(cell, func(t *testing.T) {
			for i, z := range sizes {
				for _, reverse := range []bool{false, true} {
					what := fmt.Sprintf("%+v reverse=%v", z, reverse)
					b := rows(uint64(i), z.steps, z.rows, z.in, z.hidden, c.gates)
					var o []flow.Option
					if reverse {
						o = append(o, flow.Reverse())
					}
					loop, scan := looped(cell, reverse), repeated(cell, o...)
					s, ys := loop(b.as(core.Float64))
					gs, gys := scan(b)
					close64(t, s.H, gs.H, what)
					close64(t, s.C, gs.C, what)
					close64(t, ys, gys, what)
					gs, gys = scan(b.as(core.Float64))
					close64(t, s.H, gs.H, what)
					close64(t, ys, gys, what)

					want := grad.Of(loss(loop))(b.as(core.Float64))
					for _, g := range []batch{grad.Of(loss(scan))(b), compile.Of(grad.Of(loss(scan))).Call(b)} {
						close64(t, want.W, g.W, what+" W")
						close64(t, want.U, g.U, what+" U")
						close64(t, want.B, g.B, what+" B")
						close64(t, want.H, g.H, what+" H")
						close64(t, want.X, g.X, what+" X")
					}
				}
			}
		})
	}
}

// What is scanned is read where it lies, in whatever order.
func TestScanReadsAnyLayout(t *testing.T) {
	b := rows(1, 9, 40, 32, 64, 4)
	scan := repeated("lstm")
	s, ys := looped("lstm", false)(b.as(core.Float64))
	layouts := map[string]func(arr) arr{
		"by columns": func(a arr) arr { return a.SwapAxes(-1, -2).Contiguous().SwapAxes(-1, -2) },
		"turned":     func(a arr) arr { return a.SwapAxes(0, 1).Contiguous().SwapAxes(0, 1) },
		"backwards":  func(a arr) arr { return a.Flip(-1).Contiguous().Flip(-1) },
		"upwards":    func(a arr) arr { return a.Flip(0).Contiguous().Flip(0) },
		"a part":     func(a arr) arr { return core.Concatenate(-1, a, a).Slice(-1, 0, a.Dim(-1)) },
	}
	for name, l := range layouts {
		c := batch{l(b.W), l(b.U), b.B, l(b.H), l(b.C), l(b.X)}
		gs, gys := scan(c)
		close64(t, s.H, gs.H, name)
		close64(t, s.C, gs.C, name)
		close64(t, ys, gys, name)
	}
	// One value, one row and one step for all.
	wide := b
	wide.H, wide.C = core.Zeros(core.Float32, 40, 64), core.Full(core.Float32, 0.5, 1, 64).BroadcastTo(40, 64)
	for _, x := range []arr{b.X.Slice(1, 0, 1).BroadcastTo(9, 40, 32), b.X.Slice(0, 0, 1).BroadcastTo(9, 40, 32), num(0.25).BroadcastTo(9, 40, 32)} {
		wide.X = x
		s, ys := looped("lstm", false)(wide.as(core.Float64))
		gs, gys := scan(wide)
		close64(t, s.H, gs.H, "broadcast")
		close64(t, ys, gys, "broadcast")
	}
}

// Nothing of one call is left for the next, whatever became of its arrays.
func TestScanOfWeightsThatChange(t *testing.T) {
	step := compile.Of(func(w, u arr, b batch) arr {
		b.W, b.U = w, u
		s, ys := repeated("lstm")(b)
		return s.H.Sum(1).Add(ys.Sum(0, 2))
	}, compile.Donate("0", "1"))
	want := func(b batch) arr {
		s, ys := looped("lstm", false)(b.as(core.Float64))
		return s.H.Sum(1).Add(ys.Sum(0, 2))
	}
	for i := range 6 {
		core.TidyDo(func() {
			b := rows(uint64(i), 11, 32, 16, 64, 4)
			expect := want(b)
			core.Eval(expect, b)
			rest := b
			rest.W, rest.U = nil, nil
			close64(t, expect, step.Call(b.W, b.U, rest), fmt.Sprint("call ", i))
		})
	}
}

// A body of rows runs inside of others: in another scan, in a While, and mapped.
func TestScanOfRowsInsideOfLoops(t *testing.T) {
	b := rows(5, 6, 24, 16, 64, 4)
	inner := func(h arr) arr {
		c := b
		c.H = h
		s, _ := repeated("lstm")(c)
		return s.H
	}
	d := b.as(core.Float64)
	for range 3 {
		s, _ := looped("lstm", false)(d)
		d.H = s.H
	}
	close64(t, d.H, flow.For(3, func(_, h arr) arr { return inner(h) }, b.H), "in a For")
	type counted struct{ N, H arr }
	got := flow.While(func(s counted) arr { return s.N.Less(num(3)) }, func(s counted) counted { return counted{s.N.Add(num(1)), inner(s.H)} }, counted{num(0), b.H})
	close64(t, d.H, got.H, "in a While")
	both := vmap.Of(inner)(core.Stack(0, b.H, b.H.Neg()))
	close64(t, inner(b.H.Neg()), both.Index(1), "mapped")
}
