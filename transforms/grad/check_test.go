package grad_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/grad"
)

type checked struct {
	W, B  arr
	Inner []arr
	N     arr
	Name  string
}

func smooth(p checked) map[string]arr {
	h := p.W.MatMul(p.B).Tanh()
	return map[string]arr{"h": h, "s": h.Square().Sum().Mul(p.Inner[0].Exp()), "n": p.N}
}

func point() checked {
	return checked{
		W: core.From([]float32{0.5, -1, 2, 0.25, 3, -0.75}).Reshape(2, 3), B: vec(1, 0.5, -0.25),
		Inner: []arr{num(0.3)}, N: core.From([]int32{1}), Name: "c",
	}
}

func TestCheckPassesRightDerivatives(t *testing.T) {
	require.NoError(t, grad.Check(smooth, point(), grad.Checking{}))
	require.NoError(t, grad.Check(smooth, point(), grad.Checking{Seed: 7, Elements: 2}, grad.Except("B")))
	r := grad.Compare(smooth, point(), grad.Checking{})
	require.True(t, r.OK())
	require.Len(t, r.Leaves, 3)
	require.Equal(t, "Inner.0", r.Leaves[2].Path)
	t.Logf("\n%v", r)
	for _, d := range []core.DType{core.Float16, core.BFloat16, core.Float32, core.Float64} {
		core.Using(core.CPU, func() {
			f := func(x arr) arr { return x.Mul(x).Sin().Sum() }
			require.NoError(t, grad.Check(f, vec(0.5, 1, -2).AsType(d), grad.Checking{}), "%v", d)
		})
	}
	// Complex arguments: the gradient is that of both parts.
	z := core.From([]complex64{1 + 2i, -0.5 + 0.25i})
	require.NoError(t, grad.Check(func(z arr) arr { return z.Mul(z).Mul(z) }, z, grad.Checking{}))
	require.NoError(t, grad.Check(func(z arr) arr { return z.Abs() }, z, grad.Checking{}))
	require.NoError(t, grad.Check(func(x arr) arr { return x.Mul(x).Mul(x).Sin() }, vec(0.5, -2), grad.Checking{ComplexStep: true}))
	require.NoError(t, grad.Check(func(x arr) arr { return x.Sum() }, core.Zeros(core.Float32, 0), grad.Checking{}), "nothing to check")
}

// wrong has a value that is not the one that its derivatives belong to.
func wrong(p checked) arr {
	off := grad.Stop(p.B.Square().Mul(vec(0, 1, 0)))
	return p.B.Square().Add(off).Sum().Add(p.W.Sum())
}

func TestCheckFindsWrongDerivatives(t *testing.T) {
	err := grad.Check(wrong, point(), grad.Checking{})
	var m *grad.Mismatch
	require.ErrorAs(t, err, &m)
	require.NotContains(t, err.Error(), "\n")
	require.Contains(t, err.Error(), "B at [1]: reverse mode gives")
	t.Logf("%v\n%v", err, m.Report)
	for _, l := range m.Report.Leaves {
		require.Equal(t, l.Path != "B", l.Reverse.OK(), l.Path)
		require.Equal(t, l.Path != "B", l.Forward.OK(), l.Path)
		if l.Path == "B" {
			require.Equal(t, []int{1}, l.Forward.At)
			require.InDelta(t, 2, l.Forward.Want/l.Forward.Got, 0.01)
			require.InDelta(t, 0.5, l.Forward.Rel, 0.01)
		}
	}
	require.NoError(t, grad.Check(wrong, point(), grad.Checking{}, grad.Except("B")))
	nan := func(x arr) arr { return x.Sqrt().Mul(num(0)).Sum() }
	require.Error(t, grad.Check(nan, vec(0), grad.Checking{}))
	require.Error(t, grad.Check(func(x arr) arr { return x.Mul(grad.Stop(x)).Sum() }, vec(0.5), grad.Checking{ComplexStep: true}))
}

func TestCheckErrors(t *testing.T) {
	x := vec(1, 2)
	sum := func(x arr) arr { return x.Sum() }
	for says, run := range map[string]func() error{
		"the function is nil": func() error { return grad.Check[arr, arr](nil, x, grad.Checking{}) },
		"Rel is -1":           func() error { return grad.Check(sum, x, grad.Checking{Rel: -1}) },
		"Elements is -1":      func() error { return grad.Check(sum, x, grad.Checking{Elements: -1}) },
		"no leaf":             func() error { return grad.Check(sum, nil, grad.Checking{}) },
		"no floating":         func() error { return grad.Check(func(x arr) arr { return x.AsType(core.Int32) }, x, grad.Checking{}) },
		"unknown":             func() error { return grad.Check(sum, x, grad.Checking{}, grad.Only("Q")) },
		"complex step needs": func() error {
			return grad.Check(func(x arr) arr { return x.Abs().Sum() }, x, grad.Checking{ComplexStep: true})
		},
		"no derivative rule": func() error {
			return grad.Check(func(x arr) arr { return x.View(core.Int32).View(core.Float32).Sum() }, x, grad.Checking{})
		},
		"had 2 elements and la": func() error {
			n := 0
			return grad.Check(func(x arr) arr { n++; return x.Slice(0, 0, min(2, 5-n)) }, vec(1, 2, 3), grad.Checking{})
		},
	} {
		err := run()
		var e *core.Error
		require.ErrorAs(t, err, &e, says)
		if says != "unknown" {
			require.Contains(t, err.Error(), says)
		}
		require.Contains(t, err.Error(), "grad.Check", says)
	}
}
