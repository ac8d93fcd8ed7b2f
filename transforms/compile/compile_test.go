package compile_test

import (
	"math"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
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

func TestStaticLeavesAreTyped(t *testing.T) {
	f := compile.Of(func(x *core.Array, k any) *core.Array {
		switch v := k.(type) {
		case int:
			return x.Add(core.Scalar(float32(v)))
		case float64:
			return x.Sub(core.Scalar(float32(v + 10)))
		}
		return x
	})
	x := core.Scalar[float32](1)
	for range 2 {
		require.Equal(t, 1.0, f.Call(x, 0).Item())
		require.Equal(t, -9.0, f.Call(x, 0.0).Item())
		require.Equal(t, -9.0, f.Call(x, math.Copysign(0, -1)).Item())
		require.Equal(t, 1.0, f.Call(x, true).Item())
		require.Equal(t, 1.0, f.Call(x, "0").Item())
	}
	require.Equal(t, 5, f.Stats().Traces)
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

func TestComposesInEveryOrder(t *testing.T) {
	f := func(x *core.Array) *core.Array { return x.Sin().Mul(x).Sum() }
	x := core.From([]float32{0.1, 0.2, 0.3, 0.4}, 2, 2)
	want := core.Data[float32](grad.Of(f)(x))
	check := func(g func(*core.Array) *core.Array) {
		t.Helper()
		require.InDeltaSlice(t, want, core.Data[float32](g(x)), 1e-6)
	}
	check(compile.Of(grad.Of(f)).Call)
	check(grad.Of(compile.Of(f).Call))
	check(compile.Of(grad.Of(compile.Of(f).Call)).Call)
	check(vmap.Of(grad.Of(f)))
	check(compile.Of(vmap.Of(grad.Of(f))).Call)
	check(vmap.Of(compile.Of(grad.Of(f)).Call))
	check(grad.Of(func(x *core.Array) *core.Array { return vmap.Of(compile.Of(f).Call)(x).Sum() }))
}

func TestManyGoroutinesOneTrace(t *testing.T) {
	p, d := sample()
	step := compile.Of(grad.ValueAndGrad2(loss))
	var wg sync.WaitGroup
	for range 16 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 20 {
				l, _ := step.Call(p, d)
				if l.Item() != 7.5 {
					t.Error("wrong loss", l.Item())
				}
			}
		}()
	}
	wg.Wait()
	require.Equal(t, 1, step.Stats().Traces)
}

func TestErrors(t *testing.T) {
	x := core.From([]float32{1, 2})
	f := compile.Of(func(x *core.Array) *core.Array { x.Eval(); return x })
	_, err := core.Try(func() *core.Array { return f.Call(x) })
	require.ErrorIs(t, err, core.ErrTracer)
	require.Contains(t, err.Error(), "compile_test.go")
	g := compile.Of(func(y *core.Array) *core.Array { return y.Add(x) })
	_, err = core.Try(func() *core.Array { return g.Call(x) })
	require.ErrorIs(t, err, core.ErrUncaptured)
	var nilFunc func(*core.Array) *core.Array
	_, err = core.Try(func() *core.Array { compile.Of(nilFunc); return nil })
	require.ErrorContains(t, err, "nil")
}

func TestShapeless(t *testing.T) {
	f := compile.Of(func(x *core.Array) *core.Array { return x.Exp().Mul(x).Sum() }, compile.Shapeless())
	for _, n := range []int{3, 5, 7, 9, 1, 4} {
		x := core.Ones(core.Float32, n)
		require.InDelta(t, math.E*float64(n), f.Call(x).Item(), 1e-4)
	}
	require.LessOrEqual(t, f.Stats().Traces, 4)
	bad := compile.Of(func(x *core.Array) *core.Array { return x.Mul(core.Scalar(float32(x.Shape()[0]))) }, compile.Shapeless())
	require.InDeltaSlice(t, []float32{3, 3, 3}, core.Data[float32](bad.Call(core.Ones(core.Float32, 3))), 1e-6)
	_, err := core.Try(func() *core.Array { return bad.Call(core.Ones(core.Float32, 7)) })
	require.ErrorIs(t, err, core.ErrShapeless)
}

func TestDroppedFuncsGiveTheirMemoryBack(t *testing.T) {
	settle := func() int {
		for range 3 {
			runtime.GC()
			core.Scalar[float32](0).Free()
		}
		return core.Memory().Active
	}
	before := settle()
	for range 20 {
		big := core.Ones(core.Float32, 1<<16).Eval()
		f := compile.Of(func(x *core.Array) *core.Array { return x.Add(big) })
		f.Call(core.Ones(core.Float32, 1<<16)).Eval()
	}
	require.InDelta(t, before, settle(), 1<<18)
}

func BenchmarkReplay(b *testing.B) {
	p, d := sample()
	step := compile.Of(grad.ValueAndGrad2(loss))
	step.Call(p, d)
	for b.Loop() {
		step.Call(p, d)
	}
}
