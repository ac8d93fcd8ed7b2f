package mlxio

import (
	"encoding/binary"

	"github.com/adjoint-go/adjoint/core"
)

// group is the number of elements of a quantised block.
const group = 32

// unpacker turns one block of a file into a group as MLX has them: an element is
// q·scale + bias, with the unsigned q in weight, from the lowest bits of its
// words upwards.
type unpacker func(block, weight []byte) (scale, bias core.F16)

// times is h·n for a power of two n, which is exact but for overflow.
func times(h core.F16, n float32) core.F16 { return core.ToF16(h.Float32() * n) }

func half(b []byte) core.F16 { return core.F16(binary.LittleEndian.Uint16(b)) }

// unpackQ40: a scale and 32 elements of 4 bits around 8.
func unpackQ40(block, weight []byte) (scale, bias core.F16) {
	nibbles(block[2:], weight)
	return half(block), times(half(block), -8)
}

// unpackQ41: a scale, the smallest element, and 32 elements of 4 bits.
func unpackQ41(block, weight []byte) (scale, bias core.F16) {
	nibbles(block[4:], weight)
	return half(block), half(block[2:])
}

// unpackQ80: a scale and 32 signed elements of 8 bits.
func unpackQ80(block, weight []byte) (scale, bias core.F16) {
	for i, q := range block[2:] {
		weight[i] = q ^ 0x80 // q + 128, unsigned
	}
	return half(block), times(half(block), -128)
}

// nibbles reorders 4-bit elements: byte j of a block has elements j and j+16,
// byte j of a weight 2j and 2j+1.
func nibbles(from, to []byte) {
	for j := range to[:8] {
		a, b := from[2*j], from[2*j+1]
		to[j] = a&15 | b<<4
		to[j+8] = a>>4 | b&0xf0
	}
}

// readQuantised reads the three arrays that e becomes.
func (e *ggufEntry) readQuantised(s *source) (map[string]*core.Array, error) {
	last := len(e.Shape) - 1
	shape := func(n int) []int { return append(append([]int{}, e.Shape[:last]...), n) }
	packed := e.kind.bytes / 16 * 16 // bytes of a group's weight: 16 or 32
	groups := e.Shape[last] / group
	specs := []core.Spec{
		{DType: core.Uint32, Shape: shape(groups * packed / 4)},
		{DType: core.Float16, Shape: shape(groups)},
		{DType: core.Float16, Shape: shape(groups)},
	}
	arrays, err := s.arrays(e.size, specs, func(s *source, out [][]byte) error {
		weight, scales, biases := out[0], out[1], out[2]
		for len(weight) > 0 {
			blocks := min(len(weight)/packed, 1<<14)
			b, err := s.bytes(uint64(blocks * e.kind.bytes))
			if err != nil {
				return err
			}
			for range blocks {
				scale, bias := e.kind.unpack(b[:e.kind.bytes], weight[:packed])
				binary.LittleEndian.PutUint16(scales, uint16(scale))
				binary.LittleEndian.PutUint16(biases, uint16(bias))
				b, weight, scales, biases = b[e.kind.bytes:], weight[packed:], scales[2:], biases[2:]
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	w, sc, bi := e.parts()
	return map[string]*core.Array{w: arrays[0], sc: arrays[1], bi: arrays[2]}, nil
}
