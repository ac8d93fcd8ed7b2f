package compile_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
)

type line struct{ W, B *core.Array }
type data struct{ X, Y *core.Array }

func loss(p line, d data) *core.Array {
	return d.X.Mul(p.W).Add(p.B).Sub(d.Y).Square().Mean()
}

func sample() (line, data) {
	return line{core.Scalar[float32](1), core.Scalar[float32](0)},
		data{core.From([]float32{0, 1, 2, 3}), core.From([]float32{1, 3, 5, 7})}
}

func TestStepEqualsEagerWithOneTrace(t *testing.T) {
	p, d := sample()
	vg := grad.ValueAndGrad2(loss)
	step := compile.Of(vg)
	for range 5 {
		l, g := step.Call(p, d)
		le, ge := vg(p, d)
		require.InDelta(t, le.Item(), l.Item(), 1e-6)
		require.InDelta(t, ge.W.Item(), g.W.Item(), 1e-6)
		require.InDelta(t, ge.B.Item(), g.B.Item(), 1e-6)
	}
	s := step.Stats()
	require.Equal(t, 1, s.Traces)
	require.Equal(t, 4, s.Hits)
}

func TestState(t *testing.T) {
	type counter struct{ N *core.Array }
	c := counter{core.Scalar[float32](0)}
	f := compile.Of(func(x *core.Array) *core.Array {
		c.N = c.N.Add(core.Scalar[float32](1))
		return x.Mul(c.N)
	}, compile.State(&c))
	x := core.Scalar[float32](2)
	for i := 1; i <= 4; i++ {
		require.Equal(t, float64(2*i), f.Call(x).Item())
		require.Equal(t, float64(i), c.N.Item())
	}
	require.Equal(t, 1, f.Stats().Traces)
}

func TestBehaviour15_DroppedFuncsGiveTheirMemoryBack(t *testing.T) {
	before := settled()
	for range 20 {
		big := core.Ones(core.Float32, 1<<16).Eval()
		f := compile.Of(func(x *core.Array) *core.Array { return x.Add(big) })
		f.Call(core.Ones(core.Float32, 1<<16)).Eval()
	}
	require.InDelta(t, before, settled(), 1<<18)
}
