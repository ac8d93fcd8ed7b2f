package core_test

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
)

// number reads an element of any dtype of at most 32 bits.
func number(d core.DType, b []byte) float64 {
	switch d {
	case core.Bool, core.Uint8:
		return float64(b[0])
	case core.Int8:
		return float64(int8(b[0]))
	case core.Uint16:
		return float64(binary.LittleEndian.Uint16(b))
	case core.Int16:
		return float64(int16(binary.LittleEndian.Uint16(b)))
	case core.BFloat16:
		return float64(math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16))
	case core.Float16:
		h := binary.LittleEndian.Uint16(b)
		sign, exponent, fraction := 1-2*float64(h>>15), int(h>>10&31), float64(h&1023)
		switch {
		case exponent == 31 && fraction > 0:
			return math.NaN()
		case exponent == 31:
			return sign * math.Inf(1)
		case exponent == 0:
			return sign * math.Ldexp(fraction, -24)
		}
		return sign * math.Ldexp(1024+fraction, exponent-25)
	case core.Uint32:
		return float64(binary.LittleEndian.Uint32(b))
	case core.Int32:
		return float64(int32(binary.LittleEndian.Uint32(b)))
	}
	return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
}

// last orders numbers as a sort does: NaN behind all others, and no order among them.
func last(a, b float64) int {
	switch {
	case math.IsNaN(a) && math.IsNaN(b):
		return 0
	case math.IsNaN(a):
		return 1
	case math.IsNaN(b):
		return -1
	}
	return cmp.Compare(a, b)
}

// TestSortsOfEveryKind sorts random bits, among them -0, infinities and NaN of many kinds, along every axis, and
// compares with a stable sort of Go's: equal numbers and all NaN keep their order.
func TestSortsOfEveryKind(t *testing.T) {
	special := []uint32{0, 1 << 31, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00001, 0x7f800001, 1, 0x80000001}
	for _, dtype := range []core.DType{
		core.Bool, core.Uint8, core.Int8, core.Uint16, core.Int16, core.Float16, core.BFloat16, core.Uint32, core.Int32, core.Float32,
	} {
		size := dtype.Size()
		for _, shape := range [][]int{{1}, {2}, {63}, {64}, {2000}, {40_000}, {5, 17}, {90, 3}, {3, 70, 20}, {300, 1}, {2, 130}} {
			n := 1
			for _, d := range shape {
				n *= d
			}
			data := noise(n * size)
			for i := range n {
				switch element := data[i*size : (i+1)*size]; {
				case dtype == core.Bool:
					element[0] &= 1
				case i%5 == 0 && size == 4:
					binary.LittleEndian.PutUint32(element, special[i/5%len(special)])
				case i%5 == 0 && size == 2:
					binary.LittleEndian.PutUint16(element, uint16(special[i/5%len(special)]>>16))
				}
			}
			a := core.FromBytes(dtype, data, shape...)
			for axis := range shape {
				before, behind := around(shape, axis)
				size, count := dtype.Size(), shape[axis]
				want, order := make([]byte, len(data)), make([]uint32, n)
				for p := range before {
					for k := range behind {
						at := func(i int) int { return (p*count+i)*behind + k }
						read := func(i int) []byte { return data[at(i)*size : (at(i)+1)*size] }
						indices := make([]int, count)
						for i := range indices {
							indices[i] = i
						}
						slices.SortStableFunc(indices, func(i, j int) int { return last(number(dtype, read(i)), number(dtype, read(j))) })
						for i, j := range indices {
							copy(want[at(i)*size:], read(j))
							order[at(i)] = uint32(j)
						}
					}
				}
				name := fmt.Sprint(dtype, shape, axis)
				require.Equal(t, want, a.Sort(axis).Bytes(), name)
				require.Equal(t, order, core.Data[uint32](a.ArgSort(axis)), name)
				if len(shape) == 2 {
					other := a.T().Contiguous().T()
					require.Equal(t, want, other.Sort(axis).Bytes(), name)
					require.Equal(t, order, core.Data[uint32](other.ArgSort(axis)), name)
				}
			}
		}
	}
}
