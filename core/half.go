package core

import "math"

// F16 is an IEEE 754 half-precision number, the Go element of Float16 arrays.
type F16 uint16

// BF16 is a bfloat16 number: the upper half of a float32.
type BF16 uint16

// ToF16 rounds x to the nearest half-precision number, ties to even. What is too
// large becomes an infinity.
func ToF16(x float32) F16 {
	b := math.Float32bits(x)
	sign := uint16(b>>16) & 0x8000
	exp := int(b>>23) & 0xff
	man := b & 0x7fffff
	switch {
	case exp == 0xff:
		if man != 0 {
			return F16(sign | 0x7e00 | uint16(man>>13))
		}
		return F16(sign | 0x7c00)
	case exp > 142:
		return F16(sign | 0x7c00)
	case exp < 102:
		return F16(sign)
	case exp < 113:
		// A subnormal: shift the explicit leading one into place.
		man |= 0x800000
		shift := uint(126 - exp)
		return F16(sign + roundShift(man, shift))
	}
	return F16(sign + uint16(exp-112)<<10 + roundShift(man, 13))
}

// roundShift returns v >> n, rounded to nearest, ties to even. A carry into the
// exponent is what rounding up to the next power of two asks for.
func roundShift(v uint32, n uint) uint16 {
	half := uint32(1) << (n - 1)
	q := v >> n
	if r := v & (half<<1 - 1); r > half || r == half && q&1 == 1 {
		q++
	}
	return uint16(q)
}

// Float32 returns the number, exactly.
func (h F16) Float32() float32 {
	sign := uint32(h&0x8000) << 16
	exp := uint32(h>>10) & 0x1f
	man := uint32(h) & 0x3ff
	switch exp {
	case 0x1f:
		return math.Float32frombits(sign | 0x7f800000 | man<<13)
	case 0:
		f := float32(man) / (1 << 24)
		return math.Float32frombits(sign | math.Float32bits(f))
	}
	return math.Float32frombits(sign | (exp+112)<<23 | man<<13)
}

// ToBF16 rounds x to the nearest bfloat16 number, ties to even.
func ToBF16(x float32) BF16 {
	b := math.Float32bits(x)
	if b&0x7fffffff > 0x7f800000 {
		return BF16(b>>16 | 0x40)
	}
	return BF16((b + 0x7fff + (b>>16)&1) >> 16)
}

// Float32 returns the number, exactly.
func (h BF16) Float32() float32 { return math.Float32frombits(uint32(h) << 16) }
