package grad_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

// ★ Operations that have no forward rule in MLX, in both modes against
// differences.
func TestBehaviour26_ForwardModeOfUpdatesScansAndGathers(t *testing.T) {
	type two struct{ A, B arr }
	rows := core.From([]int32{2, 0, 2})
	picked := rows.Slice(0, 0, 2)
	m := core.From([]float32{0.5, -1, 2, 1.5, 0.25, -0.75}).Reshape(3, 2)
	v := core.From([]float32{1, -2, 0.5, 3, -0.5, 0.25}).Reshape(3, 2)
	stack := core.From([]float32{1, 2, -1, 0.5, 0.25, 1, 3, -2}).Reshape(2, 2, 2)
	cases := map[string]struct {
		f func(two) arr
		a two
	}{
		"Set":             {func(p two) arr { return p.A.AtSet(p.B.Slice(0, 0, 2), picked).Square() }, two{m, v}},
		"Add, rows twice": {func(p two) arr { return p.A.AtAdd(p.B, rows).Square() }, two{m, v}},
		"Mul":             {func(p two) arr { return p.A.AtMul(p.B.Slice(0, 0, 2), picked).Sin() }, two{m, v}},
		"Max":             {func(p two) arr { return p.A.AtMax(p.B.Slice(0, 0, 2), picked).Sin() }, two{m, v}},
		"Min":             {func(p two) arr { return p.A.AtMin(p.B.Slice(0, 0, 2), picked).Sin() }, two{m, v}},
		"PutAlongAxis": {func(p two) arr {
			return p.A.PutAlongAxis(core.From([]int32{1, 0}).Reshape(1, 2), p.B.Slice(0, 0, 1), 0).Square()
		}, two{m, v}},
		"CumSum":       {func(p two) arr { return p.A.Mul(p.B).CumSum(0).Square() }, two{m, v}},
		"CumProd":      {func(p two) arr { return p.A.Mul(p.B).CumProd(0) }, two{m, v}},
		"CumMax":       {func(p two) arr { return p.A.Mul(p.B).CumMax(0).Square() }, two{m, v}},
		"CumMin":       {func(p two) arr { return p.A.Mul(p.B).CumMin(1).Square() }, two{m, v}},
		"CumLogSumExp": {func(p two) arr { return p.A.Mul(p.B).LogCumSumExp(0) }, two{m, v}},
		"Prod":         {func(p two) arr { return p.A.Mul(p.B).Prod(0) }, two{m, v}},
		"Take":         {func(p two) arr { return p.A.Take(rows, 0).Mul(p.B) }, two{m, v}},
		"gathered product": {func(p two) arr {
			return core.GatherMM(p.A, p.B, core.From([]int32{1, 0}), core.From([]int32{0, 0}))
		}, two{stack, stack.MulScalar(0.5)}},
		"Sort": {func(p two) arr { return p.A.Mul(p.B).Sort(0).Mul(m) }, two{m, v}},
	}
	for name, c := range cases {
		require.NoError(t, grad.Check(c.f, c.a, grad.Checking{}), name)
	}
}

// Compositions of the transforms, against derivatives by hand of x ↦ Σ x³·w.
func TestBehaviour31_Compositions(t *testing.T) {
	w := vec(2, -1)
	f := func(x arr) arr { return x.Mul(x).Mul(x).Mul(w).Sum() }
	xs := core.From([]float32{1, 2, 3, -1, 0.5, 4}).Reshape(3, 2)
	each := func(g func(x, w float64) float64) []float64 {
		var out []float64
		x := numbersOf(xs)
		for i := range x {
			out = append(out, g(x[i], []float64{2, -1}[i%2]))
		}
		return out
	}
	slope := each(func(x, w float64) float64 { return 3 * x * x * w })
	bend := each(func(x, w float64) float64 { return 6 * x * w })
	values := []float64{2 - 8, 54 + 1, 0.25 - 64}
	near(t, values, vmap.Of(f)(xs), 3)
	sin := vmap.Of(vmap.Of(func(x arr) arr { return x.Sin() }))(xs)
	near(t, each(func(x, _ float64) float64 { return math.Sin(x) }), sin, 3, 2)
	perExample := vmap.Of(grad.Of(f))
	near(t, slope, perExample(xs), 3, 2)
	near(t, slope, grad.Of(func(xs arr) arr { return vmap.Of(f)(xs).Sum() })(xs), 3, 2)
	near(t, bend, grad.Of(func(xs arr) arr { return vmap.Of(grad.Of(f))(xs).Sum() })(xs), 3, 2)
	push := vmap.Of(func(x arr) arr { _, d := grad.JVP(f, x, core.Ones(core.Float32, 2)); return d })
	near(t, []float64{slope[0] + slope[1], slope[2] + slope[3], slope[4] + slope[5]}, push(xs), 3)
	near(t, values, vmap.Of(compile.Of(f).Call)(xs), 3)
	near(t, slope, compile.Of(perExample).Call(xs), 3, 2)
	near(t, slope, vmap.Of(compile.Of(grad.Of(f)).Call)(xs), 3, 2)
	near(t, slope, compile.Of(vmap.Of(compile.Of(grad.Of(compile.Of(f).Call)).Call)).Call(xs), 3, 2)
	near(t, bend, compile.Of(func(xs arr) arr {
		return vmap.Of(grad.HVP(f), vmap.In(0, nil))(xs, core.Ones(core.Float32, 2))
	}).Call(xs), 3, 2)
	diagonal := vmap.Of(func(x arr) arr { return grad.Hessian(f)(x).Sum(1) })
	near(t, bend, diagonal(xs), 3, 2)
}
