package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/plugins"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFindsTheSingularValues(t *testing.T) {
	var out bytes.Buffer
	worst, err := run("", 60, 40, 4, 25, &out)
	require.NoError(t, err)
	require.Less(t, worst, 1e-3)
	for _, row := range []string{"ops, eager", "ops, compiled", "plugin, eager", "plugin, compiled"} {
		assert.Contains(t, out.String(), row)
	}
}

// The plugin's products have the derivatives and batches that MLX's have.
func TestProductsAreDifferentiated(t *testing.T) {
	path, err := build(t.TempDir())
	require.NoError(t, err)
	reg, err := plugins.Open(plugins.Options{})
	require.NoError(t, err)
	defer func() { assert.NoError(t, reg.Close()) }()
	p, err := reg.LoadFile(t.Context(), path)
	require.NoError(t, err)
	plugin, err := kernels(p)
	require.NoError(t, err)

	type pair struct{ A, V *core.Array }
	normal := func(seed uint64, shape ...int) *core.Array {
		return random.Normal(random.Key(seed), core.Float32, shape...)
	}
	x, d := pair{normal(1, 3, 7, 5), normal(2, 3, 5, 2)}, pair{normal(3, 3, 7, 5), normal(4, 3, 5, 2)}
	near := func(want, got *core.Array) {
		t.Helper()
		require.Equal(t, want.Shape(), got.Shape())
		assert.Less(t, want.Sub(got).Abs().Max().Item(), 1e-5*(1+want.Abs().Max().Item()))
	}
	cost := func(p Products) func(pair) *core.Array {
		return func(x pair) *core.Array { return p.ATB(x.A, p.AV(x.A, x.V)).Square().Sum() }
	}
	mlx := Products{AV: ops.AV, ATB: func(a, b *core.Array) *core.Array { return a.SwapAxes(-1, -2).MatMul(b) }}
	want := grad.Of(cost(mlx))(x)
	for _, got := range []pair{
		grad.Of(cost(plugin))(x),
		compile.Of(grad.Of(cost(plugin))).Call(x),
		vmap.Of(grad.Of(cost(plugin)))(x),
	} {
		near(want.A, got.A)
		near(want.V, got.V)
	}
	_, tangent := grad.JVP(cost(mlx), x, d)
	_, got := grad.JVP(cost(plugin), x, d)
	near(tangent, got)
	near(mlx.AV(x.A, x.V.Take(core.Scalar(int32(0)), 0)), vmap.Of(plugin.AV, vmap.In(0, nil))(x.A, x.V.Take(core.Scalar(int32(0)), 0)))

	slope := func(v *core.Array) *core.Array { return grad.Of(cost(plugin))(pair{x.A, v}).V.Sum() }
	_, err = core.Try(func() *core.Array { return grad.Of(slope)(x.V) })
	assert.ErrorIs(t, err, core.ErrNotDifferentiable, "second derivatives")
	_, err = core.Try(func() *core.Array { return plugin.AV(x.A, x.A) })
	assert.ErrorContains(t, err, "axis -1 of the first and axis -2 of the second must have one size")
}
