package main

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/fast/emulate"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/plugins"
	"github.com/adjoint-go/adjoint/plugins/spec"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBothLearnAlike(t *testing.T) {
	var out bytes.Buffer
	curves, err := run("", 50, &out)
	require.NoError(t, err)
	require.Len(t, curves[1], 50)
	for step, want := range curves[0] {
		assert.InEpsilon(t, want, curves[1][step], 1e-5, "step %d", step)
	}
	assert.Less(t, curves[0][49], 0.65*curves[0][0])
	assert.Regexp(t, `the losses differ by .* of their size at most\na step takes .* with ops, .* with the plugin: .*x\n$`, out.String())
}

func load(t *testing.T) *plugins.Plugin {
	t.Helper()
	path, err := build(t.TempDir())
	require.NoError(t, err)
	reg, err := plugins.Open(plugins.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, reg.Close()) })
	p, err := reg.LoadFile(t.Context(), path)
	require.NoError(t, err)
	return p
}

func normal(seed uint64, d core.DType, shape ...int) *core.Array {
	return random.NormalWith(random.Key(seed), 0, 2, core.Float32, shape...).AsType(d)
}

// near compares in float32, relative to the largest number.
func near(t *testing.T, want, got *core.Array, tolerance float64, what ...any) {
	t.Helper()
	require.Equal(t, want.Spec().String(), got.Spec().String(), what...)
	w, g := want.AsType(core.Float32), got.AsType(core.Float32)
	assert.LessOrEqual(t, w.Sub(g).Abs().Max().Item(), tolerance*(1+w.Abs().Max().Item()), what...)
}

// tolerances are a few steps of each dtype.
var tolerances = map[core.DType]float64{core.Float32: 1e-6, core.Float16: 2e-3, core.BFloat16: 1.6e-2}

func TestTransforms(t *testing.T) {
	k, err := load(t).Kernel("swiglu")
	require.NoError(t, err)
	plugin := func(a, b *core.Array) *core.Array { return k.Call(a, b)[0] }
	type pair struct{ A, B *core.Array }
	for d, tolerance := range tolerances {
		x := pair{normal(1, d, 5, 700), normal(2, d, 5, 700)}
		wide := pair{x.A.AsType(core.Float32), x.B.AsType(core.Float32)}
		near(t, builtIn(wide.A, wide.B).AsType(d), plugin(x.A, x.B), tolerance, d)

		slope := func(gate Gate) func(pair) pair {
			return grad.Of(func(p pair) *core.Array { return gate(p.A, p.B).AsType(core.Float32).Square().Sum().MulScalar(0.5) })
		}
		want, got := slope(builtIn)(wide), slope(plugin)(x)
		near(t, want.A.AsType(d), got.A, 2*tolerance, d)
		near(t, want.B.AsType(d), got.B, 2*tolerance, d)
		again := compile.Of(slope(plugin)).Call(x)
		near(t, got.A, again.A, 0, d)
		rows := vmap.Of(slope(plugin))(x)
		near(t, got.A, rows.A, 0, d)
		near(t, got.B, rows.B, 0, d)
		shared := normal(3, d, 5) // not mapped
		columns := vmap.Of(plugin, vmap.In(1, nil), vmap.Out(1))(x.A, shared)
		near(t, plugin(x.A, shared.Reshape(5, 1).BroadcastTo(5, 700)), columns, 0, d)
	}
	x := pair{normal(7, core.Float32, 40), normal(4, core.Float32, 40)}
	v := pair{normal(5, core.Float32, 40), normal(6, core.Float32, 40)}
	value := func(gate Gate) func(pair) *core.Array {
		return func(p pair) *core.Array { return gate(p.A, p.B).Square().Sum() }
	}
	_, want := grad.JVP(value(builtIn), x, v)
	_, got := grad.JVP(value(plugin), x, v)
	near(t, want, got, 1e-6)
	// The second derivative, by the gradient of a gradient.
	curve := func(gate Gate) pair {
		return grad.Of(func(p pair) *core.Array {
			g := grad.Of(value(gate))(p)
			return g.A.Mul(v.A).Add(g.B.Mul(v.B)).Sum()
		})(x)
	}
	near(t, curve(builtIn).A, curve(plugin).A, 1e-5)
	near(t, curve(builtIn).B, curve(plugin).B, 1e-5)

	_, err = core.Try(func() *core.Array { return plugin(x.A, v.A.Reshape(8, 5)) })
	assert.ErrorContains(t, err, "input 0 is float32[40] and input 1 is float32[8, 5]; all need the same dtype and shape")
	_, err = core.Try(func() *core.Array { return plugin(core.Scalar[float32](1), core.Scalar[float32](1)) })
	assert.ErrorContains(t, err, "it needs at least one axis, of features")
}

// The Metal sources compute what the plugin's own program computes.
func TestMetalSources(t *testing.T) {
	p := load(t)
	checked := 0
	for _, name := range p.Kernels() {
		k, err := p.Kernel(name)
		require.NoError(t, err)
		for d, tolerance := range tolerances {
			for _, shape := range [][]int{{1}, {7, 5}, {1000}, {0, 3}} {
				in, types := make([]spec.Tensor, len(k.Spec().Inputs)), make([]spec.Type, len(k.Spec().Inputs))
				for i := range in {
					a := normal(uint64(i), d, shape...)
					types[i] = spec.Type{DType: spec.DType(d.String()), Shape: shape}
					in[i] = spec.Tensor{Type: types[i], Data: a.Bytes()}
				}
				out, err := p.Infer(t.Context(), name, types...)
				require.NoError(t, err)
				got, err := emulate.RunPlugin(t.Context(), k.Spec(), in, out)
				require.NoError(t, err)
				want, err := p.Run(t.Context(), name, in...)
				require.NoError(t, err)
				for i := range want {
					what := fmt.Sprintf("%s output %d, %s %v", name, i, d, shape)
					require.Equal(t, want[i].Type, got[i].Type, what)
					if want[i].Shape[0] > 0 {
						near(t, array(t, want[i]), array(t, got[i]), tolerance, what)
					}
				}
				checked++
			}
		}
	}
	assert.Equal(t, 4*3*4, checked)
}

func array(t *testing.T, x spec.Tensor) *core.Array {
	t.Helper()
	d, err := core.ParseDType(string(x.DType))
	require.NoError(t, err)
	if d == core.Float32 {
		values, err := spec.Values[float32](x)
		require.NoError(t, err)
		return core.From(values, x.Shape...)
	}
	bits, err := spec.Values[uint16](x)
	require.NoError(t, err)
	return core.From(bits, x.Shape...).View(d)
}
