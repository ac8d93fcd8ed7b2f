package compile_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

func TestBehaviour13_AChangeOfStreamRetraces(t *testing.T) {
	s := core.NewStream(core.CPU)
	f := compile.Of(func(x arr) arr { return x.Exp().Sum() })
	x := vec(1, 2, 3)
	want := x.Exp().Sum().Item()
	call := func() { require.InDelta(t, want, f.Call(x).Item(), 1e-5) }
	for range 3 {
		call()
		core.Using(s, call)
		core.Using(core.CPU, call)
	}
	require.Equal(t, 2, f.Stats().Traces)
	// The operations, and so the results, are on the stream of the call.
	var own, other string
	own = f.Program(x).Nodes[0].Stream
	core.Using(s, func() { other = f.Program(x).Nodes[0].Stream })
	require.NotEqual(t, own, other)
	core.Using(s, func() {
		for _, n := range f.Program(x).Nodes {
			require.Equal(t, other, n.Stream)
		}
	})
}

func TestBehaviour13_StreamsInsideATrace(t *testing.T) {
	s := core.NewStream(core.CPU)
	f := func(x arr) (y arr) {
		a := x.Exp()
		core.Using(s, func() { y = a.Mul(x).Sum() })
		return y.Add(a.Sum())
	}
	x := vec(1, 2, 3)
	want, wantGrad := f(x).Item(), floats(grad.Of(f)(x))
	c := compile.Of(f)
	g := compile.Of(grad.Of(f))
	for range 5 {
		require.InDelta(t, want, c.Call(x).Item(), 1e-4)
		require.InDeltaSlice(t, wantGrad, floats(g.Call(x)), 1e-4)
		require.InDeltaSlice(t, wantGrad, floats(grad.Of(c.Call)(x)), 1e-4)
	}
	require.InDelta(t, want, vmap.Of(c.Call)(core.Stack(0, x, x)).Max().Item(), 1e-4)
	failure(t, func() {
		compile.Of(func(x arr) (y arr) { core.Using(s, func() { y = x.MatMul(num(1)) }); return y }).Call(x)
	})
	require.InDelta(t, want, c.Call(x).Item(), 1e-4)
}
