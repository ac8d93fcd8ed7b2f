package main

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/adjoint-go/adjoint/core/fast/emulate"
	"github.com/adjoint-go/adjoint/plugins"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRun(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run("", &out))
	assert.Equal(t, `x                 [1 2 3]
square            [1 4 9]
gradient          [2 4 6]
second derivative [2 2 2]
sum of each row   [14 77]
compiled gradient [2 4 6]
`, out.String())
}

// The Metal sources compute what the plugin's own program computes.
func TestMetalSources(t *testing.T) {
	path, err := build(t.TempDir())
	require.NoError(t, err)
	reg, err := plugins.Open(plugins.Options{})
	require.NoError(t, err)
	defer func() { assert.NoError(t, reg.Close()) }()
	p, err := reg.LoadFile(t.Context(), path)
	require.NoError(t, err)

	checked := 0
	for _, name := range p.Kernels() {
		k, err := p.Kernel(name)
		require.NoError(t, err)
		for _, shape := range [][]int{{}, {1}, {7, 5}, {1000}, {0, 3}} {
			in := make([]spec.Tensor, len(k.Spec().Inputs))
			for i := range in {
				in[i] = numbers(t, i, shape)
			}
			got, err := emulate.RunPlugin(t.Context(), k.Spec(), in, nil)
			if errors.Is(err, emulate.ErrNoMetal) {
				continue
			}
			require.NoError(t, err)
			want, err := p.Run(t.Context(), name, in...)
			require.NoError(t, err)
			assert.Equal(t, want, got, "%s of %v", name, shape)
			checked++
		}
	}
	assert.Equal(t, 5, checked)
}

func numbers(t *testing.T, seed int, shape []int) spec.Tensor {
	x, err := spec.Zeros(spec.Type{DType: spec.Float32, Shape: shape})
	require.NoError(t, err)
	values, err := spec.Values[float32](x)
	require.NoError(t, err)
	for i := range values {
		values[i] = float32(math.Sin(float64(7*seed + i)))
	}
	return x
}

func TestMissingPlugin(t *testing.T) {
	assert.ErrorContains(t, run("no-such-program", &bytes.Buffer{}), "plugin no-such-program did not start: no such file or directory")
}
