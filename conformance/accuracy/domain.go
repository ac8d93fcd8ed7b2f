package accuracy

import (
	"encoding/binary"
	"math"

	"github.com/adjoint-go/adjoint/core"
)

// A Domain is a list of arguments, by number.
type Domain struct {
	// All: argument i of one is the bit pattern First + i, or with a Step some one of each
	// Step patterns. Else special numbers come first, or
	// all pairs of them, and then random ones that are a function of Seed and i.
	All   bool   `json:",omitempty"`
	First uint32 `json:",omitempty"`
	Step  uint32 `json:",omitempty"`
	Seed  uint64 `json:",omitempty"`
	Len   int
}

// Every is the domain of all numbers of dtype d.
func Every(d core.DType) Domain { return Domain{All: true, Len: 1 << (8 * d.Size())} }

// mix is a random number that is a function of x (Vigna, "splitmix64").
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// special are the bit patterns of numbers at which functions have edges, and of those
// beside them.
func special(d core.DType) []uint32 {
	f := formatOf(d)
	sign := uint32(1) << (8*d.Size() - 1)
	inf := encode(d, math.Inf(1))
	out := []uint32{0, 1, 2, 3, inf, inf - 1, inf | 1, inf | inf>>1}
	edges := []float64{
		math.Ldexp(1, f.min), math.Ldexp(1, f.min-1), math.Ldexp(1, f.max), math.Sqrt(math.Ldexp(1, f.max)), math.Ldexp(1, f.digits),
		math.Ldexp(1, -f.digits), math.Ldexp(1, f.digits-1), 0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 10, 100,
		math.Ln2, math.E, math.Pi / 4, math.Pi / 2, math.Pi, 3 * math.Pi / 2, 2 * math.Pi, 100 * math.Pi,
		// exp and its like reach the ends of the format.
		float64(f.max+1) * math.Ln2, -float64(f.min) * math.Ln2, float64(f.digits-1-f.min) * math.Ln2, float64(f.max + 1), -float64(f.min),
		math.Sqrt(math.Ln2 * float64(f.digits)),
	}
	for _, e := range edges {
		if b := encode(d, e); b < inf {
			out = append(out, b-1, b, b+1)
		}
	}
	for _, b := range out[:len(out):len(out)] {
		out = append(out, b|sign)
	}
	return out
}

func (m Domain) pattern(i int) uint32 {
	if m.Step > 1 {
		return m.First + uint32(i)*m.Step + uint32(mix(m.Seed+uint64(i)))%m.Step
	}
	return m.First + uint32(i)
}

// at returns the bit patterns of argument i, the second one for an op of two.
func (m Domain) at(sp []uint32, d core.DType, arity, i int) (a, b uint32) {
	if m.All {
		return m.pattern(i), 0
	}
	n, wide := len(sp), 8*d.Size()
	r := mix(m.Seed + uint64(i))
	a, b = uint32(r)&(1<<wide-1), uint32(r>>32)&(1<<wide-1)
	if arity == 1 {
		if i < n {
			return sp[i], 0
		}
		// Every sign and exponent in turn.
		low := formatOf(d).digits - 1
		return a&(1<<low-1) | uint32(i)<<low&(1<<wide-1), 0
	}
	if i < n*n {
		return sp[i/n], sp[i%n]
	}
	s := mix(r)
	f := func(r uint64, scale float64) float64 { return scale * (float64(r>>40)/(1<<23) - 1) }
	switch i % 8 {
	case 0, 1: // any two
	case 2: // two that are near each other
		b = (a + uint32(s%9) - 4) & (1<<wide - 1)
	case 3: // one beside an edge
		b = sp[s%uint64(n)]
	case 4:
		a, b = sp[s%uint64(n)], a
	case 5: // what neither overflows nor vanishes
		a, b = encode(d, f(r, 8)), encode(d, f(s, 8))
	case 6: // a power of a number near one
		a, b = encode(d, 1+f(r, 0.01)), encode(d, f(s, 2000))
	case 7: // of a whole number
		a, b = encode(d, f(r, 20)), encode(d, math.Round(f(s, 20)))
	}
	return a, b
}

// quiet makes a NaN that is a signal one that is not: of pairs with a signal C libraries
// make NaN, also where any number would give the same. Go's float64 cannot hold it.
func quiet(d core.DType, b uint32) uint32 {
	if inf := encode(d, math.Inf(1)); b&(1<<(8*d.Size()-1)-1) > inf {
		b |= 1 << (formatOf(d).digits - 2)
	}
	return b
}

// fill returns arguments lo to lo+n, as the memory of arrays.
func (m Domain) fill(d core.DType, arity, lo, n int) [][]byte {
	width := d.Size()
	out := make([][]byte, arity)
	for k := range out {
		out[k] = make([]byte, n*width)
	}
	if m.All && d == core.Float32 {
		for i, w := 0, words(out[0]); i < n; i++ {
			w[i] = m.pattern(lo + i)
		}
		return out
	}
	if d != core.Float32 && d != core.Float16 && d != core.BFloat16 {
		m.fillAny(d, out[0], lo, n)
		return out
	}
	sp := special(d)
	for i := range n {
		a, b := m.at(sp, d, arity, lo+i)
		if arity == 2 {
			a, b = quiet(d, a), quiet(d, b)
		}
		for k, x := range []uint32{a, b}[:arity] {
			put(out[k], width, i, x)
		}
	}
	return out
}

func put(mem []byte, width, i int, x uint32) {
	if width == 4 {
		binary.NativeEndian.PutUint32(mem[i*4:], x)
	} else {
		binary.NativeEndian.PutUint16(mem[i*2:], uint16(x))
	}
}

func get(mem []byte, width, i int) uint32 {
	switch width {
	case 4:
		return binary.NativeEndian.Uint32(mem[i*4:])
	case 2:
		return uint32(binary.NativeEndian.Uint16(mem[i*2:]))
	}
	return uint32(mem[i])
}
