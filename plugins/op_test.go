package plugins

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

// engine opens the engine before a test counts descriptors and goroutines.
func engine(t *testing.T) {
	t.Helper()
	core.Eval(core.From([]float32{1}, 1).Add(core.From([]float32{1}, 1)))
}

func kernel(t *testing.T, p *Plugin, name string) *Kernel {
	t.Helper()
	k, err := p.Kernel(name)
	require.NoError(t, err)
	return k
}

func TestKernelIsAnOp(t *testing.T) {
	engine(t)
	k := kernel(t, load(t, "good", Options{}), "square")
	assert.Equal(t, "acme/test.square", k.String())
	x := core.From([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	for name, in := range map[string]*core.Array{
		"matrix": x, "transposed": x.MoveAxis(0, 1), "broadcast": core.Scalar(float32(3)).BroadcastTo(2, 2),
		"scalar": core.Scalar(float32(-2)), "empty": core.Zeros(core.Float32, 0, 3),
		"lazy": x.Add(x), "slice": x.MoveAxis(0, 1).Reshape(6),
	} {
		y := k.Call(in)[0]
		assert.Equal(t, in.Shape(), y.Shape(), name)
		assert.Equal(t, core.Data[float32](in.Square()), core.Data[float32](y), name)
	}
	assert.Equal(t, []float32{1, 2, 3, 4, 5, 6}, core.Data[float32](x), "the input is not changed")
}

func TestCallPanicsLikeAnOp(t *testing.T) {
	engine(t)
	p := load(t, "good", Options{})
	call := func(k *Kernel, in ...*core.Array) (err error) {
		defer core.Catch(&err)
		core.Eval(k.Call(in...)[0])
		return nil
	}
	x := core.From([]float32{1, 2}, 2)
	var op *core.Error
	var arg *spec.ArgumentError
	err := call(kernel(t, p, "square"), core.From([]int32{1}, 1))
	require.ErrorAs(t, err, &op)
	require.ErrorAs(t, err, &arg)
	assert.ErrorContains(t, err, "acme/test.square(int32[1]): plugin acme/test: kernel square: input x: takes [float32]")
	require.ErrorAs(t, call(kernel(t, p, "square")), &arg)
	require.ErrorIs(t, call(kernel(t, p, "square"), nil), core.ErrNil)

	var failed *KernelError
	require.ErrorAs(t, call(kernel(t, p, "fails"), x), &failed)
	var crash *CrashError
	err = call(kernel(t, p, "exits"), x)
	require.ErrorAs(t, err, &op)
	require.ErrorAs(t, err, &crash)
	assert.Equal(t, "exits", crash.Kernel)
	require.NoError(t, call(kernel(t, p, "square"), x), "the engine and the plugin go on")
	require.NoError(t, p.Stop())
	require.ErrorIs(t, call(kernel(t, p, "square"), x), ErrStopped)
}

func TestGradients(t *testing.T) {
	engine(t)
	square := kernel(t, load(t, "good", Options{}), "square")
	x := core.From([]float32{1, -2, 3}, 3)
	cube := func(in []*core.Array) []*core.Array {
		return []*core.Array{square.Call(in[0])[0].Mul(in[0]).Sum()}
	}
	slope := func(in []*core.Array) []*core.Array {
		_, g := core.Differentiate("test", cube, in, []int{0})
		return g
	}
	assert.Equal(t, []float32{3, 12, 27}, core.Data[float32](slope([]*core.Array{x})[0]), "3x²")

	second := func(in []*core.Array) []*core.Array { return []*core.Array{slope(in)[0].Sum()} }
	_, g := core.Differentiate("test", second, []*core.Array{x}, []int{0})
	assert.Equal(t, []float32{6, -12, 18}, core.Data[float32](g[0]), "6x")

	f := func(in []*core.Array) []*core.Array { return square.Call(in[0]) }
	y, dy := core.PushForward("test", f, []*core.Array{x}, []int{0}, []*core.Array{core.From([]float32{1, 10, 100}, 3)})
	assert.Equal(t, []float32{1, 4, 9}, core.Data[float32](y[0]))
	assert.Equal(t, []float32{2, -40, 600}, core.Data[float32](dy[0]))
}

func TestKernelWithoutRules(t *testing.T) {
	engine(t)
	slow := kernel(t, load(t, "good", Options{}), "slow")
	x := core.From([]float32{1}, 1)
	run := func(f func()) (err error) {
		defer core.Catch(&err)
		f()
		return nil
	}
	call := func(in []*core.Array) []*core.Array { return []*core.Array{slow.Call(in[0])[0].Sum()} }
	err := run(func() { core.Differentiate("test", call, []*core.Array{x}, []int{0}) })
	require.ErrorIs(t, err, core.ErrNotDifferentiable)
	assert.ErrorContains(t, err, "acme/test.slow")
	err = run(func() { core.PushForward("test", call, []*core.Array{x}, []int{0}, []*core.Array{x}) })
	require.ErrorIs(t, err, core.ErrNotDifferentiable)
	err = run(func() {
		core.Vectorize("test", func(in []*core.Array) ([]*core.Array, []int) { return slow.Call(in[0]), []int{0} }, []*core.Array{x}, []int{0})
	})
	require.ErrorIs(t, err, core.ErrNoBatchRule)
}

func TestBatches(t *testing.T) {
	engine(t)
	p := load(t, "good", Options{})
	square, add, rows := kernel(t, p, "square"), kernel(t, p, "add"), kernel(t, p, "rows")
	m := core.From([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	over := func(k *Kernel, axes []int, in ...*core.Array) []*core.Array {
		return core.Vectorize("test", func(in []*core.Array) ([]*core.Array, []int) { return k.Call(in...), []int{0} }, in, axes)
	}
	y := over(square, []int{1}, m)[0]
	assert.Equal(t, []int{3, 2}, y.Shape())
	assert.Equal(t, []float32{1, 16, 4, 25, 9, 36}, core.Data[float32](y))

	// Each entry is a vector of 3 plus a matrix of 2 by 3: the batch of 2 must
	// not be taken for the matrix's rows.
	row := core.From([]float32{10, 20, 30, 40, 50, 60}, 2, 3)
	z := over(add, []int{0, -1}, row, m)[0]
	assert.Equal(t, []int{2, 2, 3}, z.Shape())
	assert.Equal(t, []float32{11, 22, 33, 14, 25, 36, 41, 52, 63, 44, 55, 66}, core.Data[float32](z))

	err := func() (err error) {
		defer core.Catch(&err)
		over(rows, []int{0}, core.Zeros(core.Float32, 4, 2, 3))
		return nil
	}()
	require.ErrorIs(t, err, core.ErrNoBatchRule, "a promise that the rules belie")
	assert.ErrorContains(t, err, "output 0 of a batch is float32[4], not float32[4, 2]")
}

func TestSlowPluginDoesNotHoldAnother(t *testing.T) {
	engine(t)
	p := load(t, "good", Options{})
	x := core.From([]float32{1, 2}, 2)
	a, b := kernel(t, p, "slow").Call(x)[0], kernel(t, p, "square").Call(x)[0]
	core.Eval(b)
	assert.Equal(t, []float32{1, 4}, core.Data[float32](b))
	core.Eval(a)
	assert.Equal(t, []float32{0, 0}, core.Data[float32](a))
}
