package plugins

import (
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/fast"
	"github.com/adjoint-go/adjoint/core/fast/emulate"
	"github.com/adjoint-go/adjoint/plugins/sdk"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

// shader has GPU sources whose grid depends on sizes and whose text on attributes.
func shader() *sdk.Plugin {
	p := good("1.0.0")
	code := "uint i = thread_position_in_grid.x; y[i] = fast ? alpha * x[i] + n : x[i];"
	p.Kernel("shade").In("x", sdk.Float32, sdk.Float16).Out("y", "shape(x)", "dtype(x)").
		Attr("alpha", 0.1).Attr("n", 3).Attr("fast", true).Attr("say", "abc").
		Metal(code, sdk.Grid("size(x)")).CUDA("int i = blockIdx.x;", sdk.Grid("size(x) / 4", "2").Threads(64)).
		CPU(func(*sdk.Call) error { return nil })
	return p
}

// bound returns a kernel of a plugin that does not run: GPU calls need no process.
func bound(t *testing.T, name string, w With) *Kernel {
	t.Helper()
	about, err := shader().Manifest()
	require.NoError(t, err)
	p := &Plugin{about: about, sigs: make(map[string]*spec.Signature), successor: func(string) *Plugin { return nil }}
	p.digest, err = about.Digest()
	require.NoError(t, err)
	for _, k := range about.Kernels {
		p.sigs[k.Name], err = spec.Compile(k)
		require.NoError(t, err)
	}
	k, err := p.Kernel(name)
	require.NoError(t, err)
	k, err = k.With(w)
	require.NoError(t, err)
	return k
}

func typed(d spec.DType, shape ...int) []Type { return []Type{{DType: d, Shape: shape}} }

func TestGPUCalls(t *testing.T) {
	k := bound(t, "shade", With{})
	in := typed(spec.Float32, 10, 100)
	g, err := k.gpuCall(spec.Metal, in, in)
	require.NoError(t, err)
	assert.Equal(t, fast.Launch{Grid: [3]int{1000, 1, 1}, Group: [3]int{256, 1, 1}, Outputs: []core.Spec{{DType: core.Float32, Shape: []int{10, 100}}}}, g.launch)
	m := g.metal()
	assert.Equal(t, []string{"x"}, m.Inputs)
	assert.Equal(t, []string{"y"}, m.Outputs)
	assert.True(t, strings.HasPrefix(m.Source, "const float alpha = 1e-01f; const int n = 3; const bool fast = true; uint i"), m.Source)
	assert.Contains(t, m.Name, "shade_"+k.plugin.digest[:16])

	g, err = k.gpuCall(spec.CUDA, in, in)
	require.NoError(t, err)
	assert.Equal(t, [3]int{250, 2, 1}, g.launch.Grid)
	assert.Equal(t, [3]int{64, 1, 1}, g.launch.Group)
	assert.True(t, strings.HasPrefix(g.cuda().Source, "const float alpha"))

	names := map[string]bool{g.name: true}
	for _, other := range []struct {
		w  With
		in []Type
	}{
		{With{Attrs: map[string]any{"alpha": 0.2}}, in},
		{With{Attrs: map[string]any{"n": 4}}, in},
		{With{}, typed(spec.Float16, 10, 100)},
		{With{}, typed(spec.Float32, 1000)},
	} {
		g, err := bound(t, "shade", other.w).gpuCall(spec.CUDA, other.in, other.in)
		require.NoError(t, err)
		assert.False(t, names[g.name], "what is compiled differently has a name of its own")
		names[g.name] = true
	}
	small := typed(spec.Float32, 7)
	g, err = k.gpuCall(spec.Metal, small, small)
	require.NoError(t, err)
	assert.Equal(t, [3]int{7, 1, 1}, g.launch.Group, "no group is larger than the grid")
	none := typed(spec.Float32, 0, 4)
	g, err = k.gpuCall(spec.Metal, none, none)
	require.NoError(t, err)
	assert.True(t, g.empty)
}

// The emulator runs what the host would give to Metal, attributes and all.
func TestMetalSourceRuns(t *testing.T) {
	if runtime.GOOS != "linux" {
		return
	}
	x := large(1000)
	in := []Type{x.Type}
	for _, c := range []struct {
		attrs map[string]any
		want  func(x float32) float32
	}{
		{nil, func(x float32) float32 { return 0.1*x + 3 }},
		{map[string]any{"alpha": -1.5e-3, "n": -7}, func(x float32) float32 { return -1.5e-3*x - 7 }},
		{map[string]any{"fast": false}, func(x float32) float32 { return x }},
	} {
		g, err := bound(t, "shade", With{Attrs: c.attrs}).gpuCall(spec.Metal, in, in)
		require.NoError(t, err)
		k := emulate.Kernel{Name: g.name, Inputs: g.inputs, Outputs: g.outputs, Source: g.code}
		out, err := k.Run(t.Context(), emulate.Launch{Grid: g.launch.Grid, Group: g.launch.Group, Outputs: in}, x)
		require.NoError(t, err)
		given, err := spec.Values[float32](x)
		require.NoError(t, err)
		got, err := spec.Values[float32](out[0])
		require.NoError(t, err)
		for i, v := range given {
			assert.InDelta(t, c.want(v), got[i], 1e-4)
		}
	}
}

// The emulator's own view of a description agrees.
func TestMetalSourceRunsFromTheDescription(t *testing.T) {
	if runtime.GOOS != "linux" {
		return
	}
	out, err := emulate.RunPlugin(t.Context(), bound(t, "shade", With{}).Spec(), []Tensor{vector}, nil)
	require.NoError(t, err)
	got, err := spec.Values[float32](out[0])
	require.NoError(t, err)
	assert.InDeltaSlice(t, []float32{3.3, 2.6}, got, 1e-5)
}

// What has no axis is passed as one element; it is an output without axes still.
func TestGPUInputsWithoutAxes(t *testing.T) {
	engine(t)
	x, y := core.Scalar[float32](2), core.From([]float32{1, 2, 3}, 3)
	in := []*core.Array{x, y}
	got := elements(in)
	assert.Equal(t, []int{1}, got[0].Shape())
	assert.Same(t, y, got[1])
	assert.Same(t, x, in[0], "what was given stays as it was")
	g, err := bound(t, "shade", With{}).gpuCall(spec.Metal, typed(spec.Float32), typed(spec.Float32))
	require.NoError(t, err)
	assert.Equal(t, [3]int{1, 1, 1}, g.launch.Grid)
	assert.Empty(t, g.launch.Outputs[0].Shape)
}

func TestGPUCallsThatAreRefused(t *testing.T) {
	in := typed(spec.Float32, 2)
	_, err := bound(t, "shade", With{}).gpuCall(spec.CUDA, in, in)
	var bad *spec.ArgumentError
	require.ErrorAs(t, err, &bad)
	assert.ErrorContains(t, err, `kernel shade: its cuda grid: "size(x) / 4" gives 0 threads on axis 0; it needs 1 to 2147483647`)
	_, err = bound(t, "square", With{}).gpuCall(spec.Metal, in, in)
	var none *NoSourceError
	require.ErrorAs(t, err, &none)
	assert.EqualError(t, err, "plugin acme/test: kernel square: it has no metal source; run it on core.CPU")
	for _, attrs := range []map[string]any{{"alpha": math.Inf(1)}, {"alpha": math.NaN()}, {"alpha": 1e300}, {"n": math.MaxInt32 + 1}} {
		_, err = bound(t, "shade", With{Attrs: attrs}).gpuCall(spec.Metal, in, in)
		require.ErrorAs(t, err, &bad)
	}
	for threads, ok := range map[int]bool{-1: false, 0: true, 1024: true, 1025: false} {
		p := good("1.0.0")
		p.Kernel("g").In("x", sdk.Float32).Out("y", "shape(x)", "dtype(x)").
			Metal("code", sdk.Grid("1").Threads(threads)).CPU(func(*sdk.Call) error { return nil })
		_, err := p.Manifest()
		assert.Equal(t, ok, err == nil, threads)
	}
}

// There is no GPU in this engine: what would run on one is an error of the kernel's
// language, and a device that is not there is one too.
func TestGPUThatIsNotThere(t *testing.T) {
	engine(t)
	if core.CurrentDevice().GPU {
		return
	}
	k := bound(t, "shade", With{})
	x := core.From([]float32{1, 2, 3, 4}, 4)
	assert.False(t, k.onGPU())
	for _, b := range []spec.Backend{spec.Metal, spec.CUDA} {
		err := try(func() { k.onDevice(b, []*core.Array{x}, typed(spec.Float32, 4)) })
		var op *core.Error
		require.ErrorAs(t, err, &op, b)
	}
	there, err := k.With(With{Device: core.GPU})
	require.NoError(t, err)
	assert.Error(t, try(func() { there.Call(x) }))
	lacking, err := bound(t, "square", With{}).With(With{Device: core.GPU})
	require.NoError(t, err)
	var none *NoSourceError
	require.ErrorAs(t, try(func() { lacking.Call(x) }), &none)
	here, err := bound(t, "shade", With{}).With(With{Device: core.CPU})
	require.NoError(t, err)
	assert.False(t, here.onGPU())
	assert.Equal(t, core.CPU, core.CurrentDevice())
	assert.Equal(t, core.CPU, core.DeviceOf(core.NewStream(core.CPU)))
}

// The rules around a GPU's operation, with one of the engine in its place.
func TestRulesAroundAGPUCall(t *testing.T) {
	engine(t)
	p := load(t, "good", Options{})
	k := kernel(t, p, "square")
	x := core.From([]float32{1, -2, 3}, 3)
	f := func(in []*core.Array) []*core.Array {
		return core.Custom("test", func(in []*core.Array) []*core.Array { return []*core.Array{in[0].Exp()} }, in, k.customRules())
	}
	_, g := core.Differentiate("test", func(in []*core.Array) []*core.Array { return []*core.Array{f(in)[0].Sum()} }, []*core.Array{x}, []int{0})
	assert.Equal(t, []float32{2, -4, 6}, core.Data[float32](g[0]), "the kernel's derivative, not that of exp")
	_, d := core.PushForward("test", f, []*core.Array{x}, []int{0}, []*core.Array{core.Ones(core.Float32, 3)})
	assert.Equal(t, []float32{2, -4, 6}, core.Data[float32](d[0]))
	y := core.Vectorize("test", func(in []*core.Array) ([]*core.Array, []int) { return f(in), []int{0} }, []*core.Array{x.Reshape(3, 1)}, []int{0})
	assert.Equal(t, []float32{1, 4, 9}, core.Data[float32](y[0]), "the kernel's own batch rule")

	none := kernel(t, p, "slow").customRules()
	f = func(in []*core.Array) []*core.Array {
		return core.Custom("test", func(in []*core.Array) []*core.Array { return []*core.Array{in[0].Exp().Sum()} }, in, none)
	}
	require.ErrorIs(t, try(func() { core.Differentiate("test", f, []*core.Array{x}, []int{0}) }), core.ErrNotDifferentiable)
	require.ErrorIs(t, try(func() {
		core.PushForward("test", f, []*core.Array{x}, []int{0}, []*core.Array{x})
	}), core.ErrNotDifferentiable)
	require.ErrorIs(t, try(func() {
		core.Vectorize("test", func(in []*core.Array) ([]*core.Array, []int) { return f(in), []int{0} }, []*core.Array{x.Reshape(3, 1)}, []int{0})
	}), core.ErrNoBatchRule)
}
