package main

import (
	"math"

	"github.com/adjoint-go/adjoint/plugins/sdk"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

// column is the elements of a tensor: float32, or the bits of halves, which are
// computed with as float32.
type column struct {
	f32    []float32
	bits   []uint16
	widen  func(uint16) float32
	narrow func(float32) uint16
}

// columnOf takes a tensor whose dtype and size were checked when the call came.
func columnOf(t sdk.Tensor) (c column) {
	switch t.DType {
	case sdk.Float16:
		c.widen, c.narrow = fromFloat16, toFloat16
	case sdk.BFloat16:
		c.widen, c.narrow = fromBFloat16, toBFloat16
	default:
		c.f32, _ = spec.Values[float32](t)
		return c
	}
	c.bits, _ = spec.Values[uint16](t)
	return c
}

func (c column) len() int { return max(len(c.f32), len(c.bits)) }

// read returns elements, in spare where they must be converted.
func (c column) read(first, last int, spare []float32) []float32 {
	if c.widen == nil {
		return c.f32[first:last]
	}
	for i, b := range c.bits[first:last] {
		spare[i] = c.widen(b)
	}
	return spare[:last-first]
}

// room returns where elements are to be put, before write.
func (c column) room(first, last int, spare []float32) []float32 {
	if c.widen == nil {
		return c.f32[first:last]
	}
	return spare[:last-first]
}

func (c column) write(first int, values []float32) {
	if c.widen == nil {
		return // the room was the tensor's own
	}
	for i, v := range values {
		c.bits[first+i] = c.narrow(v)
	}
}

func fromBFloat16(b uint16) float32 { return math.Float32frombits(uint32(b) << 16) }

// toBFloat16 rounds to the nearest, ties to even.
func toBFloat16(f float32) uint16 {
	u := math.Float32bits(f)
	if f != f {
		return uint16(u>>16) | 0x40 // stays a NaN
	}
	return uint16((u + 0x7fff + u>>16&1) >> 16)
}

// fromFloat16 scales by 2¹¹²: that is what the exponents of the two formats differ
// by, and it makes subnormal numbers normal ones.
func fromFloat16(b uint16) float32 {
	sign, rest := uint32(b&0x8000)<<16, uint32(b&0x7fff)<<13
	if rest >= 0x1f<<23 {
		return math.Float32frombits(sign | rest | 0xff<<23) // Inf, NaN
	}
	return math.Float32frombits(sign | math.Float32bits(math.Float32frombits(rest)*0x1p112))
}

// toFloat16 rounds to the nearest, ties to even. Below 2⁻¹⁴ the steps are 2⁻²⁴,
// which adding and subtracting a half rounds to.
func toFloat16(f float32) uint16 {
	u := math.Float32bits(f)
	sign, u := uint16(u>>16&0x8000), u&0x7fffffff
	switch f := math.Float32frombits(u); {
	case f != f:
		return sign | 0x7e00
	case f >= 65520: // half a step above the largest
		return sign | 0x7c00
	case f < 0x1p-14:
		return sign | uint16(math.Float32bits(f+0.5)-math.Float32bits(0.5))
	}
	u += 0xfff + u>>13&1
	return sign | uint16(u>>13-112<<10)
}
