package emulate

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"time"

	"github.com/adjoint-go/adjoint/plugins/spec"
)

// Kernel is a kernel in Metal's language, as MLX's fast.metal_kernel takes it.
type Kernel struct {
	Name    string
	Inputs  []string
	Outputs []string
	Source  string // the function's body
	Header  string // what stands before it: helper functions, constants
	// Strided passes inputs as they lie in memory; see [Launch.Strides].
	Strided bool
	// AtomicOutputs makes the outputs atomic types.
	AtomicOutputs bool
}

// Launch says how a kernel is run. Output types are in the order of the
// kernel's Outputs.
type Launch struct {
	Grid      [3]int // threads in all (Metal's dispatchThreads), at least 1 each
	Group     [3]int // threads per threadgroup, at most 1024 in all
	Outputs   []spec.Type
	Template  map[string]any // int, bool or spec.DType
	InitValue *float64       // what outputs hold before; nil: nothing that may be read
	// Strides are those of the inputs of a Strided kernel, in elements and not
	// negative; a tensor's Data is then the memory that they step through. A nil
	// entry, or no Strides, is row-contiguous.
	Strides [][]int
	// Limit ends the run of a kernel that takes longer. 0: one minute.
	Limit time.Duration
}

// The limits of a run.
const (
	MaxThreads = 1024    // per threadgroup
	maxGrid    = 1 << 31 // threads
	maxCells   = 1 << 25 // pieces of output of at most 4 bytes, each watched by 36
	maxLimit   = time.Hour
	minute     = time.Minute
)

var name = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// check reports a description or a launch that MLX would not take either.
func (k Kernel) check(l Launch, in []spec.Tensor) error {
	switch {
	case !name.MatchString(k.Name):
		return k.fault(ErrLaunch, "the kernel's name %q is not one: letters, digits and _", k.Name)
	case k.Source == "":
		return k.fault(ErrLaunch, "it has no source")
	case len(k.Outputs) == 0:
		return k.fault(ErrLaunch, "it has no outputs")
	case len(in) != len(k.Inputs):
		return k.fault(ErrLaunch, "it has %d inputs %v, got %d tensors", len(k.Inputs), k.Inputs, len(in))
	case len(l.Outputs) != len(k.Outputs):
		return k.fault(ErrLaunch, "it has %d outputs %v, the launch gives %d types", len(k.Outputs), k.Outputs, len(l.Outputs))
	case len(l.Strides) > 0 && (!k.Strided || len(l.Strides) != len(in)):
		return k.fault(ErrLaunch, "strides are for Strided kernels, one list for each of %d inputs; got %d", len(in), len(l.Strides))
	case l.Limit < 0 || l.Limit > maxLimit:
		return k.fault(ErrLaunch, "a limit of %s; want 0 to %s", l.Limit, maxLimit)
	}
	seen := map[string]bool{}
	for _, n := range slices.Concat(k.Inputs, k.Outputs) {
		if !name.MatchString(n) || seen[n] {
			return k.fault(ErrLaunch, "the name %q of an input or output is not one, or there twice", n)
		}
		seen[n] = true
	}
	if err := k.checkGrid(l); err != nil {
		return err
	}
	for i, t := range in {
		if err := k.checkInput(i, t, l); err != nil {
			return err
		}
	}
	return k.checkOutputs(l)
}

func (k Kernel) checkGrid(l Launch) error {
	threads, all := 1, 1
	for i := range 3 {
		if l.Grid[i] < 1 || l.Group[i] < 1 {
			return k.fault(ErrLaunch, "grid %v, threadgroup %v: every size must be at least 1", l.Grid, l.Group)
		}
		if l.Group[i] > MaxThreads || l.Grid[i] > maxGrid/all {
			return k.fault(ErrLaunch, "grid %v, threadgroup %v: at most %d threads in all and %d in a threadgroup", l.Grid, l.Group, maxGrid, MaxThreads)
		}
		threads *= l.Group[i]
		all *= l.Grid[i]
	}
	if threads > MaxThreads {
		return k.fault(ErrLaunch, "a threadgroup %v has %d threads; at most %d are allowed", l.Group, threads, MaxThreads)
	}
	return nil
}

func (k Kernel) checkInput(i int, t spec.Tensor, l Launch) error {
	if t.DType == spec.Float64 {
		return k.fault(ErrLaunch, "input %s is %s, which Metal does not have", k.Inputs[i], t.Type)
	}
	if len(l.Strides) == 0 || l.Strides[i] == nil {
		if err := t.Check(); err != nil {
			return k.fault(ErrLaunch, "input %s: %v", k.Inputs[i], err)
		}
		return nil
	}
	if _, err := t.Bytes(); err != nil {
		return k.fault(ErrLaunch, "input %s: %v", k.Inputs[i], err)
	}
	strides := l.Strides[i]
	if len(strides) != len(t.Shape) {
		return k.fault(ErrLaunch, "input %s: %d strides for %s", k.Inputs[i], len(strides), t.Type)
	}
	last, have := 0, len(t.Data)/t.DType.Size()
	for axis, size := range t.Shape {
		if size == 0 {
			return nil
		}
		if s := strides[axis]; s < 0 || size > 1 && s > (have-last)/(size-1) {
			return k.fault(ErrLaunch, "input %s: strides %v leave its %d elements of memory", k.Inputs[i], strides, have)
		}
		last += (size - 1) * strides[axis]
	}
	if last >= have {
		return k.fault(ErrLaunch, "input %s: strides %v leave its %d elements of memory", k.Inputs[i], strides, have)
	}
	return nil
}

func (k Kernel) checkOutputs(l Launch) error {
	cells := 0
	for i, t := range l.Outputs {
		n, err := t.Bytes()
		if err != nil {
			return k.fault(ErrLaunch, "output %s: %v", k.Outputs[i], err)
		}
		if t.DType == spec.Float64 {
			return k.fault(ErrLaunch, "output %s is %s, which Metal does not have", k.Outputs[i], t)
		}
		if cells += n / min(t.DType.Size(), 4); cells > maxCells {
			return k.fault(ErrLaunch, "outputs of more than %d million elements cannot be emulated; use smaller shapes", maxCells>>20)
		}
	}
	for n, v := range l.Template {
		ok := name.MatchString(n)
		switch v := v.(type) {
		case int:
			ok = ok && v >= math.MinInt32 && v <= math.MaxInt32
		case bool:
		case spec.DType:
			ok = ok && v.Known() && v != spec.Float64
		default:
			ok = false
		}
		if !ok {
			return k.fault(ErrLaunch, "template argument %q = %v (%T): want a name and a 32-bit int, a bool or a spec.DType that Metal has", n, v, v)
		}
	}
	return nil
}

func (k Kernel) fault(kind error, format string, args ...any) *Error {
	return &Error{Kernel: k.Name, Err: kind, Detail: fmt.Sprintf(format, args...)}
}
