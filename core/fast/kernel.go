package fast

import (
	"fmt"
	"math"
	"sort"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/engine"
)

// MetalKernel is a kernel in Metal's language: the body of a function whose
// signature MLX writes from the names of inputs and outputs. It runs on a Metal
// engine only. Source: MLX fast.metal_kernel.
type MetalKernel struct {
	Name    string
	Inputs  []string
	Outputs []string
	Source  string // the function's body
	Header  string // what stands before it: includes, helper functions
	// Strided passes inputs as they lie in memory, with their shapes and strides
	// by name; otherwise they are made row-contiguous.
	Strided bool
	// AtomicOutputs makes the outputs atomic types.
	AtomicOutputs bool
}

// CUDAKernel is a kernel in CUDA C++, as [MetalKernel] is in Metal. It runs on a
// CUDA engine only. Source: MLX fast.cuda_kernel.
type CUDAKernel struct {
	Name         string
	Inputs       []string
	Outputs      []string
	Source       string
	Header       string
	Strided      bool
	SharedMemory int // bytes per block, dynamic
}

// Launch says how a kernel is run. Output shapes and dtypes are in the order of
// the kernel's Outputs.
type Launch struct {
	Grid      [3]int // threads in all (Metal's dispatchThreads); each at least 1
	Group     [3]int // threads per threadgroup or block; at most 1024 in all
	Outputs   []core.Spec
	Template  map[string]any // int, bool or core.DType
	InitValue *float64       // what outputs hold before; nil: nothing in particular
}

// Call builds a call of the kernel on arrays, one per input. Errors: the engine
// has no Metal, numbers of inputs or outputs differ, or the launch is not valid.
func (k MetalKernel) Call(l Launch, in ...*core.Array) []*core.Array {
	return call("fast.MetalKernel", engine.OpMetalKernel, kernel{k.Name, k.Source, k.Header, k.Inputs, k.Outputs, !k.Strided, k.AtomicOutputs, 0}, l, in)
}

// Call builds a call of the kernel on arrays, one per input. Errors: the engine
// has no CUDA, numbers of inputs or outputs differ, or the launch is not valid.
func (k CUDAKernel) Call(l Launch, in ...*core.Array) []*core.Array {
	return call("fast.CUDAKernel", engine.OpCudaKernel, kernel{k.Name, k.Source, k.Header, k.Inputs, k.Outputs, !k.Strided, false, k.SharedMemory}, l, in)
}

type kernel struct {
	name, source, header string
	inputs, outputs      []string
	contiguous, flag     bool
	shared               int
}

func call(op string, id engine.Op, k kernel, l Launch, in []*core.Array) []*core.Array {
	if err := k.check(l, len(in)); err != nil {
		core.Fail(op, nil, err)
	}
	var c core.Call
	c.Begin(id)
	c.String(k.name)
	c.String(k.source)
	c.String(k.header)
	for _, list := range [][]string{k.inputs, k.outputs} {
		c.Word(uint64(len(list)))
		for _, s := range list {
			c.String(s)
		}
	}
	c.Arrays(in)
	c.Word(uint64(len(l.Outputs)))
	for _, o := range l.Outputs {
		c.DType(o.DType)
		c.Shape(o.Shape)
	}
	c.Int3(l.Grid)
	c.Int3(l.Group)
	c.Word(uint64(len(l.Template)))
	names := make([]string, 0, len(l.Template))
	for n := range l.Template {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		c.String(n)
		switch v := l.Template[n].(type) {
		case int:
			c.Word(0)
			c.Int(v)
		case bool:
			c.Word(1)
			c.Bool(v)
		case core.DType:
			c.Word(2)
			c.DType(v)
		}
	}
	if l.InitValue != nil {
		c.OptFloat(*l.InitValue)
	} else {
		c.OptFloat(math.NaN())
	}
	c.Bool(k.contiguous)
	c.Bool(k.flag)
	c.Int(k.shared)
	return c.List()
}

func (k kernel) check(l Launch, n int) error {
	switch {
	case k.name == "" || k.source == "":
		return fmt.Errorf("the kernel has no name or no source")
	case n != len(k.inputs):
		return fmt.Errorf("kernel %s has %d inputs, got %d arrays", k.name, len(k.inputs), n)
	case len(l.Outputs) != len(k.outputs) || len(k.outputs) == 0:
		return fmt.Errorf("kernel %s has %d outputs, the launch gives %d shapes", k.name, len(k.outputs), len(l.Outputs))
	case k.shared < 0:
		return fmt.Errorf("kernel %s: %d bytes of shared memory", k.name, k.shared)
	}
	threads := 1
	for i := range 3 {
		if l.Grid[i] < 1 || l.Group[i] < 1 || l.Group[i] > 1024 {
			return fmt.Errorf("kernel %s: grid %v, group %v: want sizes of at least 1 and groups of at most 1024 threads", k.name, l.Grid, l.Group)
		}
		threads *= l.Group[i]
	}
	if threads > 1024 {
		return fmt.Errorf("kernel %s: a group %v has %d threads: want at most 1024", k.name, l.Group, threads)
	}
	for name, v := range l.Template {
		switch v.(type) {
		case int, bool, core.DType:
		default:
			return fmt.Errorf("kernel %s: template argument %s is a %T: want int, bool or core.DType", k.name, name, v)
		}
	}
	return nil
}
