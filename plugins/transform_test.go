package plugins

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/plugins/spec"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/flow"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

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

func TestReplacedPluginIsStale(t *testing.T) {
	engine(t)
	reg, self := open(t, "good", Options{})
	p, err := reg.LoadFile(t.Context(), self)
	require.NoError(t, err)
	square := kernel(t, p, "square")
	x := core.From([]float32{1, 2}, 2)
	graph := compile.Of(func(x *core.Array) *core.Array { return square.Call(x)[0].Add(x) })
	defer graph.Close()
	assert.Equal(t, []float32{2, 6}, core.Data[float32](graph.Call(x)))
	require.NoError(t, p.Stop())
	require.ErrorIs(t, try(func() { core.Eval(graph.Call(x)) }), ErrStopped)
	reg.options.Env = append(reg.options.Env, modeEnv+"=newer")
	next, err := reg.LoadFile(t.Context(), self)
	require.NoError(t, err)
	assert.Equal(t, "2.0.0", next.Version())
	err = try(func() { core.Eval(graph.Call(x)) })
	require.ErrorIs(t, err, ErrStale)
	assert.ErrorContains(t, err, "acme/test")
	assert.Equal(t, []float32{1, 4}, core.Data[float32](kernel(t, next, "square").Call(x)[0]))
}

func TestPlugsIntoCompile(t *testing.T) {
	engine(t)
	p := load(t, "good", Options{})
	counted, square, head := kernel(t, p, "counted"), kernel(t, p, "square"), kernel(t, p, "head")
	same := compile.Of(func(x *core.Array) *core.Array { return counted.Call(x)[0].Sub(counted.Call(x)[0]) })
	defer same.Close()
	assert.Equal(t, []float32{0, 0}, core.Data[float32](same.Call(core.From([]float32{1, 2}, 2))), "equal calls of a deterministic kernel are one")

	nodes := func(name string) (n int) {
		k := kernel(t, p, name)
		f := compile.Of(func(x *core.Array) *core.Array { return k.Call(x)[0].Sub(k.Call(x)[0]) })
		defer f.Close()
		return strings.Count(fmt.Sprint(f.Lower(core.From([]float32{1}, 1)).Program()), "acme/test."+name)
	}
	assert.Equal(t, 1, nodes("counted"))
	assert.Equal(t, 2, nodes("pid"), "it does not say that it is deterministic")

	free := compile.Of(func(x *core.Array) *core.Array { return head.Call(square.Call(x)[0])[0].Sum() }, compile.Shapeless())
	defer free.Close()
	for _, n := range []int{2, 3, 5} {
		x := core.Ones(core.Float32, n, 4).MulScalar(2)
		assert.Equal(t, []float32{float32(4 * n)}, core.Data[float32](free.Call(x)))
	}
	assert.Equal(t, 2, free.Stats().Traces, "the second showed that the first holds at other sizes")

	shapeless := compile.Of(grad.Of(func(x *core.Array) *core.Array { return square.Call(x)[0].Sum() }), compile.Shapeless())
	defer shapeless.Close()
	for _, n := range []int{2, 3, 5} {
		assert.Equal(t, slices.Repeat([]float32{4}, n), core.Data[float32](shapeless.Call(core.Ones(core.Float32, n).MulScalar(2))))
	}
	assert.Equal(t, 2, shapeless.Stats().Traces)
	add := kernel(t, p, "add")
	sums := compile.Of(func(x, y *core.Array) *core.Array { return add.Call(x, y)[0] }, compile.Shapeless())
	defer sums.Close()
	for _, n := range []int{2, 3, 4} {
		core.Eval(sums.Call(core.Ones(core.Float32, n), core.Ones(core.Float32, n)))
	}
	err := try(func() { core.Eval(sums.Call(core.Ones(core.Float32, 3), core.Ones(core.Float32, 4))) })
	var arg *spec.ArgumentError
	require.ErrorAs(t, err, &arg, "the rule is asked for other sizes")
	assert.ErrorContains(t, err, "kernel add: output z")
	core.Eval(sums.Call(core.Ones(core.Float32, 5), core.Ones(core.Float32, 5)))
	batches := compile.Of(vmap.Of(func(x *core.Array) *core.Array { return square.Call(x)[0] }), compile.Shapeless())
	defer batches.Close()
	for _, n := range []int{2, 3, 5} {
		assert.Equal(t, slices.Repeat([]float32{4}, 2*n), core.Data[float32](batches.Call(core.Ones(core.Float32, n, 2).MulScalar(2))), "a batch of another size")
	}

	loss := func(x *core.Array) *core.Array { return square.Call(x)[0].Sum() }
	slope := compile.Of(grad.Of(loss))
	defer slope.Close()
	x := core.From([]float32{1, -2, 3, 4}, 2, 2)
	assert.Equal(t, []float32{2, -4, 6, 8}, core.Data[float32](slope.Call(x)))
	each := vmap.Of(grad.Of(loss))
	assert.Equal(t, []float32{2, -4, 6, 8}, core.Data[float32](each(x)))
	assert.Equal(t, []float32{2, 2, 2, 2}, core.Data[float32](grad.Of(func(x *core.Array) *core.Array { return each(x).Sum() })(x)))
}

func TestPlugsIntoFlow(t *testing.T) {
	engine(t)
	p := load(t, "good", Options{})
	double := kernel(t, p, "scale")
	last, _ := flow.Scan(func(c, x *core.Array) (*core.Array, *core.Array) {
		c = double.Call(c)[0].Add(x)
		return c, c
	}, core.From([]float32{1}, 1), core.From([]float32{1, 2, 3}, 3, 1))
	assert.Equal(t, []float32{19}, core.Data[float32](last))
	end := flow.While(func(x *core.Array) *core.Array { return x.Sum().LessScalar(100) },
		func(x *core.Array) *core.Array { return double.Call(x)[0] }, core.From([]float32{1}, 1))
	assert.Equal(t, []float32{128}, core.Data[float32](end))
}

func TestEvaluationInsideATransform(t *testing.T) {
	engine(t)
	square := kernel(t, load(t, "good", Options{}), "square")
	x := core.From([]float32{1, -2, 3}, 3)
	var seen []float32
	slope := grad.Of(func(x *core.Array) *core.Array {
		y := square.Call(x)[0]
		seen = core.Data[float32](y)
		return square.Call(y)[0].Sum()
	})
	assert.Equal(t, []float32{4, -32, 108}, core.Data[float32](slope(x)), "the derivative of x⁴")
	assert.Equal(t, []float32{1, 4, 9}, seen)
}

func TestDebuggingSeesKernels(t *testing.T) {
	engine(t)
	p := load(t, "good", Options{})
	defer core.Debug(core.DebugOptions{NaN: true})()
	x := core.From([]float32{1, 2}, 2)
	assert.Equal(t, []float32{1, 4}, core.Data[float32](kernel(t, p, "square").Call(x)[0]))
	var failed *KernelError
	require.ErrorAs(t, try(func() { core.Eval(kernel(t, p, "fails").Call(x)[0].Add(x)) }), &failed)
	err := try(func() { core.Eval(kernel(t, p, "square").Call(x.Sub(x).Div(x.Sub(x)))[0]) })
	require.ErrorIs(t, err, core.ErrNonFinite)
}

func TestExportNamesTheKernel(t *testing.T) {
	engine(t)
	square := kernel(t, load(t, "good", Options{}), "square")
	f := compile.Of(func(x *core.Array) *core.Array { return square.Call(x)[0].Add(x) })
	defer f.Close()
	path := filepath.Join(t.TempDir(), "f.mlxfn")
	err := f.Export(path, core.From([]float32{1, 2}, 2))
	require.ErrorIs(t, err, core.ErrNoExport)
	assert.ErrorContains(t, err, "acme/test.square")
	assert.NoFileExists(t, path)
}
