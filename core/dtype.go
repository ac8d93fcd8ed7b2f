package core

import "fmt"

// DType is the type of an array's elements. The zero value is no dtype.
type DType uint8

// The dtypes. Float16, BFloat16 and Complex64 have two, two and eight bytes.
const (
	NoDType DType = iota
	Bool
	Uint8
	Uint16
	Uint32
	Uint64
	Int8
	Int16
	Int32
	Int64
	Float16
	Float32
	Float64
	BFloat16
	Complex64
	dtypes
)

var dtypeNames = [dtypes]string{
	"none", "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64",
	"float16", "float32", "float64", "bfloat16", "complex64",
}

var dtypeSizes = [dtypes]int{0, 1, 1, 2, 4, 8, 1, 2, 4, 8, 2, 4, 8, 2, 8}

// String returns NumPy's name of the dtype: "float32".
func (d DType) String() string {
	if d >= dtypes {
		return fmt.Sprintf("dtype(%d)", uint8(d))
	}
	return dtypeNames[d]
}

// Size is the number of bytes of one element.
func (d DType) Size() int {
	if d >= dtypes {
		return 0
	}
	return dtypeSizes[d]
}

// Valid says whether d is one of the dtypes.
func (d DType) Valid() bool { return d > NoDType && d < dtypes }

// IsFloat says whether d is a real floating-point dtype.
func (d DType) IsFloat() bool {
	return d == Float16 || d == Float32 || d == Float64 || d == BFloat16
}

// IsInexact says whether d is a real or complex floating-point dtype. Only such
// arrays have gradients.
func (d DType) IsInexact() bool { return d.IsFloat() || d == Complex64 }

// IsInteger says whether d is a signed or unsigned integer dtype.
func (d DType) IsInteger() bool { return d >= Uint8 && d <= Int64 }

// ParseDType returns the dtype with a name that String gives.
func ParseDType(name string) (DType, error) {
	for i, n := range dtypeNames {
		if i > 0 && n == name {
			return DType(i), nil
		}
	}
	return NoDType, fmt.Errorf("core: there is no dtype %q", name)
}

// number is the dtype as the engine counts it.
func (d DType) number() int { return int(d) - 1 }

// MarshalText and UnmarshalText spell a dtype by its name, in JSON too.
func (d DType) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (d *DType) UnmarshalText(b []byte) error {
	p, err := ParseDType(string(b))
	if err == nil {
		*d = p
	}
	return err
}
