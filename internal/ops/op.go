package ops

import (
	"fmt"
	"strings"
)

// Kind is the kind of one argument, as the C API spells it.
type Kind string

// The kinds. The comment gives the C parameters and the Go type.
const (
	Array    Kind = "array"   // const mlx_array; *Array, never nil
	OptArray Kind = "array?"  // const mlx_array that may be null; *Array, nil is absent
	Arrays   Kind = "arrays"  // const mlx_vector_array; []*Array
	Int      Kind = "int"     // int; int
	OptInt   Kind = "int?"    // mlx_optional_int; int, 0 is absent
	Int2     Kind = "int2"    // int n_0, int n_1; [2]int
	Int3     Kind = "int3"    // int n_0, int n_1, int n_2; [3]int
	Ints     Kind = "ints"    // const int* n, size_t n_num (C++ std::vector<int>); []int
	OptInts  Kind = "ints?"   // the same, null when empty; []int
	Axes     Kind = "axes"    // as ints, but empty stands for all axes of the first array; []int
	Shape    Kind = "shape"   // as ints (C++ Shape); []int
	Bounds   Kind = "bounds"  // as shape, but the numbers may be negative; []int
	Strides  Kind = "strides" // const int64_t* n, size_t n_num; []int
	Size     Kind = "size"    // size_t; int, not negative
	Uint64   Kind = "uint64"  // uint64_t; uint64
	Float    Kind = "float"   // float; float64
	Double   Kind = "double"  // double; float64
	OptFloat Kind = "float?"  // mlx_optional_float; float64, NaN is absent
	Bool     Kind = "bool"    // bool; bool
	DType    Kind = "dtype"   // mlx_dtype; DType
	OptDType Kind = "dtype?"  // mlx_optional_dtype; DType, 0-value NoDType is absent
	String   Kind = "string"  // const char*; string
	FFTNorm  Kind = "fftnorm" // mlx_fft_norm; the C++ enum fft::FFTNorm; int
)

// Arg is one argument of an op.
type Arg struct {
	Name string
	Kind Kind
}

// Form is one public Go spelling of an op.
//
// Sig reads `Name(param, rest...) fixed=literal`: a method on the first
// argument of kind array, or with the prefix `func ` a function. Arguments that
// are neither receiver nor parameter must be fixed to a Go literal. A parameter
// ending in ... is variadic and must be last. A lower-case name is not
// exported: a handwritten method wraps it.
type Form struct {
	Sig string
	// Doc continues the Go name: "returns the …". The generator adds shapes,
	// dtypes, errors and source from the row.
	Doc string
}

// Op is one row of the table.
type Op struct {
	Name string // unique lower-case name: "sum", "linalg.inv"
	Sym  string // mlx-c function: "mlx_sum_axes"
	Cpp  string // C++ function below mlx::core: "sum", "linalg::inv"
	// CppExpr replaces the call that Cpp stands for: a C++ expression over the
	// arguments' names and the stream s.
	CppExpr string
	In      string // arguments in C order: "a array, axes axes, keepdims bool"
	Out     string // names of the results: "y", "q r"; "[]" is a list of arrays

	// NoStream marks the few functions that take no stream.
	NoStream bool
	// Pkg is the Go package below core ("linalg", "fft", "random", "fast",
	// "quant"); empty is core itself.
	Pkg string
	Go  []Form

	Shape  string // shapes, in a few words: "(…, n) → (…)"
	Types  string // dtypes, in a few words: "floating or complex; integers become float32"
	Errors string // when it fails, beyond what shapes and dtypes say
	Source string // formula or paper or MLX page name

	// DTypes are the dtypes that the conformance suite feeds to the arguments
	// that carry data (see Cases); empty means float32 alone.
	DTypes []string
	// Diff names the arguments with a gradient, "a b"; empty: none.
	Diff string
	// Tol is the relative tolerance of gradients against central differences; 0
	// stands for 1e-2 in float32 and 1e-3 in float64.
	Tol float64
	// NoVmap and NoShapeless say why the op has no batch rule or no dynamic
	// shapes in MLX; empty: it has.
	NoVmap, NoShapeless string
	// NoExport says why MLX's file of a function has no place for the op.
	NoExport string
	// SecondGap says why the gradient of an op in Diff has no derivative of its own.
	SecondGap string
	// VmapGap says where MLX's batch rule is missing or wrong for some mapped
	// arguments, and JVPGap why an op in Diff has no forward rule in MLX. What
	// lies above the engine has to fill these gaps or refuse with a typed error.
	VmapGap, JVPGap string
	// Infinite marks ops whose results hold infinities on purpose.
	Infinite bool
	// Random marks ops whose results depend on a key.
	Random bool
	// GPU marks ops that run only on a GPU stream; CPU those that need a CPU one.
	GPU, CPU bool
	// Cases are sample arguments, "a:3x4@pos; axes:[1]; keepdims:true": see
	// ParseCase. Every row has at least one. Results that are not finite at the
	// sample point count nothing in checks of gradients.
	Cases []string
}

// Args parses In.
func (o *Op) Args() []Arg {
	if strings.TrimSpace(o.In) == "" {
		return nil
	}
	var out []Arg
	for _, f := range strings.Split(o.In, ",") {
		name, kind, ok := strings.Cut(strings.TrimSpace(f), " ")
		if !ok || !kinds[Kind(kind)] {
			panic(fmt.Sprintf("ops: %s: bad argument %q", o.Name, f))
		}
		out = append(out, Arg{name, Kind(kind)})
	}
	return out
}

// Outs returns the names of the results; nil stands for a list of arrays.
func (o *Op) Outs() []string {
	if o.Out == "[]" {
		return nil
	}
	return strings.Fields(o.Out)
}

// DiffArgs returns the names of the differentiable arguments.
func (o *Op) DiffArgs() []string { return strings.Fields(o.Diff) }

var kinds = map[Kind]bool{
	Array: true, OptArray: true, Arrays: true, Int: true, OptInt: true, Int2: true, Int3: true,
	Ints: true, OptInts: true, Axes: true, Shape: true, Bounds: true, Strides: true, Size: true, Uint64: true,
	Float: true, Double: true, OptFloat: true, Bool: true, DType: true, OptDType: true,
	String: true, FFTNorm: true,
}

// Sets of dtypes for rows.
var (
	floats  = []string{"float32", "float16", "bfloat16"}
	reals   = []string{"float32", "float16", "bfloat16", "int32", "uint8", "int64"}
	bits    = []string{"int32", "uint8", "int64", "uint32", "bool"}
	ints    = []string{"int32", "uint8", "int64", "int8", "uint32"}
	all     = []string{"float32", "float16", "bfloat16", "complex64", "int32", "uint8", "int64", "bool"}
	numbers = []string{"float32", "float16", "bfloat16", "complex64", "int32", "uint8", "int64"}
	inexact = []string{"float32", "float16", "bfloat16", "complex64"}
)

// Table returns every row, in a fixed order.
func Table() []Op {
	var t []Op
	for _, part := range [][]Op{
		arithmetic, unary, comparison, reduction, shaping, joining, indexing, creation, sorting,
		matrix, convolution, linalg, fft, random, fast, quantized,
	} {
		t = append(t, part...)
	}
	return t
}
