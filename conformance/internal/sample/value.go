package sample

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/adjoint-go/adjoint/core"
)

// Value is an array on the host: the machine's bytes in row-major order.
type Value struct {
	core.Spec
	Raw []byte
}

// New makes a value of elements, rounded to the dtype.
func New(s core.Spec, elems []complex128) Value {
	v := Value{s, make([]byte, len(elems)*s.DType.Size())}
	for i, e := range elems {
		v.Set(i, e)
	}
	return v
}

// Array copies v to the engine.
func (v Value) Array() *core.Array { return core.FromBytes(v.DType, v.Raw, v.Shape...) }

// Read evaluates arrays together and copies them to the host.
func Read(as []*core.Array) []Value {
	core.Eval(as)
	out := make([]Value, len(as))
	for i, a := range as {
		out[i] = Value{a.Spec(), a.Bytes()}
	}
	return out
}

// Arrays copies values to the engine.
func Arrays(vs []Value) []*core.Array {
	out := make([]*core.Array, len(vs))
	for i, v := range vs {
		out[i] = v.Array()
	}
	return out
}

// Len is the number of elements.
func (v Value) Len() int { return len(v.Raw) / v.DType.Size() }

// Clone is a copy.
func (v Value) Clone() Value { return Value{v.Spec, slices.Clone(v.Raw)} }

// At returns element i, exactly but for 64-bit integers beyond 2⁵³.
func (v Value) At(i int) complex128 {
	b := v.Raw[i*v.DType.Size():]
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
	panic(fmt.Sprintf("sample: no elements of dtype %v", v.DType))
}

// Set rounds x to the dtype and stores it as element i.
func (v Value) Set(i int, x complex128) {
	b := v.Raw[i*v.DType.Size():]
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
		panic(fmt.Sprintf("sample: no elements of dtype %v", v.DType))
	}
}

// As rounds v to another dtype.
func (v Value) As(d core.DType) Value {
	out := Value{core.Spec{DType: d, Shape: v.Shape}, make([]byte, v.Len()*d.Size())}
	for i := range v.Len() {
		out.Set(i, v.At(i))
	}
	return out
}

// blocks are the byte sizes that an axis cuts an array into: of one step along
// the axis, and the number of runs before it.
func (v Value) blocks(axis int) (step, runs int) {
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

// Stack joins values of one spec along a new axis.
func Stack(vs []Value, axis int) Value {
	shape := slices.Insert(slices.Clone(vs[0].Shape), axis, len(vs))
	out := Value{core.Spec{DType: vs[0].DType, Shape: shape}, []byte{}}
	step, runs := out.blocks(axis)
	for r := range runs {
		for _, v := range vs {
			out.Raw = append(out.Raw, v.Raw[r*step:(r+1)*step]...)
		}
	}
	return out
}

// Part is the k-th slice along an axis, without the axis.
func (v Value) Part(axis, k int) Value {
	step, runs := v.blocks(axis)
	out := Value{core.Spec{DType: v.DType, Shape: slices.Delete(slices.Clone(v.Shape), axis, axis+1)}, []byte{}}
	for r := range runs {
		at := (r*v.Shape[axis] + k) * step
		out.Raw = append(out.Raw, v.Raw[at:at+step]...)
	}
	return out
}
