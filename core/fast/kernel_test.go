package fast_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/fast"
)

// Kernels of a GPU engine are typed errors on one without, and bad launches are
// refused before they reach it.
func TestKernelErrors(t *testing.T) {
	x := core.From([]float32{1, 2, 3, 4})
	k := fast.MetalKernel{Name: "sq", Inputs: []string{"x"}, Outputs: []string{"y"}, Source: "uint i = thread_position_in_grid.x; y[i] = x[i] * x[i];"}
	ok := fast.Launch{Grid: [3]int{4, 1, 1}, Group: [3]int{4, 1, 1}, Outputs: []core.Spec{x.Spec()}}
	with := func(f func(*fast.Launch)) fast.Launch { l := ok; f(&l); return l }
	for name, c := range map[string]struct {
		launch fast.Launch
		in     []*core.Array
		want   string
	}{
		"no inputs":       {ok, nil, "has 1 inputs, got 0"},
		"nil input":       {ok, []*core.Array{nil}, "nil"},
		"no outputs":      {with(func(l *fast.Launch) { l.Outputs = nil }), []*core.Array{x}, "has 1 outputs"},
		"grid":            {with(func(l *fast.Launch) { l.Grid[1] = 0 }), []*core.Array{x}, "at least 1"},
		"group":           {with(func(l *fast.Launch) { l.Group = [3]int{64, 64, 1} }), []*core.Array{x}, "at most 1024"},
		"template":        {with(func(l *fast.Launch) { l.Template = map[string]any{"T": "float"} }), []*core.Array{x}, "want int, bool or core.DType"},
		"shape":           {with(func(l *fast.Launch) { l.Outputs = []core.Spec{{DType: core.Float32, Shape: []int{-2}}} }), []*core.Array{x}, "negative"},
		"no dtype":        {with(func(l *fast.Launch) { l.Outputs = []core.Spec{{Shape: []int{2}}} }), []*core.Array{x}, "not a dtype"},
		"no Metal engine": {ok, []*core.Array{x}, "Metal"},
	} {
		_, err := core.Try(func() []*core.Array { return k.Call(c.launch, c.in...) })
		var e *core.Error
		require.ErrorAs(t, err, &e, name)
		require.ErrorContains(t, err, c.want, name)
	}
	cu := fast.CUDAKernel{Name: "sq", Inputs: []string{"x"}, Outputs: []string{"y"}, Source: "y[0] = x[0];"}
	_, err := core.Try(func() []*core.Array { return cu.Call(ok, x) })
	require.ErrorContains(t, err, "CUDA")
}
