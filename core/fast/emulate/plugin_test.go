package emulate_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core/fast/emulate"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

func TestPlugin(t *testing.T) {
	k := spec.Kernel{
		Name: "scale", Inputs: []spec.Input{{Name: "x", DTypes: []spec.DType{spec.Float32}}, {Name: "s", DTypes: []spec.DType{spec.Float32}}},
		Outputs: []spec.Output{{Name: "y", Shape: "shape(x)", DType: "dtype(x)"}},
		Sources: []spec.Source{
			{Backend: spec.CUDA, Code: "y[0] = 0;", Grid: []string{"1"}},
			{Backend: spec.Metal, Code: "uint i = thread_position_in_grid.x + thread_position_in_grid.y * threads_per_grid.x;\ny[i] = s[0] * x[i];", Grid: []string{"dim(x, 1)", "dim(x, 0)"}},
		},
	}
	x, s := spec.Of([]int{2, 3}, float32(1), 2, 3, 4, 5, 6), spec.Of(nil, float32(2))
	out, err := emulate.RunPlugin(t.Context(), k, []spec.Tensor{x, s}, nil)
	require.NoError(t, err)
	y, err := spec.Values[float32](out[0])
	require.NoError(t, err)
	assert.Equal(t, []float32{2, 4, 6, 8, 10, 12}, y)

	// Without axes, an input is one element and the output has none either.
	k.Sources[1].Grid = []string{"size(x)"}
	three := spec.Of(nil, float32(3))
	out, err = emulate.RunPlugin(t.Context(), k, []spec.Tensor{three, s}, nil)
	require.NoError(t, err)
	assert.Equal(t, []spec.Tensor{spec.Of(nil, float32(6))}, out)
	assert.Empty(t, three.Shape, "what was given stays as it was")
	k.Sources[1].Grid = []string{"dim(x, 1)", "dim(x, 0)"}

	_, l, ok, err := emulate.Metal(k, []spec.Type{x.Type, s.Type}, nil)
	require.NoError(t, err)
	assert.True(t, ok)
	assert.Equal(t, [3]int{3, 2, 1}, l.Grid)
	assert.Equal(t, [3]int{3, 1, 1}, l.Group)

	empty := spec.Of[float32]([]int{0, 3})
	out, err = emulate.RunPlugin(t.Context(), k, []spec.Tensor{empty, s}, nil)
	require.NoError(t, err)
	assert.Equal(t, []spec.Tensor{{Type: empty.Type, Data: []byte{}}}, out)

	_, err = emulate.RunPlugin(t.Context(), k, []spec.Tensor{x}, nil)
	var wrong *spec.ArgumentError
	assert.ErrorAs(t, err, &wrong)

	asks := k
	asks.Asks, asks.Outputs = true, []spec.Output{{Name: "y"}}
	_, err = emulate.RunPlugin(t.Context(), asks, []spec.Tensor{x, s}, nil)
	assert.ErrorIs(t, err, spec.ErrAsks)
	out, err = emulate.RunPlugin(t.Context(), asks, []spec.Tensor{x, s}, []spec.Type{x.Type})
	require.NoError(t, err)
	assert.Equal(t, []spec.Type{x.Type}, []spec.Type{out[0].Type})

	k.Sources[1].Grid = []string{"dim(x, 5)"}
	_, err = emulate.RunPlugin(t.Context(), k, []spec.Tensor{x, s}, nil)
	assert.ErrorContains(t, err, "the metal grid")
	k.Sources = k.Sources[:1]
	_, err = emulate.RunPlugin(t.Context(), k, []spec.Tensor{x, s}, nil)
	assert.ErrorIs(t, err, emulate.ErrNoMetal)
}
