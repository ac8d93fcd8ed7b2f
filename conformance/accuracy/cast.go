package accuracy

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/adjoint-go/adjoint/core"
)

// Casts are the dtypes that are converted to each other: all.
var Casts = []core.DType{
	core.Bool, core.Uint8, core.Uint16, core.Uint32, core.Uint64, core.Int8, core.Int16, core.Int32, core.Int64,
	core.Float16, core.Float32, core.Float64, core.BFloat16, core.Complex64,
}

// cast is the conversion to a dtype.
func cast(to core.DType) *Op { return &Op{Name: "astype", one: itself, to: to, Bounds: rounded} }

// CheckCast converts every element of a domain here and by peers. All must have the same
// bits, but for those of NaN, and those of the oracle, which has none for what is out of
// an integer's range: there the results are what MLX's kernels make of it. To uint32 these
// make different things of it in the middle of an array and at its end; ours do not.
func CheckCast(from, to core.DType, m Domain, peers []*Peer) error {
	o := cast(to)
	for lo := 0; lo < m.Len; lo += chunk {
		n := min(chunk, m.Len-lo)
		for _, p := range peers {
			if err := p.ask.Encode(request{Op: o.Name, To: to, DType: from, Domain: m, Lo: lo, N: n}); err != nil {
				return err
			}
		}
		args := m.fill(from, 1, lo, n)
		got := o.compute(from, args)
		for i := range n {
			arg, have := args[0][i*from.Size():][:from.Size()], got[i*to.Size():][:to.Size()]
			want, known := convert(from, to, arg)
			if known && !sameElement(to, have, want) {
				return fmt.Errorf("%v of %v %x is %x, not %x", to, from, arg, have, want)
			}
		}
		for _, p := range peers {
			theirs, err := p.answer(n * to.Size())
			if err != nil {
				return err
			}
			if bytes.Equal(got, theirs) {
				continue
			}
			for i := range n {
				have, other := got[i*to.Size():][:to.Size()], theirs[i*to.Size():][:to.Size()]
				_, known := convert(from, to, args[0][i*from.Size():][:from.Size()])
				if p.Setting == stockSetting && to == core.Uint32 && !known {
					continue
				}
				if !sameElement(to, have, other) {
					return fmt.Errorf("%v of %v %x is %x, with %s %x", to, from, args[0][i*from.Size():][:from.Size()], have, p.Setting, other)
				}
			}
		}
	}
	return nil
}

// sameElement says whether two elements have the same bits or are both NaN.
func sameElement(d core.DType, a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	switch d {
	case core.Complex64:
		return sameElement(core.Float32, a[:4], b[:4]) && sameElement(core.Float32, a[4:], b[4:])
	case core.Float16, core.Float32, core.Float64, core.BFloat16:
		x, y := number(d, a), number(d, b)
		return x != x && y != y
	}
	return false
}

// integer is an element of an integer dtype or bool, as the bits of an int64.
func integer(d core.DType, b []byte) uint64 {
	var x uint64
	switch d.Size() {
	case 1:
		x = uint64(b[0])
	case 2:
		x = uint64(binary.NativeEndian.Uint16(b))
	case 4:
		x = uint64(binary.NativeEndian.Uint32(b))
	default:
		x = binary.NativeEndian.Uint64(b)
	}
	if d >= core.Int8 && d <= core.Int64 {
		shift := 64 - 8*d.Size()
		return uint64(int64(x<<shift) >> shift)
	}
	return x
}

// number is an element of a floating dtype.
func number(d core.DType, b []byte) float64 {
	if d == core.Float64 {
		return math.Float64frombits(binary.NativeEndian.Uint64(b))
	}
	return decode(d, uint32(integer(core.Uint8+core.DType(bitsOf(d)), b)))
}

// bitsOf is the place of the unsigned integer as wide as d after Uint8.
func bitsOf(d core.DType) int {
	if d.Size() == 2 {
		return 1
	}
	return 2
}

// convert is the oracle of casts: it returns the element of dtype to that an element of
// dtype from becomes, and whether there is one.
func convert(from, to core.DType, b []byte) (out []byte, known bool) {
	if from == core.Complex64 {
		if to == from {
			return b, true
		}
		if to == core.Bool {
			re, im := number(core.Float32, b[:4]), number(core.Float32, b[4:])
			return element(to, 0, truth(re != 0 || im != 0), true)
		}
		return convert(core.Float32, to, b[:4])
	}
	if from.IsFloat() {
		return element(to, 0, number(from, b), true)
	}
	return element(to, integer(from, b), 0, false, from >= core.Int8)
}

// element is a number x, or the integer n that is signed or not, as an element of d.
func element(d core.DType, n uint64, x float64, floating bool, signed ...bool) ([]byte, bool) {
	if !floating {
		if x = float64(n); signed[0] {
			x = float64(int64(n))
		}
	}
	switch {
	case d == core.Bool:
		return []byte{byte(truth(x != 0))}, true
	case d.IsInteger():
		if floating {
			lo, hi := 0.0, math.Ldexp(1, 8*d.Size())
			if d >= core.Int8 {
				lo, hi = -hi/2, hi/2
			}
			if x = math.Trunc(x); !(x >= lo && x < hi) {
				return nil, false
			}
			if n = uint64(int64(x)); x >= math.Ldexp(1, 63) {
				n = uint64(x)
			}
		}
		return binary.LittleEndian.AppendUint64(nil, n)[:d.Size()], true
	case d == core.Float64:
		return binary.LittleEndian.AppendUint64(nil, math.Float64bits(x)), true
	}
	f := float32(x)
	if !floating {
		if f = float32(n); signed[0] {
			f = float32(int64(n))
		}
	}
	switch d {
	case core.Complex64:
		return binary.LittleEndian.AppendUint64(nil, uint64(math.Float32bits(f))), true
	case core.Float32:
		return binary.LittleEndian.AppendUint32(nil, math.Float32bits(f)), true
	}
	// Half precision is rounded to from float32.
	return binary.LittleEndian.AppendUint16(nil, uint16(encode(d, float64(f)))), true
}

// fillAny fills mem with elements of any dtype: all of them, or edges and then random
// ones of every magnitude.
func (m Domain) fillAny(d core.DType, mem []byte, lo, n int) {
	for i := range n {
		at := uint64(lo + i)
		r := mix(m.Seed + at)
		x := r >> (mix(r) % 64)
		switch {
		case m.All:
			x = at
		case at < 256: // powers of two and what is beside them, of both signs
			x = 1<<(at/4) - 1 + at%4
			if d == core.Float64 {
				x = math.Float64bits(float64(x))
			}
		case d == core.Float64:
			x = math.Float64bits(math.Ldexp(1+float64(r>>12)/(1<<52), int(at%2100)-1080)) | r<<63
			if at%3 == 0 { // of the magnitudes of integers
				x = math.Float64bits(math.Ldexp(float64(int64(r)), -int(at%64)))
			}
		case d == core.Complex64:
			sp := special(core.Float32)
			x = uint64(sp[r%uint64(len(sp))]) | mix(r)<<32
		case at%2 == 0:
			x = -x
		}
		if d == core.Bool {
			x &= 1
		}
		copy(mem[i*d.Size():], binary.LittleEndian.AppendUint64(nil, x)[:d.Size()])
	}
}
