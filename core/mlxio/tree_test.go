package mlxio_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/mlxio"
	"github.com/adjoint-go/adjoint/core/tree"
)

type line struct {
	W *core.Array `tree:"weight"`
	B *core.Array `tree:"bias"`
}

type model struct {
	Layers []line
	Rate   float64
}

func anyModel() model {
	return model{Rate: 0.5, Layers: []line{
		{made(core.Float32, 3, 2), made(core.Float32, 3)},
		{W: made(core.BFloat16, 1, 3)},
	}}
}

func TestTree(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"m.safetensors", "m.npz", "m.gguf"} {
		path := filepath.Join(dir, name)
		require.NoError(t, mlxio.SaveTree(path, anyModel()))
		like := tree.Map(anyModel(), (*core.Array).ZerosLike)
		like.Rate = 7
		got, err := mlxio.LoadTree(path, like)
		require.NoError(t, err)
		requireAll(t, tree.Flatten(anyModel()), tree.Flatten(got))
		require.Nil(t, got.Layers[1].B)
		require.EqualValues(t, 7, got.Rate)
		require.Zero(t, like.Layers[0].B.Sum().Item(), "like stays as it is")
	}
}

func TestTreeThatDoesNotFit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.safetensors")
	require.NoError(t, mlxio.SaveTree(path, anyModel()))
	more, fewer, other := anyModel(), anyModel(), anyModel()
	more.Layers[1].B = made(core.Float32, 1)
	fewer.Layers[0].B = nil
	other.Layers[0].W = made(core.Float32, 2, 3)
	for says, like := range map[string]model{
		"arrays are missing: Layers.1.bias": more,
		"Layers.0.bias":                     fewer,
		"arrays have another shape: Layers.0.weight [3 2] for [2 3]": other,
	} {
		got, err := mlxio.LoadTree(path, like)
		requireError(t, err, mlxio.ErrMismatch)
		require.ErrorContains(t, err, says)
		require.Nil(t, got.Layers)
	}
	err := mlxio.SaveTree(path, struct{ A core.Array }{})
	var e *core.Error
	require.False(t, errors.As(err, &e))
	requireError(t, err, nil)
	_, err = os.Stat(path)
	require.NoError(t, err)
}
