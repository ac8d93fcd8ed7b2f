package main

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

// Every half, there and back, as the engine converts it.
func TestHalves(t *testing.T) {
	all := make([]uint16, 1<<16)
	for i := range all {
		all[i] = uint16(i)
	}
	for d, c := range map[core.DType]column{
		core.Float16:  columnOf(spec.Tensor{Type: spec.Type{DType: spec.Float16}}),
		core.BFloat16: columnOf(spec.Tensor{Type: spec.Type{DType: spec.BFloat16}}),
	} {
		wide := core.Data[float32](core.From(all).View(d).AsType(core.Float32))
		for i, want := range wide {
			got := c.widen(all[i])
			if nan := func(f float32) bool { return math.IsNaN(float64(f)) }; nan(want) {
				require.True(t, nan(got) && nan(c.widen(c.narrow(got))), "%s %#x", d, i)
				continue
			}
			require.Equal(t, math.Float32bits(want), math.Float32bits(got), "%s %#x", d, i)
			require.Equal(t, all[i], c.narrow(got), "%s %#x", d, i)
		}
	}
}

// Rounding, also halfway between two halves and at the ends of their range.
func TestRoundingOfHalves(t *testing.T) {
	var values []float32
	for _, f := range []float32{0, 1, 1 + 0x1p-11, 1 + 0x3p-11, 1 + 0x1p-8, 1 + 0x3p-8, 65504, 65519, 65520, 65536, 0x1p-14, 0x1p-24, 0x1p-25, 0x3p-25, 0x1.8p-14 - 0x1p-38, 1e-40, math.MaxFloat32} {
		values = append(values, f, -f, math.Nextafter32(f, 9e9), math.Nextafter32(f, -9e9))
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 100000 {
		values = append(values, float32(math.Ldexp(r.Float64()*2-1, r.IntN(44)-27)))
	}
	for d, narrow := range map[core.DType]func(float32) uint16{core.Float16: toFloat16, core.BFloat16: toBFloat16} {
		for i, want := range core.Data[uint16](core.From(values).AsType(d).View(core.Uint16)) {
			require.Equal(t, want, narrow(values[i]), "%s of %v", d, values[i])
		}
	}
}

func TestKernelsOnTheirOwn(t *testing.T) {
	p := declare()
	x, y := spec.Of([]int{3}, float32(-1000), 0, 1000), spec.Of([]int{3}, float32(2), 2, 2)
	out, err := p.Run(t.Context(), "swiglu", x, y)
	require.NoError(t, err)
	assert.Equal(t, spec.Of([]int{3}, float32(math.Copysign(0, -1)), 0, 2000), out[0])
	_, err = p.Run(t.Context(), "swiglu", x, spec.Of([]int{3}, 1.0, 2, 3))
	assert.Error(t, err)
}
