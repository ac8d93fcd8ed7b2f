package nn_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/mlxio"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/core/tree"
	"github.com/adjoint-go/adjoint/nn"
	"github.com/adjoint-go/adjoint/nn/optim"
)

type pairOf struct {
	First  nn.Linear
	Second nn.BatchNorm
}

func newPair(seed uint64, in int) pairOf {
	p := pairOf{nn.NewLinear(random.Key(seed), in, 2), nn.NewBatchNorm(2)}
	p.Second.Bias = nil
	return p
}

func TestSaveAndLoad(t *testing.T) {
	for _, name := range []string{"model.safetensors", "model.npz"} {
		path := filepath.Join(t.TempDir(), name)
		a := newPair(1, 3)
		require.NoError(t, nn.Save(path, a))
		b, err := nn.Load(path, newPair(2, 3))
		require.NoError(t, err)
		require.Equal(t, tree.Paths(a), tree.Paths(b))
		for p, x := range tree.All(a) {
			require.Equal(t, core.Data[float32](x), core.Data[float32](tree.Flatten(b)[p]), p)
		}
		names, _, err := mlxio.Load(path)
		require.NoError(t, err)
		require.Contains(t, names, "Second.running_mean")
		require.NotContains(t, names, "Second.bias")
	}
}

// An optimizer goes on where it was saved.
func TestSaveOptimizer(t *testing.T) {
	p := nn.NewLinear(random.Key(1), 2, 2)
	o := optim.New(optim.Adam{LR: 0.1}, p)
	p, o = o.Update(p, p)
	path := filepath.Join(t.TempDir(), "opt.safetensors")
	require.NoError(t, nn.Save(path, o))
	again, err := nn.Load(path, optim.New(optim.Adam{LR: 0.1}, p))
	require.NoError(t, err)
	want, _ := o.Update(p, p)
	got, next := again.Update(p, p)
	require.Equal(t, core.Data[float32](want.Weight), core.Data[float32](got.Weight))
	require.Equal(t, 2.0, next.T.Item())
}

func TestLoadSaysWhatDoesNotFit(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "model.safetensors")
	require.NoError(t, nn.Save(path, newPair(1, 3)))
	without := newPair(1, 3)
	without.First.Bias = nil
	with := newPair(1, 3)
	with.Second.Bias = core.Zeros(core.Float32, 2)
	for want, like := range map[string]pairOf{
		"First.weight [2 3] for [2 4]":    newPair(1, 4),
		"absent leaves: First.bias":       without,
		"arrays are missing: Second.bias": with,
	} {
		_, err := nn.Load(path, like)
		require.ErrorIs(t, err, mlxio.ErrMismatch)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "\n")
	}
	_, err := nn.Load(path, nn.Linear{Weight: core.Zeros(core.Float32, 2, 3)})
	require.ErrorContains(t, err, "weight")
	_, err = nn.Load(filepath.Join(dir, "none.safetensors"), without)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.Truncate(path, 40))
	_, err = nn.Load(path, without)
	require.Error(t, err)
	require.Error(t, nn.Save(filepath.Join(dir, "no", "folder.safetensors"), without))
	require.Error(t, nn.Save(filepath.Join(dir, "model.txt"), without))
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, f := range files {
		require.True(t, strings.HasSuffix(f.Name(), "model.safetensors"), "%s was left behind", f.Name())
	}
}
