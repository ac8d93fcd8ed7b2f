package accuracy

import (
	"math"

	"github.com/adjoint-go/adjoint/core"
)

// A format is a floating-point dtype as IEEE 754 describes it.
type format struct {
	digits   int // of the significand, with the leading one
	min, max int // exponents of the smallest and of the largest normal number
}

func formatOf(d core.DType) format {
	switch d {
	case core.Float16:
		return format{11, -14, 15}
	case core.BFloat16:
		return format{8, -126, 127}
	}
	return format{24, -126, 127}
}

// ulp is the distance between numbers of the format around y, in the binade that y is
// in: of a subnormal number and of 0 the smallest one, beyond the largest number its.
func (f format) ulp(y float64) float64 {
	e := int(math.Float64bits(y)>>52&0x7ff) - 1023
	e = min(max(e, f.min), f.max) - f.digits + 1
	return math.Float64frombits(uint64(e+1023) << 52)
}

func (f format) largest() float64 { return math.Ldexp(2-math.Ldexp(1, 1-f.digits), f.max) }

// distance is how far got is from want, in ulps of scale. An infinity counts as the
// power of two that follows the largest number, unless want is one, too.
func (f format) distance(got, want, scale float64) float64 {
	beyond := math.Ldexp(1, f.max+1)
	if math.IsInf(got, 0) {
		if math.Signbit(got) == math.Signbit(want) && math.Abs(want) >= beyond {
			return 0
		}
		got = math.Copysign(beyond, got)
	} else if math.Abs(want) > beyond {
		want = math.Copysign(beyond, want)
	}
	return math.Abs(got-want) / f.ulp(scale)
}

// decode returns the number that the low bits of b stand for.
func decode(d core.DType, b uint32) float64 {
	switch d {
	case core.Float16:
		return float64(core.F16(b).Float32())
	case core.BFloat16:
		return float64(core.BF16(b).Float32())
	case core.Bool:
		return float64(b)
	}
	return float64(math.Float32frombits(b))
}

// encode rounds x once to a number of dtype d, the nearest, ties to even.
func encode(d core.DType, x float64) uint32 {
	f := float32(x)
	switch d {
	case core.Float32:
		return math.Float32bits(f)
	case core.Bool:
		if x != 0 {
			return 1
		}
		return 0
	}
	// Rounded to odd, f is on the side of every tie that x is on.
	if b := math.Float32bits(f); float64(f) != x && x == x {
		if math.Abs(float64(f)) > math.Abs(x) {
			b--
		}
		f = math.Float32frombits(b | 1)
	}
	if d == core.Float16 {
		return uint32(core.ToF16(f))
	}
	return uint32(core.ToBF16(f))
}

// A class is what a number is besides its digits.
type class uint8

const (
	negative class = 1 << iota
	zero
	infinite
	nan
)

func classOf(x float64) class {
	var c class
	switch {
	case x != x:
		return nan
	case x == 0:
		c = zero
	case math.IsInf(x, 0):
		c = infinite
	}
	if math.Signbit(x) {
		c |= negative
	}
	return c
}
