package mlxio

import (
	"bufio"
	"io"
	"slices"

	"github.com/adjoint-go/adjoint/core"
)

// engineVersion is the version of MLX whose form of a function is read and
// written. What an operation keeps may differ in others.
const engineVersion = "0.32.4"

// Function is what an .mlxfn file holds: what a function computed, recorded for
// one or several kinds of arguments. [compile.ImportFile] makes a function of
// it, and [compile.Func.Export] writes one.
//
// [compile.ImportFile]: https://pkg.go.dev/github.com/adjoint-go/adjoint/transforms/compile#ImportFile
// [compile.Func.Export]: https://pkg.go.dev/github.com/adjoint-go/adjoint/transforms/compile#Func.Export
type Function struct {
	// Version is that of MLX which wrote the file. Writing ignores it.
	Version string
	// Shapeless says that the sizes of the arguments may differ from those of
	// the trace; their dtypes and numbers of axes may not.
	Shapeless bool
	Metadata  string // free text
	Traces    []FunctionTrace
}

// FunctionTrace is one recording. Its values are numbered: the inputs, the
// constants, then the results of the nodes in order.
type FunctionTrace struct {
	Inputs []core.Spec
	// Keywords names the last of the inputs, which Python passes by name.
	Keywords []string
	// Constants are the arrays that the function captured. Traces share them.
	Constants []*core.Array
	Nodes     []FunctionNode
	Outputs   []int
}

// FunctionNode is one operation, called as MLX calls its primitive.
type FunctionNode struct {
	Op     string
	Device core.Device
	// State is what the primitive holds besides its inputs, in MLX's order: int
	// (also for the constants of an enumeration), float32, float64, bool, string,
	// core.DType, []int, [][3]bool, *float32 (nil is absent), or []any of bool,
	// int and float32.
	State []any
	In    []int
	Out   []core.Spec
}

// LoadFunction reads an .mlxfn file. Errors: a file that is no such file, or one
// of another version than MLX 0.32.
func LoadFunction(path string) (f *Function, err error) {
	file, _, size, err := open(path)
	if err != nil {
		return nil, fault(path, MLXFN, "", err)
	}
	defer file.Close()
	s := &source{r: bufio.NewReaderSize(file, 64<<10), left: size, local: true}
	if f, err = readFunction(s); err == nil && s.left > 0 {
		f.free()
		f, err = nil, corrupt("%d bytes after the last trace", s.left)
	}
	return f, fault(path, MLXFN, "", err)
}

// ReadFunction reads a function from r, and nothing behind it.
func ReadFunction(r io.Reader) (*Function, error) {
	f, err := readFunction(stream(r))
	return f, fault("", MLXFN, "", err)
}

// SaveFunction writes f as an .mlxfn file, which is replaced at once or, on an
// error, not at all. A constant that several traces hold is stored once. Equal
// functions give equal files.
func SaveFunction(path string, f *Function) error {
	constants, err := f.check()
	if err != nil {
		return fault(path, MLXFN, "", err)
	}
	return fault(path, MLXFN, "", replace(path, func(w io.Writer) error { return writeFunction(w, f, constants) }))
}

// WriteFunction writes f to w.
func WriteFunction(w io.Writer, f *Function) error {
	constants, err := f.check()
	if err != nil {
		return fault("", MLXFN, "", err)
	}
	return fault("", MLXFN, "", writeFunction(w, f, constants))
}

// free frees the constants of a file that was not read to its end.
func (f *Function) free() {
	for _, t := range f.Traces {
		free(t.Constants...)
	}
}

// check evaluates the constants and numbers them, one number for all that are
// the same, and says what of f cannot be.
func (f *Function) check() (*constants, error) {
	all := newConstants(len(f.Traces) > 1)
	for i := range f.Traces {
		t := &f.Traces[i]
		if err := t.check(); err != nil {
			return nil, at(traceName(i), err)
		}
		for k, a := range t.Constants {
			if err := all.add(a); err != nil {
				return nil, at(traceName(i)+", constant "+itoa(k), err)
			}
		}
	}
	return all, nil
}

func (t *FunctionTrace) check() error {
	if len(t.Keywords) > len(t.Inputs) {
		return unsupported("%d keywords for %d inputs", len(t.Keywords), len(t.Inputs))
	}
	if !slices.IsSorted(t.Keywords) || len(slices.Compact(slices.Clone(t.Keywords))) < len(t.Keywords) {
		return unsupported("the keywords %q are not sorted, or not all different", t.Keywords)
	}
	values := len(t.Inputs) + len(t.Constants)
	for i := range t.Nodes {
		n := &t.Nodes[i]
		for _, in := range n.In {
			if in < 0 || in >= values {
				return at(nodeName(i, n.Op), unsupported("it reads value %d, which nothing before it makes", in))
			}
		}
		if len(n.Out) == 0 {
			return at(nodeName(i, n.Op), unsupported("it has no result"))
		}
		values += len(n.Out)
	}
	for i, o := range t.Outputs {
		if o < 0 || o >= values {
			return unsupported("output %d is value %d, which nothing makes", i, o)
		}
	}
	return nil
}
