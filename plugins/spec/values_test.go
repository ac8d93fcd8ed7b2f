package spec

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestValuesKeepBits(t *testing.T) {
	nan := math.Float32frombits(0x7fa00001)
	x := Of([]int{2, 2}, float32(math.Inf(-1)), float32(math.Copysign(0, -1)), nan, 1)
	assert.Equal(t, Type{Float32, []int{2, 2}}, x.Type)
	got, err := Values[float32](x)
	require.NoError(t, err)
	assert.Equal(t, uint32(0x7fa00001), math.Float32bits(got[2]))
	assert.Equal(t, uint32(0x80000000), math.Float32bits(got[1]))
	assert.Equal(t, byte(0x80), x.Data[7], "little-endian")
	assert.Empty(t, Of[int64]([]int{0, 3}).Data)
}

func TestValuesOfMisalignedMemory(t *testing.T) {
	buf := make([]byte, 17)
	buf[1] = 7
	got, err := Values[float64](Tensor{Type{Float64, []int{2}}, buf[1:]})
	require.NoError(t, err)
	assert.Equal(t, uint64(7), math.Float64bits(got[0]))
}

func TestValuesRefuse(t *testing.T) {
	_, err := Values[float32](Of([]int{1}, int32(1)))
	assert.ErrorContains(t, err, "int32[1] cannot be read as float32")
	_, err = Values[float32](Tensor{Type: Type{Float32, []int{1}}})
	assert.ErrorContains(t, err, "needs 4 bytes")
	for d, ok := range map[DType]bool{Bool: true, Uint8: true, Int8: false} {
		_, err = Values[uint8](Tensor{Type{d, []int{1}}, []byte{1}})
		assert.Equal(t, ok, err == nil, d)
	}
	_, err = Values[uint16](Tensor{Type{BFloat16, []int{1}}, []byte{1, 2}})
	assert.NoError(t, err)
	assert.PanicsWithValue(t, "spec.Of: float32[3] needs 12 bytes, has 4", func() { Of([]int{3}, float32(1)) })
	_, err = Zeros(Type{Float32, []int{-1}})
	assert.Error(t, err)
}
