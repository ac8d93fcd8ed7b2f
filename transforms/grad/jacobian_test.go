package grad_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/tree"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

// table is a function of 3 numbers to a 2×2 matrix, and its Jacobian by hand.
func table(x arr) arr {
	s := x.Split(3, 0)
	return core.Concatenate(0, s[0].Mul(s[1]), s[1].Sin(), s[2].Exp(), s[0].Mul(s[0]).Mul(s[2])).Reshape(2, 2)
}

func tableJacobian(a, b, c float64) []float64 {
	return []float64{b, a, 0, 0, math.Cos(b), 0, 0, 0, math.Exp(c), 2 * a * c, 0, a * a}
}

func product(x arr) arr {
	parts := x.Split(x.Dim(0), 0)
	p := parts[0]
	for _, f := range parts[1:] {
		p = p.Mul(f)
	}
	return p.Reshape()
}

func near(t *testing.T, want []float64, got arr, shape ...int) {
	t.Helper()
	require.Equal(t, append([]int{}, shape...), got.Shape())
	have := core.Data[float64](got.AsType(core.Float64))
	require.Len(t, have, len(want))
	for i := range want {
		require.InDelta(t, want[i], have[i], 2e-5*(1+math.Abs(want[i])), "element %d", i)
	}
}

func TestBehaviour28_JacobiansForwardAndReverseAgree(t *testing.T) {
	x := vec(0.5, -1.25, 0.75)
	want := tableJacobian(0.5, -1.25, 0.75)
	for _, opts := range [][]grad.Option{nil, {grad.Chunk(1)}, {grad.Chunk(2)}, {grad.Chunk(100)}} {
		near(t, want, grad.JacRev(table, opts...)(x), 2, 2, 3)
		near(t, want, grad.JacFwd(table, opts...)(x), 2, 2, 3)
	}
	near(t, want, compile.Of(grad.JacRev(table)).Call(x), 2, 2, 3)
	near(t, want, compile.Of(grad.JacFwd(table)).Call(x), 2, 2, 3)
	near(t, want, grad.JacRev(compile.Of(table).Call)(x), 2, 2, 3)
	near(t, want, grad.JacFwd(compile.Of(table).Call)(x), 2, 2, 3)
	batch := core.Stack(0, x, vec(1, 2, 3))
	both := append(append([]float64(nil), want...), tableJacobian(1, 2, 3)...)
	near(t, both, vmap.Of(grad.JacRev(table))(batch), 2, 2, 2, 3)
	near(t, both, vmap.Of(grad.JacFwd(table))(batch), 2, 2, 2, 3)
	// The sum of all entries of a Jacobian has a gradient.
	g := grad.Of(func(x arr) arr { return grad.JacRev(table)(x).Sum() })(x)
	wantSum := []float64{1 + 2*0.75 + 2*0.5, 1 + math.Sin(1.25), math.Exp(0.75) + 2*0.5}
	near(t, wantSum, g, 3)
	near(t, wantSum, grad.Of(func(x arr) arr { return grad.JacFwd(table)(x).Sum() })(x), 3)
}

func TestBehaviour28_JacobiansOfTrees(t *testing.T) {
	type pair struct {
		W, B arr
		N    arr
		Name string
	}
	p := pair{W: core.From([]float32{1, 2, 3, 4}).Reshape(2, 2), B: num(3), N: core.From([]int32{1}), Name: "p"}
	x := vec(5, 7)
	f := func(p pair) arr { return p.W.MatMul(x).Mul(p.B) }
	j := grad.JacRev(f)(p)
	near(t, []float64{15, 21, 0, 0, 0, 0, 15, 21}, j.W, 2, 2, 2)
	near(t, []float64{19, 43}, j.B, 2)
	require.Nil(t, j.N)
	require.Equal(t, "p", j.Name)
	j = grad.JacRev(f, grad.Only("B"), grad.Chunk(1))(p)
	require.Nil(t, j.W)
	near(t, []float64{19, 43}, j.B, 2)
	r := grad.JacFwd(func(x arr) pair {
		return pair{W: p.W.MatMul(x), B: x.Sum(), N: x.AsType(core.Int32), Name: "r"}
	})(x)
	near(t, []float64{1, 2, 3, 4}, r.W, 2, 2)
	near(t, []float64{1, 1}, r.B, 2)
	require.Nil(t, r.N)
	require.Equal(t, "r", r.Name)
}

func TestBehaviour28_JacobiansOfNothingAndOfScalars(t *testing.T) {
	for name, jac := range map[string]func(func(arr) arr) func(arr) arr{
		"reverse": func(f func(arr) arr) func(arr) arr { return grad.JacRev(f) },
		"forward": func(f func(arr) arr) func(arr) arr { return grad.JacFwd(f) },
	} {
		t.Run(name, func(t *testing.T) {
			empty := core.Zeros(core.Float32, 0, 3)
			require.Equal(t, []int{2, 0, 3}, jac(func(x arr) arr { return core.Concatenate(0, x.Sum(1), vec(1, 2)) })(empty).Shape())
			require.Equal(t, []int{0, 2}, jac(func(x arr) arr { return x.Slice(0, 0, 0) })(vec(1, 2)).Shape())
			near(t, []float64{6}, jac(func(x arr) arr { return x.Mul(x) })(num(3)))
			// A result that does not depend on the argument.
			near(t, []float64{0, 0}, jac(func(arr) arr { return num(3) })(vec(1, 2)), 2)
		})
	}
}

func TestBehaviour28_HessiansAreSymmetric(t *testing.T) {
	f := func(x arr) arr { return x.Mul(x).Mul(x).Sum().Add(product(x)) }
	x := vec(2, 3, 5)
	want := []float64{12, 5, 3, 5, 18, 2, 3, 2, 30}
	h := grad.Hessian(f)
	near(t, want, h(x), 3, 3)
	near(t, want, grad.Hessian(f, grad.Chunk(1))(x), 3, 3)
	near(t, want, h(x).T(), 3, 3)
	near(t, want, compile.Of(h).Call(x), 3, 3)
	near(t, want, grad.JacRev(grad.JacRev(f))(x), 3, 3)
	near(t, want, grad.JacFwd(grad.JacFwd(f))(x), 3, 3)
	near(t, want, grad.JacRev(grad.JacFwd(f))(x), 3, 3)
	near(t, append(append([]float64(nil), want...), 6, 1, 1, 1, 6, 1, 1, 1, 6), vmap.Of(h)(core.Stack(0, x, vec(1, 1, 1))), 2, 3, 3)
	// Not of a scalar: one Hessian per element.
	near(t, []float64{2, 0, 0, 0, 0, 0, 0, 6 * 3}, grad.Hessian(func(x arr) arr {
		s := x.Split(2, 0)
		return core.Concatenate(0, s[0].Mul(s[0]), s[1].Mul(s[1]).Mul(s[1]))
	})(vec(2, 3)), 2, 2, 2)
	// A struct, laid out as one vector.
	type params struct{ W, B arr }
	v, back := tree.Ravel(params{vec(2, 3), num(5)})
	near(t, []float64{0, 5, 3, 5, 0, 2, 3, 2, 0}, grad.Hessian(func(v arr) arr {
		p := back(v)
		return product(p.W).Mul(p.B)
	})(v), 3, 3)
	// Third order.
	third := grad.JacFwd(h)(vec(2, 3, 5))
	near(t, []float64{
		6, 0, 0, 0, 0, 1, 0, 1, 0,
		0, 0, 1, 0, 6, 0, 1, 0, 0,
		0, 1, 0, 1, 0, 0, 0, 0, 6,
	}, third, 3, 3, 3)
}

func TestBehaviour28_HessianVectorProducts(t *testing.T) {
	type params struct {
		W, B arr
		N    arr
	}
	f := func(p params) arr { return p.W.Square().Sum().Mul(p.B) }
	p := params{W: vec(2, 3), B: num(5), N: core.From([]int32{1})}
	// H is [[2b·I, 2w], [2wᵀ, 0]].
	h := grad.HVP(f)(p, params{W: vec(1, 10), B: num(100)})
	near(t, []float64{10 + 400, 100 + 600}, h.W, 2)
	near(t, []float64{4 + 60}, h.B)
	require.Nil(t, h.N)
	h = grad.HVP(f)(p, params{W: vec(1, 10)})
	near(t, []float64{10, 100}, h.W, 2)
	near(t, []float64{64}, h.B)
	h = grad.HVP(f, grad.Only("W"))(p, params{W: vec(1, 10)})
	near(t, []float64{10, 100}, h.W, 2)
	require.Nil(t, h.B)
	two := grad.HVP2(func(p params, s arr) arr { return f(p).Mul(s) })
	h = two(p, num(2), params{B: num(1)})
	near(t, []float64{8, 12}, h.W, 2)
	near(t, []float64{0}, h.B)
	h = compile.Of(two).Call(p, num(2), params{B: num(1)})
	near(t, []float64{8, 12}, h.W, 2)
	per := vmap.Of(two, vmap.In(nil, 0, nil))(p, vec(1, 2), params{B: num(1)})
	near(t, []float64{4, 6, 8, 12}, per.W, 2, 2)
}

func TestBehaviour28_LinearizedFunctionsCanBeCalledManyTimes(t *testing.T) {
	calls := 0
	f := func(x arr) []arr {
		calls++
		y := x.Mul(x)
		return []arr{y.Sum(), y.Sin(), x.AsType(core.Int32), y}
	}
	x := vec(1, 2, 3)
	y, push := grad.Linearize(f, x)
	near(t, []float64{14}, y[0])
	x.Free()
	core.Free(y)
	for i := range 20 {
		d := push(vec(float32(i), 1, 0))
		near(t, []float64{2*float64(i) + 4}, d[0])
		near(t, []float64{2 * float64(i) * math.Cos(1), 4 * math.Cos(4), 0}, d[1], 3)
		require.Nil(t, d[2])
		near(t, []float64{2 * float64(i), 4, 0}, d[3], 3)
	}
	require.Equal(t, 1, calls)
	near(t, []float64{0}, push(nil)[0])
	// The linear function may be transformed and may not leave its trace.
	g := grad.Of(func(v arr) arr { return push(v.Mul(v))[0] })(vec(1, 2, 3))
	near(t, []float64{4, 16, 36}, g, 3)
	each := vmap.Of(func(v arr) arr { return push(v)[3] })(core.Identity(core.Float32, 3))
	near(t, []float64{2, 0, 0, 0, 4, 0, 0, 0, 6}, each, 3, 3)
	near(t, []float64{8}, compile.Of(func(v arr) arr { return push(v)[0] }).Call(vec(2, 1, 0)))
	outer := grad.Of(func(x arr) arr {
		_, push := grad.Linearize(func(y arr) arr { return y.Mul(y).Mul(x) }, x)
		return push(vec(1, 1, 1)).Sum()
	})
	near(t, []float64{4, 8, 12}, outer(vec(1, 2, 3)), 3)
	var leaked func(arr) arr
	grad.Of(func(x arr) arr {
		y, p := grad.Linearize(func(y arr) arr { return y.Mul(x) }, x)
		leaked = p
		return y.Sum()
	})(vec(1, 2))
	require.ErrorIs(t, failure(t, func() { leaked(vec(1, 1)) }), core.ErrLeaked)
}

func TestBehaviour28_LinearizeSelects(t *testing.T) {
	type two struct{ A, B arr }
	f := func(p two) arr { return p.A.Mul(p.B) }
	_, push := grad.Linearize(f, two{num(3), num(5)}, grad.Only("A"))
	near(t, []float64{10}, push(two{A: num(2)}))
	e := failure(t, func() { push(two{A: num(2), B: num(1)}) })
	require.Contains(t, e.Error(), "B is not selected")
	_, pull := grad.VJP(f, two{num(3), num(5)}, grad.Except("A"))
	g := pull(num(2))
	require.Nil(t, g.A)
	near(t, []float64{6}, g.B)
}

func TestBehaviour28_BigJacobiansTakeBoundedMemory(t *testing.T) {
	const n, wide = 128, 1 << 12
	f := func(x arr) arr {
		// Each row needs 2 MiB on the way.
		return x.ExpandDims(1).Mul(core.Ones(core.Float32, 1, wide)).Sin().Mean(1)
	}
	x := core.Linspace(core.Float32, 0, 1, n).Eval()
	peak := func(opts ...grad.Option) int {
		core.ClearCache()
		core.ResetPeakMemory()
		before := core.Memory().Active
		j := grad.JacFwd(f, opts...)(x).Eval()
		near(t, []float64{1, 0, 0, 0}, j.Slice(0, 0, 1).Slice(1, 0, 4), 1, 4)
		j.Free()
		return core.Memory().Peak - before
	}
	whole, chunked := peak(), peak(grad.Chunk(4))
	t.Logf("peak: %d MiB at once, %d MiB in chunks of 4", whole>>20, chunked>>20)
	require.Less(t, 4*chunked, whole)
}
