package grad_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

// Integers and bools are constant wherever there is a derivative: none passes them,
// whatever is computed from them.
func TestDerivativesStopAtIntegers(t *testing.T) {
	x := vec(1.25, -2.5, 3.75)
	for name, f := range map[string]func(arr) arr{
		"cast and back":     func(a arr) arr { return a.AsType(core.Int32).AsType(core.Float32) },
		"integers between":  func(a arr) arr { return a.AsType(core.Uint8).Tile(2).Reshape(2, 3).Sum(0).AsType(core.Float32) },
		"bools":             func(a arr) arr { return a.GreaterScalar(0).AsType(core.Float32) },
		"argmax":            func(a arr) arr { return a.ArgMax(0).AsType(core.Float32) },
		"half and integers": func(a arr) arr { return a.AsType(core.BFloat16).AsType(core.Int64).AsType(core.BFloat16) },
	} {
		require.Equal(t, []float32{0, 0, 0}, floats(grad.Of(func(a arr) arr { return f(a).Sum() })(x)), name)
		require.Equal(t, []float32{1, 1, 1}, floats(grad.Of(func(a arr) arr { return f(a).Sum().AsType(core.Float32).Add(a.Sum()) })(x)), name)
		_, d := grad.JVP(func(a arr) arr { return f(a).AsType(core.Float32) }, x, x)
		require.Equal(t, 0.0, d.Abs().Sum().Item(), name)
	}
}

// That indices of a gather depend on what is differentiated is an error in either
// mode, as in MLX. Where updates go says nothing about their slope.
func TestPlacesThatDependOnTheArgument(t *testing.T) {
	x := vec(0, 1, 1)
	for name, f := range map[string]func(arr) arr{
		"take": func(a arr) arr { return a.Take(a.AsType(core.Int32), 0) },
		"constant": func(a arr) arr {
			return vec(5, 6, 7).Take(a.AsType(core.Int32).MulScalar(1), 0)
		},
	} {
		for mode, d := range map[string]func(){
			"reverse": func() { grad.Of(func(a arr) arr { return f(a).Sum() })(x) },
			"forward": func() { grad.JVP(f, x, x) },
		} {
			e := failure(t, d)
			require.ErrorIs(t, e, core.ErrNotDifferentiable, name+" "+mode)
			require.Contains(t, e.Error(), "grad.Stop", name+" "+mode)
		}
	}
	for name, f := range map[string]func(a, at arr) arr{
		"scatter": func(a, at arr) arr { return a.ScatterAddAxis(at.AsType(core.Int32), a, 0) },
		"masked":  func(a, at arr) arr { return a.MaskedScatter(at.GreaterScalar(0), a) },
	} {
		sum := func(a, at arr) arr { return f(a, at).Mul(vec(1, 10, 100)).Sum() }
		want := grad.Of(func(a arr) arr { return sum(a, grad.Stop(a)) })(x)
		require.Equal(t, floats(want), floats(grad.Of(func(a arr) arr { return sum(a, a) })(x)), name)
		_, d := grad.JVP(func(a arr) arr { return sum(a, a) }, x, x)
		require.Equal(t, want.Mul(x).Sum().Item(), d.Item(), name)
	}
}

// A function with a rule for one mode only is differentiated by its operations in
// the other, and then by the mode of the rule. What the first derivative uses of the
// function's inside depends on the arguments, though the rule goes around it.
func TestARuleForOneModeUnderTheOther(t *testing.T) {
	f := func(x arr) arr { return x.Mul(x).Mul(x) } // 3x², 6x
	reverse := grad.Custom(f, grad.WithVJP(func(x, _, ct arr) arr { return x.Square().MulScalar(3).Mul(ct) }))
	forward := grad.Custom(f, grad.WithJVP(func(x, _, t arr) arr { return x.Square().MulScalar(3).Mul(t) }))
	x := num(2)
	for name, g := range map[string]func(arr) arr{"none": f, "reverse": reverse, "forward": forward} {
		slope := func(a arr) arr { _, d := grad.JVP(g, a, num(1)); return d }
		require.Equal(t, 12.0, slope(x).Item(), name)
		require.Equal(t, 12.0, grad.Of(slope)(x).Item(), "grad of jvp of "+name)
		_, d := grad.JVP(grad.Of(g), x, num(1))
		require.Equal(t, 12.0, d.Item(), "jvp of grad of "+name)
		require.Equal(t, 12.0, grad.Of(grad.Of(g))(x).Item(), "grad of grad of "+name)
		_, d = grad.JVP(slope, x, num(1))
		require.Equal(t, 12.0, d.Item(), "jvp of jvp of "+name)
		require.Equal(t, []float32{6, 12}, floats(vmap.Of(grad.Of(slope))(vec(1, 2))), "vmap of grad of jvp of "+name)
	}
}

// Two matrices, not stacks of them, are one matrix each for their indices.
func TestGatherMMOfMatrices(t *testing.T) {
	a, b := core.From([]float32{1, 2, 3, 4}, 2, 2), core.From([]float32{5, 6, 7, 8}, 2, 2)
	at := core.From([]uint32{0, 0, 0})
	type pair struct{ A, B arr }
	product := func(p pair) arr { return core.GatherMM(p.A, p.B, nil, at).Sum() }
	g := grad.Of(product)(pair{a, b})
	want := grad.Of(func(p pair) arr { return p.A.MatMul(p.B).Sum().MulScalar(3) })(pair{a, b})
	require.Equal(t, floats(want.A), floats(g.A))
	require.Equal(t, floats(want.B), floats(g.B))
}

// Where tanh is flat all its derivatives are 0, in either mode and dtype.
func TestTanhFarOut(t *testing.T) {
	for _, d := range []core.DType{core.Float32, core.Float16, core.BFloat16, core.Float64} {
		x := vec(-100, 50, 12, 2000).AsType(d)
		slope := grad.Of(func(a arr) arr { return a.Tanh().Sum() })
		require.InDelta(t, 0, slope(x).Abs().Sum().AsType(core.Float32).Item(), 1e-9, d)
		_, second := grad.JVP(slope, x, x.OnesLike())
		require.InDelta(t, 0, second.Abs().Sum().AsType(core.Float32).Item(), 1e-9, d)
		second = grad.Of(func(a arr) arr { return slope(a).Sum() })(x)
		require.InDelta(t, 0, second.Abs().Sum().AsType(core.Float32).Item(), 1e-9, d)
	}
}

// Which matrices are picked has no tangent, as it has no gradient.
func TestPickingMatricesHasNoDerivative(t *testing.T) {
	b := core.Ones(core.Float32, 2, 3, 2)
	f := func(x arr) arr {
		return core.GatherMM(core.Ones(core.Float32, 2, 2, 3), b, x.AsType(core.Uint32), nil)
	}
	_, err := core.Try(func() arr { _, d := grad.JVP(f, vec(0, 1), vec(1, 1)); return d })
	require.ErrorIs(t, err, core.ErrNotDifferentiable)
	_, err = core.Try(func() arr { return grad.Of(func(x arr) arr { return f(x).Sum() })(vec(0, 1)) })
	require.ErrorIs(t, err, core.ErrNotDifferentiable)
}

// The gradient of a partition goes where its values come from, also of equal values and of
// rows that share their memory.
func TestPartitionIsWhatItsGradientSays(t *testing.T) {
	if os.Getenv("ADJOINT_CPU") == "stock" {
		t.Skip("MLX's partition is in another order than its argpartition: ours runs where ADJOINT_CPU is not set")
	}
	x := vec(1.9236377, 0.29611635, 0.20016457, 1.6359717)
	for name, f := range map[string]func(arr) arr{
		"repeated rows": func(x arr) arr { return x.BroadcastTo(3, 4).Partition(1, -1) },
		"equal values":  func(x arr) arr { return x.Slice(0, 0, 3).Tile(4).Partition(1, -1) },
		"columns":       func(x arr) arr { return x.Reshape(2, 2).Tile(5, 3).Partition(4, 0) },
		"a transpose":   func(x arr) arr { return x.Tile(6).Reshape(6, 4).T().Partition(2, 1) },
	} {
		y := f(x)
		w := core.Linspace(core.Float32, 1, 100, y.Size()).Reshape(y.Shape()...)
		g := floats(grad.Of(func(x arr) arr { return f(x).Mul(w).Sum() })(x))
		var value float64 // f is a linear function here, so that its gradient says what it is
		for i, v := range floats(x) {
			value += float64(v) * float64(g[i])
		}
		require.InEpsilon(t, y.Mul(w).Sum().Item(), value, 1e-5, name)
	}
}
