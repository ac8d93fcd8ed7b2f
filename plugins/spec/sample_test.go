package spec

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func sampled() *Plugin {
	p := square()
	p.Kernels[1].Inputs[0].Values = "0.5..2"
	p.Kernels[1].Attrs = []Attr{AttrOf("by", 2.0), AttrOf("times", 1)}
	p.Kernels[0].Attrs, p.Kernels[2].Attrs = p.Kernels[1].Attrs, p.Kernels[1].Attrs
	p.Kernels[1].Samples = []Sample{{Shapes: [][]int{{2, 3}, {}}, Attrs: map[string]string{"by": "3", "times": "4"}}}
	return p
}

func TestSamplesAreChecked(t *testing.T) {
	p := sampled()
	require.NoError(t, p.Validate())
	values, err := p.Kernels[1].SampleAttrs(p.Kernels[1].Samples[0])
	require.NoError(t, err)
	assert.Equal(t, map[string]any{"by": 3.0, "times": int64(4)}, values)

	for want, change := range map[string]func(k *Kernel){
		`the values "1...2" of input x are neither`: func(k *Kernel) { k.Inputs[0].Values = "1...2" },
		`the values "2..1" of`:                      func(k *Kernel) { k.Inputs[0].Values = "2..1" },
		`the values "0..inf" of`:                    func(k *Kernel) { k.Inputs[0].Values = "0..inf" },
		"sample 0 has 1 shapes":                     func(k *Kernel) { k.Samples[0].Shapes = [][]int{{1}} },
		"sample 0, input dy: uint8[-1] has a neg":   func(k *Kernel) { k.Samples[0].Shapes[1] = []int{-1} },
		"input x: 2097152 elements; at most":        func(k *Kernel) { k.Samples[0].Shapes[0] = []int{2 << 20} },
		"sample 0: attribute times":                 func(k *Kernel) { k.Samples[0].Attrs["times"] = "x" },
		"sets 3 attributes of which":                func(k *Kernel) { k.Samples[0].Attrs["none"] = "1" },
		"65 samples; at most 64":                    func(k *Kernel) { k.Samples = make([]Sample, 65) },
	} {
		p := sampled()
		change(&p.Kernels[1])
		var bad *InvalidError
		require.ErrorAs(t, p.Validate(), &bad, want)
		assert.ErrorContains(t, bad, want)
	}
}

func TestSamplesKeepTheirDigest(t *testing.T) {
	text, err := sampled().Encode()
	require.NoError(t, err)
	p := new(Plugin)
	require.NoError(t, json.Unmarshal(text, p))
	assert.Equal(t, sampled(), p)
	a, err := sampled().Digest()
	require.NoError(t, err)
	b, err := square().Digest()
	require.NoError(t, err)
	assert.NotEqual(t, a, b)
}
