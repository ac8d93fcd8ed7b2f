package conformance

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/adjoint-go/adjoint/core"
)

// value is an array on the host: the machine's bytes in row-major order.
type value struct {
	core.Spec
	raw []byte
}

func newValue(s core.Spec, elems []complex128) value {
	v := value{s, make([]byte, len(elems)*s.DType.Size())}
	for i, e := range elems {
		v.set(i, e)
	}
	return v
}

func (v value) array() *core.Array { return core.FromBytes(v.DType, v.raw, v.Shape...) }

// read evaluates arrays together and copies them to the host.
func read(as []*core.Array) []value {
	core.Eval(as)
	out := make([]value, len(as))
	for i, a := range as {
		out[i] = value{a.Spec(), a.Bytes()}
	}
	return out
}

func arrays(vs []value) []*core.Array {
	out := make([]*core.Array, len(vs))
	for i, v := range vs {
		out[i] = v.array()
	}
	return out
}

func (v value) len() int { return len(v.raw) / v.DType.Size() }

func (v value) clone() value { return value{v.Spec, slices.Clone(v.raw)} }

// at returns element i, exactly but for 64-bit integers beyond 2⁵³.
func (v value) at(i int) complex128 {
	b := v.raw[i*v.DType.Size():]
	le := binary.NativeEndian
	switch v.DType {
	case core.Bool, core.Uint8:
		return complex(float64(b[0]), 0)
	case core.Uint16:
		return complex(float64(le.Uint16(b)), 0)
	case core.Uint32:
		return complex(float64(le.Uint32(b)), 0)
	case core.Uint64:
		return complex(float64(le.Uint64(b)), 0)
	case core.Int8:
		return complex(float64(int8(b[0])), 0)
	case core.Int16:
		return complex(float64(int16(le.Uint16(b))), 0)
	case core.Int32:
		return complex(float64(int32(le.Uint32(b))), 0)
	case core.Int64:
		return complex(float64(int64(le.Uint64(b))), 0)
	case core.Float16:
		return complex(float64(core.F16(le.Uint16(b)).Float32()), 0)
	case core.BFloat16:
		return complex(float64(core.BF16(le.Uint16(b)).Float32()), 0)
	case core.Float32:
		return complex(float64(math.Float32frombits(le.Uint32(b))), 0)
	case core.Float64:
		return complex(math.Float64frombits(le.Uint64(b)), 0)
	case core.Complex64:
		return complex(float64(math.Float32frombits(le.Uint32(b))), float64(math.Float32frombits(le.Uint32(b[4:]))))
	}
	panic(fmt.Sprintf("conformance: no elements of dtype %v", v.DType))
}

// set rounds x to the dtype and stores it as element i.
func (v value) set(i int, x complex128) {
	b := v.raw[i*v.DType.Size():]
	le := binary.NativeEndian
	re := real(x)
	switch v.DType {
	case core.Bool:
		b[0] = 0
		if re != 0 {
			b[0] = 1
		}
	case core.Uint8, core.Int8:
		b[0] = byte(int64(re))
	case core.Uint16, core.Int16:
		le.PutUint16(b, uint16(int64(re)))
	case core.Uint32, core.Int32:
		le.PutUint32(b, uint32(int64(re)))
	case core.Uint64, core.Int64:
		le.PutUint64(b, uint64(int64(re)))
	case core.Float16:
		le.PutUint16(b, uint16(core.ToF16(float32(re))))
	case core.BFloat16:
		le.PutUint16(b, uint16(core.ToBF16(float32(re))))
	case core.Float32:
		le.PutUint32(b, math.Float32bits(float32(re)))
	case core.Float64:
		le.PutUint64(b, math.Float64bits(re))
	case core.Complex64:
		le.PutUint32(b, math.Float32bits(float32(re)))
		le.PutUint32(b[4:], math.Float32bits(float32(imag(x))))
	default:
		panic(fmt.Sprintf("conformance: no elements of dtype %v", v.DType))
	}
}

// as rounds v to another dtype.
func (v value) as(d core.DType) value {
	out := value{core.Spec{DType: d, Shape: v.Shape}, make([]byte, v.len()*d.Size())}
	for i := range v.len() {
		out.set(i, v.at(i))
	}
	return out
}

// blocks are the byte sizes that an axis cuts an array into: of one step along
// the axis, and the number of runs before it.
func (v value) blocks(axis int) (step, runs int) {
	step, runs = v.DType.Size(), 1
	for i, d := range v.Shape {
		switch {
		case i < axis:
			runs *= d
		case i > axis:
			step *= d
		}
	}
	return step, runs
}

// stack joins values of one spec along a new axis.
func stack(vs []value, axis int) value {
	shape := slices.Insert(slices.Clone(vs[0].Shape), axis, len(vs))
	out := value{core.Spec{DType: vs[0].DType, Shape: shape}, []byte{}}
	step, runs := out.blocks(axis)
	for r := range runs {
		for _, v := range vs {
			out.raw = append(out.raw, v.raw[r*step:(r+1)*step]...)
		}
	}
	return out
}

// part is the k-th slice along an axis, without the axis.
func (v value) part(axis, k int) value {
	step, runs := v.blocks(axis)
	out := value{core.Spec{DType: v.DType, Shape: slices.Delete(slices.Clone(v.Shape), axis, axis+1)}, []byte{}}
	for r := range runs {
		at := (r*v.Shape[axis] + k) * step
		out.raw = append(out.raw, v.raw[at:at+step]...)
	}
	return out
}
