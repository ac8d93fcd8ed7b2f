package sdk

import (
	"errors"
	"slices"

	"github.com/adjoint-go/adjoint/plugins/spec"
)

// DType names the element type of a tensor.
type DType = spec.DType

// Type is the dtype and shape of a tensor.
type Type = spec.Type

// Tensor is a type and its elements: row-contiguous, little-endian.
type Tensor = spec.Tensor

// The dtypes.
const (
	Bool      = spec.Bool
	Uint8     = spec.Uint8
	Uint16    = spec.Uint16
	Uint32    = spec.Uint32
	Uint64    = spec.Uint64
	Int8      = spec.Int8
	Int16     = spec.Int16
	Int32     = spec.Int32
	Int64     = spec.Int64
	Float16   = spec.Float16
	BFloat16  = spec.BFloat16
	Float32   = spec.Float32
	Float64   = spec.Float64
	Complex64 = spec.Complex64
)

// BatchLeading promises that the kernel, given an extra leading axis of one
// length on every input, gives every output that axis, and computes entry i of
// the outputs from entry i of the inputs.
const BatchLeading = spec.BatchLeading

// Kernel declares one kernel. Its methods return it, so that they chain.
// Mistakes are reported by [Plugin.Manifest] and [Plugin.Main].
type Kernel struct {
	spec  spec.Kernel
	cpu   func(*Call) error
	infer func([]Type, map[string]any) ([]Type, error)
	errs  []error

	samples [][]any // as Sample was called
}

// Doc describes the kernel in a sentence or two.
func (k *Kernel) Doc(text string) *Kernel {
	k.spec.Doc = text
	return k
}

// In declares the next input and the dtypes it takes.
func (k *Kernel) In(name string, dtypes ...DType) *Kernel {
	k.spec.Inputs = append(k.spec.Inputs, spec.Input{Name: name, DTypes: slices.Clone(dtypes)})
	return k
}

// Out declares the next output by the rules for its shape and dtype. Both are
// empty in a kernel with [Kernel.Infer].
func (k *Kernel) Out(name, shape, dtype string) *Kernel {
	k.spec.Outputs = append(k.spec.Outputs, spec.Output{Name: name, Shape: shape, DType: dtype})
	return k
}

// Attr declares the next attribute, a setting that is no tensor, by the value that
// it has where a call does not set it: an int, a float64, a bool or a string.
func (k *Kernel) Attr(name string, initial any) *Kernel {
	k.spec.Attrs = append(k.spec.Attrs, spec.AttrOf(name, initial))
	return k
}

// Infer sets the function that gives the types of the outputs where no rule
// can. It must depend on the types of the inputs alone; the host remembers its
// answers.
func (k *Kernel) Infer(f func(in []Type) ([]Type, error)) *Kernel {
	if f == nil {
		return k.InferAttrs(nil)
	}
	return k.InferAttrs(func(in []Type, _ map[string]any) ([]Type, error) { return f(in) })
}

// InferAttrs is Infer for a function that looks at the values of attributes too:
// an int64, float64, bool or string each.
func (k *Kernel) InferAttrs(f func(in []Type, attrs map[string]any) ([]Type, error)) *Kernel {
	if f == nil {
		k.errs = append(k.errs, errors.New("Infer was given a nil function"))
	}
	k.infer, k.spec.Asks = f, true
	return k
}

// CPU sets the function that computes the outputs. Every kernel needs one.
func (k *Kernel) CPU(f func(*Call) error) *Kernel {
	k.cpu = f
	return k
}

// VJP names the kernel that takes this one's inputs followed by one cotangent
// per output, and returns one gradient per input. It may have a VJP of its own,
// for second derivatives.
func (k *Kernel) VJP(kernel string) *Kernel {
	k.spec.VJP = kernel
	return k
}

// JVP names the kernel that takes this one's inputs followed by one tangent per
// input, and returns one tangent per output.
func (k *Kernel) JVP(kernel string) *Kernel {
	k.spec.JVP = kernel
	return k
}

// VMap sets how the kernel is mapped over a batch; without it, it is not.
func (k *Kernel) VMap(rule spec.VMap) *Kernel {
	k.spec.VMap = rule
	return k
}

// Deterministic declares that equal inputs give equal bits.
func (k *Kernel) Deterministic() *Kernel {
	k.spec.Deterministic = true
	return k
}

// Launch says how many GPU threads run a kernel.
type Launch struct {
	grid    []string
	threads int
}

// Grid gives the number of threads along one to three axes, each an integer
// expression in the language of package shape, such as "size(x)".
func Grid(axes ...string) Launch { return Launch{grid: slices.Clone(axes)} }

// Threads sets the size of a threadgroup, 1 to 1024; 0 leaves it to the host.
func (l Launch) Threads(n int) Launch {
	l.threads = n
	return l
}

// Metal adds the body of a Metal kernel. The source is part of the manifest; it
// is compiled and run by the host. Attributes are constants of their names in it:
// int, float and bool; texts are left out. An input without axes is one element:
// x[0].
func (k *Kernel) Metal(source string, launch Launch) *Kernel {
	return k.source(spec.Metal, source, launch)
}

// CUDA adds the body of a CUDA kernel, as [Kernel.Metal] does for Metal.
func (k *Kernel) CUDA(source string, launch Launch) *Kernel {
	return k.source(spec.CUDA, source, launch)
}

func (k *Kernel) source(b spec.Backend, code string, l Launch) *Kernel {
	k.spec.Sources = append(k.spec.Sources, spec.Source{Backend: b, Code: code, Grid: l.grid, Threads: l.threads})
	return k
}
