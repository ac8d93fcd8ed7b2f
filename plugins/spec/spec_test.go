package spec

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func square() *Plugin {
	f := []DType{Float32}
	return &Plugin{ID: "acme/sq", Version: "1.0.0", Kernels: []Kernel{
		{
			Name: "square", Inputs: []Input{{Name: "x", DTypes: f}}, Outputs: []Output{{"y", "shape(x)", "dtype(x)"}},
			VJP: "square_vjp", JVP: "square_jvp", VMap: BatchLeading, Deterministic: true,
			Sources: []Source{{Backend: Metal, Code: "y[i] = x[i] * x[i];", Grid: []string{"size(x)"}, Threads: 256}},
		},
		{Name: "square_vjp", Inputs: []Input{{Name: "x", DTypes: f}, {Name: "dy", DTypes: f}}, Outputs: []Output{{"dx", "shape(x)", "dtype(x)"}}},
		{Name: "square_jvp", Inputs: []Input{{Name: "x", DTypes: f}, {Name: "tx", DTypes: f}}, Outputs: []Output{{"ty", "shape(x)", "dtype(x)"}}},
	}}
}

func TestValidateAccepts(t *testing.T) { require.NoError(t, square().Validate()) }

func TestValidateRefuses(t *testing.T) {
	for want, change := range map[string]func(p *Plugin){
		"not of the form org/name":                 func(p *Plugin) { p.ID = "../sq" },
		`id "" is not`:                             func(p *Plugin) { p.ID = "" },
		"not of the form 1.2.3":                    func(p *Plugin) { p.Version = "1" },
		"no kernel":                                func(p *Plugin) { p.Kernels = nil },
		"at most 1024":                             func(p *Plugin) { p.Kernels = make([]Kernel, 1025) },
		"at most 128":                              func(p *Plugin) { p.Build = strings.Repeat("b", 129) },
		"kernel square: declared twice":            func(p *Plugin) { p.Kernels[1].Name = "square" },
		"the name must be letters":                 func(p *Plugin) { p.Kernels[0].Name = "a b" },
		"has no output":                            func(p *Plugin) { p.Kernels[0].Outputs = nil },
		"at most 64 of each":                       func(p *Plugin) { p.Kernels[0].Inputs = make([]Input, 65) },
		`batch rule "odd"`:                         func(p *Plugin) { p.Kernels[0].VMap = "odd" },
		"input x takes no dtype":                   func(p *Plugin) { p.Kernels[0].Inputs[0].DTypes = nil },
		`dtype "f4" is unknown`:                    func(p *Plugin) { p.Kernels[0].Inputs[0].DTypes = []DType{"f4"} },
		"named twice":                              func(p *Plugin) { p.Kernels[0].Inputs[0].DTypes = []DType{Float32, Float32} },
		"are called x":                             func(p *Plugin) { p.Kernels[0].Outputs[0].Name = "x" },
		"the shape of output y":                    func(p *Plugin) { p.Kernels[0].Outputs[0].Shape = "shape(q)" },
		"a shape is a list, [size(x)]":             func(p *Plugin) { p.Kernels[0].Outputs[0].Shape = "size(x)" },
		"the dtype of output y":                    func(p *Plugin) { p.Kernels[0].Outputs[0].DType = "dtype(q)" },
		"neither a dtype nor":                      func(p *Plugin) { p.Kernels[0].Outputs[0].DType = "float31" },
		"output y has a rule":                      func(p *Plugin) { p.Kernels[0].Asks = true },
		`vjp kernel "none" does not exist`:         func(p *Plugin) { p.Kernels[0].VJP = "none" },
		"needs 2 (the inputs and one cotangent":    func(p *Plugin) { p.Kernels[0].VJP = "square" },
		"does not take float64 as input x":         func(p *Plugin) { p.Kernels[0].Inputs[0].DTypes = []DType{Float32, Float64} },
		`jvp kernel "none" does not exist`:         func(p *Plugin) { p.Kernels[0].JVP = "none" },
		`unknown backend "vulkan"`:                 func(p *Plugin) { p.Kernels[0].Sources[0].Backend = "vulkan" },
		"source is empty":                          func(p *Plugin) { p.Kernels[0].Sources[0].Code = " " },
		"at most 1048576":                          func(p *Plugin) { p.Kernels[0].Sources[0].Code = strings.Repeat("x", 1<<20+1) },
		"needs 1 to 3":                             func(p *Plugin) { p.Kernels[0].Sources[0].Grid = nil },
		"the metal grid: shape":                    func(p *Plugin) { p.Kernels[0].Sources[0].Grid = []string{"size(q)"} },
		"grid \"shape(x)\" is a list":              func(p *Plugin) { p.Kernels[0].Sources[0].Grid = []string{"shape(x)"} },
		"a metal threadgroup of 1025 threads":      func(p *Plugin) { p.Kernels[0].Sources[0].Threads = 1025 },
		"a metal threadgroup of -1 threads; it ne": func(p *Plugin) { p.Kernels[0].Sources[0].Threads = -1 },
	} {
		p := square()
		change(p)
		err := p.Validate()
		var bad *InvalidError
		require.ErrorAs(t, err, &bad, want)
		assert.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "\n")
	}
}

func TestBytes(t *testing.T) {
	for _, c := range []struct {
		typ  Type
		want int
		err  string
	}{
		{Type{Float32, nil}, 4, ""},
		{Type{Float16, []int{2, 3}}, 12, ""},
		{Type{Complex64, []int{0, math.MaxInt}}, 0, ""},
		{Type{Uint8, []int{1 << 30}}, 1 << 30, ""},
		{Type{Uint8, []int{1<<30 + 1}}, 0, "above the limit of 1024 MiB"},
		{Type{Float32, []int{math.MaxInt, math.MaxInt, math.MaxInt}}, 0, "above the limit"},
		{Type{Float32, []int{1 << 32, 1 << 32}}, 0, "above the limit"},
		{Type{Float32, []int{0, -1}}, 0, "negative size on axis 1"},
		{Type{"", []int{1}}, 0, "is no dtype"},
		{Type{Float32, make([]int, 33)}, 0, "33 axes"},
	} {
		got, err := c.typ.Bytes()
		if c.err == "" {
			require.NoError(t, err, c.typ)
			assert.Equal(t, c.want, got, c.typ)
		} else {
			assert.ErrorContains(t, err, c.err, c.typ)
		}
	}
	half := Type{Uint8, []int{1<<29 + 1}}
	_, err := Total([]Type{half, half})
	var size *SizeError
	require.ErrorAs(t, err, &size)
	assert.ErrorContains(t, Tensor{Type{Float32, []int{2}}, make([]byte, 7)}.Check(), "needs 8 bytes, has 7")
	assert.ErrorContains(t, Tensor{Type{Bool, []int{2}}, []byte{1, 2}}.Check(), "element 1 of bool[2] is 2")
}

func TestInferRefuses(t *testing.T) {
	k := square().Kernels[1]
	k.Outputs[0].Shape = "broadcast(x, dy)"
	sig, err := Compile(k)
	require.NoError(t, err)
	assert.True(t, sig.Broadcasts())
	f := func(s ...int) Type { return Type{Float32, s} }
	for want, in := range map[string][]Type{
		"takes 2 inputs [x dy], got 1": {f(1)},
		"takes [float32], got int8[1]": {f(1), {Int8, []int{1}}},
		"cannot be broadcast":          {f(2), f(3)},
		"negative size":                {f(-1), f(1)},
		"above the limit":              {f(1<<24, 1), f(1, 1<<24)},
	} {
		_, err := sig.Infer(in)
		var bad *ArgumentError
		require.ErrorAs(t, err, &bad, want)
		assert.ErrorContains(t, err, want)
	}
	_, err = sig.Infer([]Type{f(2, 1), f(3)})
	require.NoError(t, err)
}

func TestDigestNamesADescription(t *testing.T) {
	text, err := square().Encode()
	require.NoError(t, err)
	back := new(Plugin)
	require.NoError(t, json.Unmarshal(text, back))
	assert.Equal(t, square(), back)
	d1, err := square().Digest()
	require.NoError(t, err)
	other := square()
	other.Kernels[0].Sources[0].Code += " "
	d2, err := other.Digest()
	require.NoError(t, err)
	assert.Len(t, d1, 64)
	assert.NotEqual(t, d1, d2)
	other.ID = ""
	_, err = other.Digest()
	assert.Error(t, err)
}

func TestVersions(t *testing.T) {
	for v, valid := range map[string]bool{
		"0.0.0": true, "1.2.3": true, "10.20.30": true, "1.0.0-rc.1": true, "1.0.0-a-b.c": true, "999999999.0.0": true,
		"": false, "1": false, "1.2": false, "1.2.3.4": false, "01.2.3": false, "1.02.3": false, "1.2.3-": false, "1.2.3-..": false,
		"1.2.3-a..b": false, "1.2.3+b": false, "v1.2.3": false, "1.2.3\n": false, "1.2.3/..": false, "1000000000.0.0": false,
	} {
		assert.Equal(t, valid, ValidVersion(v), v)
	}
}
