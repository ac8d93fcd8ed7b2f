package compile_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/transforms/compile"
)

func TestEveryModeComputesTheSame(t *testing.T) {
	defer compile.Enable()
	f := func(x arr) arr { return x.Exp().Add(x.Exp()).Mul(x).Sum() }
	x := vec(1, -2, 3)
	want := f(x)
	shared := compile.Of(f)
	for i, m := range []compile.Mode{compile.Enabled, compile.NoFuse, compile.NoSimplify, compile.Disabled} {
		own := compile.Of(f, compile.InMode(m))
		compile.SetMode(m)
		for range 2 {
			require.InDelta(t, want.Item(), shared.Call(x).Item(), 1e-5)
			require.InDelta(t, want.Item(), own.Call(x).Item(), 1e-5)
		}
		require.Equal(t, min(i+1, 3), shared.Stats().Traces, "%v has a trace of its own", m)
		require.Equal(t, m != compile.Disabled, own.Stats().Traces == 1)
		compile.Enable()
	}
	require.Equal(t, 2, shared.Stats().Inline)
	require.Contains(t, failure(t, func() { compile.SetMode(9) }).Error(), "mode(9) is no mode")
	require.Contains(t, failure(t, func() { compile.InMode(9) }).Error(), "mode(9) is no mode")
	own := compile.Of(f, compile.InMode(compile.NoFuse))
	compile.Disable()
	own.Call(x)
	require.Equal(t, 1, own.Stats().Inline, "a mode of its own does not undo Disable")
}

func TestBehaviour10_SimplifyMergesDuplicates(t *testing.T) {
	f := func(x arr) arr { return x.Exp().Add(x.Exp()) }
	require.Equal(t, 3, compile.Of(f, compile.InMode(compile.NoSimplify)).Program(vec(1)).Size())
	require.Equal(t, 2, compile.Of(f, compile.InMode(compile.NoFuse)).Program(vec(1)).Size())
}
