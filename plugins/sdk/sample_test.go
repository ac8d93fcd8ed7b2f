package sdk

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/plugins/spec"
)

func TestSamplesAreDeclared(t *testing.T) {
	p := New("acme/test", "1.0.0")
	p.Kernel("matmul").Sample("y", "32x8", "x", "64x32", "scale", 2, "fast", true).Sample("x", "", "y", "0").
		In("x", Float32).In("y", Float32).Values("y", "0..1").Attr("scale", 1.0).Attr("fast", false).
		Out("z", "[dim(x, 0), dim(y, 1)]", "dtype(x)").CPU(nothing)
	about, err := p.Manifest()
	require.NoError(t, err)
	assert.Equal(t, []spec.Sample{
		{Shapes: [][]int{{64, 32}, {32, 8}}, Attrs: map[string]string{"scale": "2", "fast": "true"}},
		{Shapes: [][]int{{}, {0}}},
	}, about.Kernels[0].Samples)
	assert.Equal(t, "0..1", about.Kernels[0].Inputs[1].Values)
}

func TestSamplesThatAreMistaken(t *testing.T) {
	for want, declare := range map[string]func(k *Kernel){
		"sample 0: 1 arguments; it takes pairs":             func(k *Kernel) { k.Sample("x") },
		"sample 0: argument 0 is a int; it must be a name":  func(k *Kernel) { k.Sample(1, 2) },
		`there is no input or attribute "q"`:                func(k *Kernel) { k.Sample("q", "1") },
		`the shape of x is a int; it must be text such as`:  func(k *Kernel) { k.Sample("x", 3) },
		`the shape of x: "2x" is no shape; write 64x32`:     func(k *Kernel) { k.Sample("x", "2x") },
		"sample 1: it gives no shape to input x":            func(k *Kernel) { k.Sample("x", "1").Sample("n", 1) },
		"sample 0: attribute n":                             func(k *Kernel) { k.Sample("x", "1", "n", "many") },
		`Values of "z", which is no input declared before`:  func(k *Kernel) { k.Values("z", "0..1") },
		`the values "big" of input x are neither LOW..HIGH`: func(k *Kernel) { k.Values("x", "big") },
	} {
		p := New("acme/test", "1.0.0")
		declare(p.Kernel("k").In("x", Float32).Attr("n", 1).Out("y", "shape(x)", "dtype(x)").CPU(nothing))
		_, err := p.Manifest()
		var bad *spec.InvalidError
		require.ErrorAs(t, err, &bad, want)
		assert.ErrorContains(t, err, want)
	}
}
