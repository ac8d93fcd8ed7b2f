package core_test

import (
	"errors"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
)

func TestArithmeticEvaluates(t *testing.T) {
	x := core.From([]float32{1, 2, 3, 4}, 2, 2)
	y := x.MatMul(x).Add(x)
	require.Equal(t, []float32{8, 12, 18, 26}, core.Data[float32](y))
	require.Equal(t, []int{2, 2}, y.Shape())
	require.Equal(t, core.Float32, y.DType())
}

func TestShapeMismatchIsATypedOneLineError(t *testing.T) {
	x, y := core.From([]float32{1, 2, 3}), core.From([]float32{1, 2})
	_, err := core.Try(func() *core.Array { return x.Add(y) })
	var e *core.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "Add", e.Op)
	require.Contains(t, err.Error(), "float32[3], float32[2]")
	require.Contains(t, err.Error(), "core_test.go:")
	require.NotContains(t, err.Error(), "\n")
	t.Log(err)
}

func TestFreedArray(t *testing.T) {
	x := core.From([]float32{1})
	x.Free()
	x.Free()
	_, err := core.Try(func() *core.Array { return x.Exp() })
	require.ErrorIs(t, err, core.ErrFreed)
	_, err = core.Try(func() *core.Array { return (*core.Array)(nil).Exp() })
	require.ErrorIs(t, err, core.ErrNil)
}

func TestDifferentiate(t *testing.T) {
	x := core.From([]float32{1, 2, 3})
	res, grads := core.Differentiate("grad", func(in []*core.Array) []*core.Array {
		return []*core.Array{in[0].Square().Sum()}
	}, []*core.Array{x}, []int{0})
	require.Equal(t, []float32{2, 4, 6}, core.Data[float32](grads[0]))
	require.InDelta(t, 14, res[0].Item(), 1e-6)
	out, pull := core.PullBack("vjp", func(in []*core.Array) []*core.Array {
		return []*core.Array{in[0].Square(), in[0]}
	}, []*core.Array{x}, []int{0})
	require.Len(t, out, 2)
	for range 2 {
		g := pull([]*core.Array{core.From([]float32{1, 1, 1}), core.From([]float32{10, 10, 10})})
		require.Equal(t, []float32{12, 14, 16}, core.Data[float32](g[0]))
	}
	_, d := core.PushForward("jvp", func(in []*core.Array) []*core.Array {
		return []*core.Array{in[0].Exp()}
	}, []*core.Array{core.From([]float32{0})}, []int{0}, []*core.Array{core.From([]float32{2})})
	require.Equal(t, []float32{2}, core.Data[float32](d[0]))
	v := core.Vectorize("vmap", func(in []*core.Array) ([]*core.Array, []int) {
		require.Empty(t, in[0].Shape())
		return []*core.Array{in[0].Mul(in[1])}, []int{0}
	}, []*core.Array{x, core.From([]float32{5, 6})}, []int{0, -1})
	require.Equal(t, []int{3, 2}, v[0].Shape())
}

func TestPanicInTraceKeepsItsStackAndTheNextTransformWorks(t *testing.T) {
	x := core.From([]float32{1})
	var p *core.Panic
	func() {
		defer func() { p, _ = recover().(*core.Panic) }()
		core.Differentiate("grad", func(in []*core.Array) []*core.Array { panic(errors.New("boom")) }, []*core.Array{x}, []int{0})
	}()
	require.NotNil(t, p)
	require.Contains(t, string(p.Stack), "TestPanicInTrace")
	TestDifferentiate(t)
}

func TestLeakedTracer(t *testing.T) {
	x := core.From([]float32{1})
	var kept *core.Array
	core.Differentiate("grad", func(in []*core.Array) []*core.Array { kept = in[0].Exp(); return []*core.Array{kept.Sum()} }, []*core.Array{x}, []int{0})
	_, err := core.Try(func() *core.Array { return kept.Exp() })
	require.ErrorIs(t, err, core.ErrLeaked)
}

func TestGoexitInTrace(t *testing.T) {
	x := core.From([]float32{1})
	done := make(chan bool)
	go func() {
		defer close(done)

		core.Differentiate("grad", func(in []*core.Array) []*core.Array { runtime.Goexit(); return nil }, []*core.Array{x}, []int{0})
	}()
	<-done
	TestDifferentiate(t)
}

func BenchmarkAddCollected(b *testing.B) {
	x := core.From([]float32{1, 2, 3, 4}, 2, 2)
	for b.Loop() {
		x.Add(x)
	}
}

func BenchmarkAddFreed(b *testing.B) {
	x := core.From([]float32{1, 2, 3, 4}, 2, 2)
	for b.Loop() {
		x.Add(x).Free()
	}
}

func BenchmarkAddTidy(b *testing.B) {
	x := core.From([]float32{1, 2, 3, 4}, 2, 2)
	for b.Loop() {
		core.TidyDo(func() {
			for range 1000 {
				x.Add(x)
			}
		})
	}
}

func BenchmarkAddEval(b *testing.B) {
	x := core.From([]float32{1, 2, 3, 4}, 2, 2)
	for b.Loop() {
		x.Add(x).Eval()
	}
}
