package core_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
)

// TestPrintsAsNumPy compares with what testdata/print.py stored.
func TestPrintsAsNumPy(t *testing.T) {
	raw, err := os.ReadFile("testdata/print.json")
	require.NoError(t, err)
	var file struct {
		Cases []struct {
			Name, DType, Text string
			Shape             []int
			Data              []string
		}
	}
	require.NoError(t, json.Unmarshal(raw, &file))
	require.Greater(t, len(file.Cases), 100)
	for _, c := range file.Cases {
		t.Run(c.Name, func(t *testing.T) {
			d, err := core.ParseDType(c.DType)
			require.NoError(t, err)
			assert.Equal(t, c.Text, arrayOf(t, d, c.Data, c.Shape).String())
		})
	}
}

// arrayOf makes an array of numbers spelled as text; complex ones are two each.
func arrayOf(t *testing.T, d core.DType, text []string, shape []int) *core.Array {
	f := make([]float64, len(text))
	signed := make([]int64, len(text))
	unsigned := make([]uint64, len(text))
	for i, s := range text {
		var err error
		switch {
		case d == core.Uint64:
			unsigned[i], err = strconv.ParseUint(s, 10, 64)
		case d.IsInteger() || d == core.Bool:
			signed[i], err = strconv.ParseInt(s, 10, 64)
		default:
			f[i], err = strconv.ParseFloat(s, 64)
		}
		require.NoError(t, err)
	}
	vector := core.From(f)
	switch {
	case d == core.Uint64:
		vector = core.From(unsigned)
	case d.IsInteger() || d == core.Bool:
		vector = core.From(signed)
	case d == core.Complex64:
		z := make([]complex64, len(f)/2)
		for i := range z {
			z[i] = complex(float32(f[2*i]), float32(f[2*i+1]))
		}
		vector = core.From(z)
	}
	return vector.AsType(d).Reshape(shape...)
}

func TestPrintsBFloat16WithItsOwnDigits(t *testing.T) {
	x := core.From([]float32{0.1, 1.0 / 3, 100}).AsType(core.BFloat16)
	assert.Equal(t, "[  0.1     0.334 100.   ]", x.String())
	assert.Equal(t, "0.1", x.Index(0).String())
}

func TestPrintsDescriptions(t *testing.T) {
	var none *core.Array
	assert.Equal(t, "Array(nil)", none.String())
	assert.Equal(t, "Array(nil)", fmt.Sprint(none))
	assert.Equal(t, "(*core.Array)(nil)", fmt.Sprintf("%#v", none))
	x := core.From([]float32{1, 2, 3})
	x.Free()
	assert.Equal(t, "Array(freed)", x.String())
	y := core.From([]float32{1, 2, 3})
	var inside, goInside string
	core.Vectorize("vmap", func(in []*core.Array) ([]*core.Array, []int) {
		inside, goInside = in[0].Exp().String(), fmt.Sprintf("%#v", in[0])
		return []*core.Array{in[0]}, []int{0}
	}, []*core.Array{y}, []int{0})
	assert.Equal(t, "Array(float32[], traced)", inside)
	assert.Equal(t, "core.Array(float32[])", goInside)
	core.Differentiate("grad", func(in []*core.Array) []*core.Array {
		inside = in[0].String()
		return []*core.Array{in[0].Sum()}
	}, []*core.Array{y}, []int{0})
	assert.Equal(t, "[1. 2. 3.]", inside, "values are known while a gradient is traced")
}

func TestGoString(t *testing.T) {
	assert.Equal(t, "core.From([]int32{1, 2, 3, 4}, 2, 2)", fmt.Sprintf("%#v", core.From([]int32{1, 2, 3, 4}, 2, 2)))
	assert.Equal(t, "core.From([]float32{1.5}).Reshape()", fmt.Sprintf("%#v", core.Scalar(float32(1.5))))
	assert.Equal(t, "core.From([]core.F16{0x3c00}, 1)", fmt.Sprintf("%#v", core.From([]core.F16{0x3c00})))
	assert.Equal(t, "core.Array(float32[2000])", fmt.Sprintf("%#v", core.Zeros(core.Float32, 2000)))
}
