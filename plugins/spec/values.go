package spec

import (
	"fmt"
	"unsafe"
)

// Element is a Go type that holds one element of a tensor. Bool tensors are
// read and made as uint8 with values 0 and 1, float16 and bfloat16 as the
// uint16 of their bits.
type Element interface {
	uint8 | uint16 | uint32 | uint64 | int8 | int16 | int32 | int64 | float32 | float64 | complex64
}

// Of makes a tensor of the dtype that belongs to T. It copies the values and
// panics if their number is not that of the shape, which is a mistake in the
// program.
func Of[T Element](shape []int, values ...T) Tensor {
	t := Tensor{Type: Type{DType: dtypeOf[T](), Shape: append([]int{}, shape...)}}
	t.Data = append([]byte{}, bytesOf(values)...)
	if err := t.Check(); err != nil {
		panic("spec.Of: " + err.Error())
	}
	return t
}

// Values returns the elements of t. The result shares t's memory where that is
// aligned for T, and is a copy otherwise.
func Values[T Element](t Tensor) ([]T, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}
	if !holds[T](t.DType) {
		return nil, fmt.Errorf("%s cannot be read as %s", t.Type, dtypeOf[T]())
	}
	if len(t.Data) == 0 {
		return []T{}, nil
	}
	var zero T
	start := unsafe.Pointer(unsafe.SliceData(t.Data))
	if uintptr(start)%unsafe.Alignof(zero) != 0 {
		out := make([]T, len(t.Data)/int(unsafe.Sizeof(zero)))
		copy(bytesOf(out), t.Data)
		return out, nil
	}
	return unsafe.Slice((*T)(start), len(t.Data)/int(unsafe.Sizeof(zero))), nil
}

// Zeros makes a tensor of the type with all elements zero.
func Zeros(t Type) (Tensor, error) {
	n, err := t.Bytes()
	if err != nil {
		return Tensor{}, err
	}
	// Go aligns an allocation for its size, so every element is aligned.
	return Tensor{Type: t, Data: make([]byte, n)}, nil
}

func bytesOf[T Element](values []T) []byte {
	var zero T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(values))), len(values)*int(unsafe.Sizeof(zero)))
}

func dtypeOf[T Element]() DType {
	var zero T
	switch any(zero).(type) {
	case uint8:
		return Uint8
	case uint16:
		return Uint16
	case uint32:
		return Uint32
	case uint64:
		return Uint64
	case int8:
		return Int8
	case int16:
		return Int16
	case int32:
		return Int32
	case int64:
		return Int64
	case float32:
		return Float32
	case float64:
		return Float64
	}
	return Complex64
}

// holds tells whether a T can hold the bits of a d.
func holds[T Element](d DType) bool {
	switch want := dtypeOf[T](); want {
	case Uint8:
		return d == Uint8 || d == Bool
	case Uint16:
		return d == Uint16 || d == Float16 || d == BFloat16
	default:
		return d == want
	}
}
