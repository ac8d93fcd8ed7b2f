package spec

// DType names the element type of a tensor, in the spelling of NumPy and MLX.
type DType string

// The dtypes a kernel may take and return. All are little-endian; Bool is one
// byte, 0 or 1; Complex64 is two float32.
const (
	Bool      DType = "bool"
	Uint8     DType = "uint8"
	Uint16    DType = "uint16"
	Uint32    DType = "uint32"
	Uint64    DType = "uint64"
	Int8      DType = "int8"
	Int16     DType = "int16"
	Int32     DType = "int32"
	Int64     DType = "int64"
	Float16   DType = "float16"
	BFloat16  DType = "bfloat16"
	Float32   DType = "float32"
	Float64   DType = "float64"
	Complex64 DType = "complex64"
)

var sizes = map[DType]int{
	Bool: 1, Uint8: 1, Uint16: 2, Uint32: 4, Uint64: 8,
	Int8: 1, Int16: 2, Int32: 4, Int64: 8,
	Float16: 2, BFloat16: 2, Float32: 4, Float64: 8, Complex64: 8,
}

// Size returns the bytes of one element, 0 if d is no dtype.
func (d DType) Size() int { return sizes[d] }

// Known tells whether d is one of the dtypes above.
func (d DType) Known() bool { return sizes[d] > 0 }

// Inexact tells whether d is a floating-point or complex dtype, so that
// derivatives with respect to it exist.
func (d DType) Inexact() bool {
	switch d {
	case Float16, BFloat16, Float32, Float64, Complex64:
		return true
	}
	return false
}
