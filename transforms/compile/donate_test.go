package compile_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
)

func TestDonate(t *testing.T) {
	m := newMLP(64, 32, 10)
	x, y := batch(8, 64, 10)
	_, want := sgd(m, x, y)
	core.Eval(want)
	step := compile.Of(sgd, compile.Donate("0.L.0", "2"))
	for range 2 { // the call that traces, and one that repeats
		given := newMLP(64, 32, 10)
		gy := y.Add(num(0)).Eval()
		_, got := step.Call(given, x, gy)
		for _, a := range []arr{given.L[0].W, given.L[0].B, gy} {
			e := failure(t, func() { a.Exp() })
			require.ErrorIs(t, e, core.ErrFreed)
			require.Contains(t, e.Error(), "it was donated to a compiled function")
			a.Free()
		}
		require.InDeltaSlice(t, floats(want.L[0].W), floats(got.L[0].W), 1e-6)
		require.NotPanics(t, func() { given.L[1].W.Exp(); x.Exp() })
	}
	require.Equal(t, 1, step.Stats().Hits)
}

// What is donated holds the result.
func TestDonateLendsItsMemory(t *testing.T) {
	const n = 1 << 20
	peak := func(opts ...compile.Option) int {
		f := compile.Of(func(x arr) arr { return x.Exp() }, opts...)
		x := core.Ones(core.Float32, n).Contiguous().Eval()
		core.Eval(f.Call(x.Neg().Eval()))
		x = x.Neg().Eval()
		settled()
		core.ResetPeakMemory()
		before := core.Memory().Active
		y := f.Call(x).Eval()
		y.Size()
		return core.Memory().Peak - before
	}
	require.GreaterOrEqual(t, peak(), 4*n)
	require.Less(t, peak(compile.Donate("0")), n)
}

func TestDonateReturnsWhatItWasGiven(t *testing.T) {
	f := compile.Of(func(x, y arr) (arr, arr) { return x, y.Neg() }, compile.Donate("0"))
	for range 2 {
		x := vec(1, 2)
		got, _ := f.Call(x, vec(1))
		require.Equal(t, []float32{1, 2}, floats(got))
		require.ErrorIs(t, failure(t, func() { x.Neg() }), core.ErrFreed)
	}
	compile.Disable()
	defer compile.Enable()
	x, y := vec(1, 2), vec(1)
	got, _ := f.Call(x, y)
	require.Equal(t, []float32{1, 2}, floats(got), "inline, the result is the argument")
	g := compile.Of(func(x, y arr) arr { return x.Neg() }, compile.Donate("1"))
	g.Call(x, y)
	require.ErrorIs(t, failure(t, func() { y.Neg() }), core.ErrFreed)
}

func TestDonateInsideATraceFreesNothing(t *testing.T) {
	f := compile.Of(func(x arr) arr { return x.Square() }, compile.Donate("0"))
	g := grad.Of(func(x arr) arr { return f.Call(x).Add(x) })
	require.Equal(t, 7.0, g(num(3)).Item())
	require.Equal(t, 7.0, g(num(3)).Item())
}

func TestDonateRefuses(t *testing.T) {
	two := func(a, b arr) arr { return a.Add(b) }
	for path, says := range map[string]string{
		"2": "0 to 1", "-1": "want the number of an argument", "x": "want the number", "": "want the number", "0.": "",
	} {
		if says != "" {
			require.Contains(t, failure(t, func() { compile.Of(two, compile.Donate(path)) }).Error(), says, path)
		}
	}
	e := failure(t, func() {
		compile.Of(func(m mlp) arr { return m.L[0].W }, compile.Donate("0.L.0.V")).Call(newMLP(2, 2))
	})
	require.Contains(t, e.Error(), "argument 0")
	require.Contains(t, e.Error(), "no such path")
	f := compile.Of(two, compile.Donate("0"))
	x := vec(1)
	for range 2 {
		e = failure(t, func() { f.Call(x, x) })
		require.Contains(t, e.Error(), "is also argument 1, which is not")
		require.Equal(t, []float32{1}, floats(x), "it was freed")
	}
	require.Equal(t, []float32{2}, floats(compile.Of(two, compile.Donate("0", "1")).Call(x, x)))
}
