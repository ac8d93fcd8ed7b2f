package core

import (
	"fmt"
	"reflect"
	"runtime"
	"unsafe"

	"github.com/adjoint-go/adjoint/internal/engine"
)

// Element is a Go type that an array's element can have.
type Element interface {
	~bool | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~int8 | ~int16 | ~int32 | ~int64 |
		~int | ~float32 | ~float64 | ~complex64
}

// DTypeOf returns the dtype of arrays made from a T. int becomes Int32, as
// literals do elsewhere; see [From].
func DTypeOf[T Element]() DType {
	var t T
	switch any(t).(type) {
	case F16:
		return Float16
	case BF16:
		return BFloat16
	}
	switch reflect.TypeFor[T]().Kind() {
	case reflect.Bool:
		return Bool
	case reflect.Uint8:
		return Uint8
	case reflect.Uint16:
		return Uint16
	case reflect.Uint32:
		return Uint32
	case reflect.Uint64:
		return Uint64
	case reflect.Int8:
		return Int8
	case reflect.Int16:
		return Int16
	case reflect.Int32, reflect.Int:
		return Int32
	case reflect.Int64:
		return Int64
	case reflect.Float32:
		return Float32
	case reflect.Float64:
		return Float64
	default:
		return Complex64
	}
}

// From returns an array with a copy of data, in row-major order. Without a shape
// it has one axis of len(data). An int element that does not fit in 32 bits is
// an error; use []int64 for such values. Errors: the shape's size is not
// len(data).
func From[T Element](data []T, shape ...int) *Array {
	if len(shape) == 0 {
		shape = []int{len(data)}
	}
	return fromSlice("From", data, shape)
}

// Scalar returns an array without axes.
func Scalar[T Element](v T) *Array { return fromSlice("Scalar", []T{v}, nil) }

func fromSlice[T Element](op string, data []T, shape []int) *Array {
	if err := checkShape(shape, false); err != nil {
		panic(newError(op, nil, err))
	}
	if n := sizeOf(shape); n != len(data) {
		panic(newError(op, nil, fmt.Errorf("shape %v has %d elements, the slice has %d", shape, n, len(data))))
	}
	d := DTypeOf[T]()
	if ints, ok := any(data).([]int); ok || unsafe.Sizeof(*new(T)) != uintptr(d.Size()) {
		if !ok {
			ints = unsafe.Slice((*int)(unsafe.Pointer(unsafe.SliceData(data))), len(data))
		}
		narrow := make([]int32, len(ints))
		for i, v := range ints {
			if narrow[i] = int32(v); int(narrow[i]) != v {
				panic(newError(op, nil, fmt.Errorf("element %d, %d, does not fit in int32; use []int64", i, v)))
			}
		}
		return newArray(op, unsafe.Pointer(unsafe.SliceData(narrow)), shape, d)
	}
	a := newArray(op, unsafe.Pointer(unsafe.SliceData(data)), shape, d)
	runtime.KeepAlive(data)
	return a
}

// FromBytes returns an array of dtype d with a copy of b: the elements in
// row-major order and the machine's byte order. Errors: b has another length
// than the shape asks for.
func FromBytes(d DType, b []byte, shape ...int) *Array {
	if !d.Valid() {
		panic(newError("FromBytes", nil, fmt.Errorf("%v is not a dtype", d)))
	}
	if err := checkShape(shape, false); err != nil {
		panic(newError("FromBytes", nil, err))
	}
	if want := sizeOf(shape) * d.Size(); want != len(b) {
		panic(newError("FromBytes", nil, fmt.Errorf("%v has %d bytes, the slice has %d", Spec{d, shape}, want, len(b))))
	}
	a := newArray("FromBytes", unsafe.Pointer(unsafe.SliceData(b)), shape, d)
	runtime.KeepAlive(b)
	return a
}

func newArray(op string, data unsafe.Pointer, shape []int, d DType) *Array {
	dims := make([]int32, len(shape))
	for i, n := range shape {
		dims[i] = int32(n)
	}
	enter(op)
	var h engine.Handle
	scope := engine.NewArray(data, dims, d.number(), &h)
	if scope < 0 {
		msg := engine.Message()
		engine.Leave()
		panic(newError(op, nil, engineError(msg)))
	}
	a := adopt(h, 0, scope)
	engine.Leave()
	return a
}

// Bytes evaluates the array and returns a copy of its elements in row-major
// order and the machine's byte order.
func (a *Array) Bytes() []byte {
	s := a.spec("Bytes")
	b := make([]byte, sizeOf(s.Shape)*s.DType.Size())
	a.read("Bytes", unsafe.Pointer(unsafe.SliceData(b)), len(b))
	return b
}

func (a *Array) read(op string, dst unsafe.Pointer, n int) {
	enter(op)
	if a.h == 0 {
		engine.Leave()
		panic(newError(op, nil, lack(a)))
	}
	if a.trace != 0 {
		noteOuter(engine.Scope(), a.trace)
	}
	code := engine.OK
	if on := debugging.Load(); on&debugEval != 0 {
		code = engine.Inspect([]engine.Handle{a.h}, int(on&debugValues), a.trace)
	}
	if code == engine.OK {
		code = engine.Read(a.h, dst, n, a.trace)
	}
	if code != engine.OK {
		panic(failed(op, []*Array{a}, a.trace, code))
	}
	engine.Leave()
	runtime.KeepAlive(a)
}

// Data evaluates the array and returns a copy of its elements in row-major
// order. T must be the Go type of the array's dtype (int stands for Int32 and
// Int64); convert with [Array.AsType] first where it is not.
func Data[T Element](a *Array) []T {
	s := a.spec("Data")
	n := sizeOf(s.Shape)
	if reflect.TypeFor[T]().Kind() == reflect.Int && (s.DType == Int32 || s.DType == Int64) {
		out := make([]T, n)
		ints := unsafe.Slice((*int)(unsafe.Pointer(unsafe.SliceData(out))), n)
		if s.DType == Int64 && unsafe.Sizeof(int(0)) == 8 {
			a.read("Data", unsafe.Pointer(unsafe.SliceData(out)), n*8)
			return out
		}
		for i, v := range Data[int32](a) {
			ints[i] = int(v)
		}
		return out
	}
	if d := DTypeOf[T](); d != s.DType || unsafe.Sizeof(*new(T)) != uintptr(d.Size()) {
		panic(newError("Data", []*Array{a}, fmt.Errorf("%v elements do not fit the dtype %v: convert with AsType, or read another type", reflect.TypeFor[T](), s.DType)))
	}
	out := make([]T, n)
	a.read("Data", unsafe.Pointer(unsafe.SliceData(out)), n*s.DType.Size())
	return out
}

// Item evaluates an array of one element and returns it as a float64; a bool is
// 0 or 1. Errors: the array has another number of elements, or is complex.
func (a *Array) Item() float64 {
	s := a.spec("Item")
	if n := sizeOf(s.Shape); n != 1 {
		err := fmt.Errorf("the array has %d elements, not 1", n)
		if n == 0 {
			err = errEmpty
		}
		panic(newError("Item", []*Array{a}, err))
	}
	switch s.DType {
	case Bool:
		if Data[bool](a)[0] {
			return 1
		}
		return 0
	case Uint8:
		return float64(Data[uint8](a)[0])
	case Uint16:
		return float64(Data[uint16](a)[0])
	case Uint32:
		return float64(Data[uint32](a)[0])
	case Uint64:
		return float64(Data[uint64](a)[0])
	case Int8:
		return float64(Data[int8](a)[0])
	case Int16:
		return float64(Data[int16](a)[0])
	case Int32:
		return float64(Data[int32](a)[0])
	case Int64:
		return float64(Data[int64](a)[0])
	case Float16:
		return float64(Data[F16](a)[0].Float32())
	case BFloat16:
		return float64(Data[BF16](a)[0].Float32())
	case Float32:
		return float64(Data[float32](a)[0])
	case Float64:
		return Data[float64](a)[0]
	}
	panic(newError("Item", []*Array{a}, fmt.Errorf("a %v is not one real number: use Data[complex64]", s.DType)))
}
