package plugins

import (
	"crypto/sha256"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/fast"
	"github.com/adjoint-go/adjoint/plugins/shape"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

// groupSize is the number of threads of a threadgroup where the author gives none.
const groupSize = 256

// gpuBackend is the language of this system's GPUs.
func gpuBackend() spec.Backend {
	if runtime.GOOS == "darwin" {
		return spec.Metal
	}
	return spec.CUDA
}

// onGPU says whether a call is made by the kernel's GPU source. A GPU that was
// asked for needs one; otherwise a kernel without runs in the plugin's process.
func (k *Kernel) onGPU() bool {
	device := core.CurrentDevice
	if k.with.Device != nil {
		device = func() core.Device { return core.DeviceOf(k.with.Device) }
	}
	if !device().GPU {
		return false
	}
	if k.source(gpuBackend()) != nil {
		return true
	}
	if k.with.Device != nil {
		core.Fail(k.String(), nil, &NoSourceError{Plugin: k.plugin.ID(), Kernel: k.name, Backend: gpuBackend()})
	}
	return false
}

func (k *Kernel) source(b spec.Backend) *spec.Source {
	about := k.sig.Kernel()
	for i, s := range about.Sources {
		if s.Backend == b {
			return &about.Sources[i]
		}
	}
	return nil
}

// launch makes a call by the kernel's GPU source, with the rules of the kernel.
func (k *Kernel) launch(inputs []*core.Array, out []Type) []*core.Array {
	gpu := func() (results []*core.Array) {
		return core.Custom(k.String(), func(in []*core.Array) []*core.Array {
			return k.onDevice(gpuBackend(), in, out)
		}, inputs, k.customRules())
	}
	if k.with.Device == nil {
		return gpu()
	}
	var results []*core.Array
	core.Using(k.with.Device, func() { results = gpu() })
	return results
}

// onDevice builds the operation that runs the source.
func (k *Kernel) onDevice(b spec.Backend, in []*core.Array, out []Type) []*core.Array {
	types := make([]Type, len(in))
	for i, a := range in {
		types[i] = typeOf(a)
	}
	g, err := k.gpuCall(b, types, out)
	if err != nil {
		core.Fail(k.String(), in, err)
	}
	if g.empty {
		results := make([]*core.Array, len(out))
		for i, o := range g.launch.Outputs {
			results[i] = core.Zeros(o.DType, o.Shape...)
		}
		return results
	}
	in = elements(in)
	if b == spec.Metal {
		return g.metal().Call(g.launch, in...)
	}
	return g.cuda().Call(g.launch, in...)
}

// elements are the inputs with an axis where one has none: the engine passes what has
// no axis as a reference, which a source cannot index as it does larger inputs.
func elements(in []*core.Array) []*core.Array {
	out := slices.Clone(in)
	for i, a := range out {
		if a.NDim() == 0 {
			out[i] = a.Reshape(1)
		}
	}
	return out
}

// gpuCall is what is compiled and how it is run.
type gpuCall struct {
	name, code      string
	inputs, outputs []string
	launch          fast.Launch
	empty           bool // no output has an element
}

func (g gpuCall) metal() fast.MetalKernel {
	return fast.MetalKernel{Name: g.name, Inputs: g.inputs, Outputs: g.outputs, Source: g.code}
}

func (g gpuCall) cuda() fast.CUDAKernel {
	return fast.CUDAKernel{Name: g.name, Inputs: g.inputs, Outputs: g.outputs, Source: g.code}
}

func (k *Kernel) gpuCall(b spec.Backend, in, out []Type) (g gpuCall, err error) {
	src := k.source(b)
	if src == nil {
		return g, &NoSourceError{Plugin: k.plugin.ID(), Kernel: k.name, Backend: b}
	}
	about := k.sig.Kernel()
	g.inputs = about.InputNames()
	elements := 0
	for i, o := range about.Outputs {
		g.outputs = append(g.outputs, o.Name)
		d, err := core.ParseDType(string(out[i].DType))
		if err != nil {
			return g, err
		}
		n, err := out[i].Bytes()
		if err != nil {
			return g, err
		}
		elements += n
		g.launch.Outputs = append(g.launch.Outputs, core.Spec{DType: d, Shape: out[i].Shape})
	}
	constants, err := k.sig.Constants(k.attrs)
	if err != nil {
		return g, err
	}
	g.code = constants + src.Code
	g.name = k.gpuName(in)
	if g.empty = elements == 0; g.empty {
		return g, nil
	}
	g.launch.Grid, err = k.grid(src, in)
	threads := src.Threads
	if threads == 0 {
		threads = groupSize
	}
	g.launch.Group = [3]int{min(threads, g.launch.Grid[0]), 1, 1}
	return g, err
}

// gpuName is unique to a kernel of a description, its attributes, and the types of
// the inputs, since the engine keeps compiled kernels by their names.
func (k *Kernel) gpuName(in []Type) string {
	var types strings.Builder
	for _, t := range in {
		fmt.Fprintf(&types, "%s %d;", t.DType, len(t.Shape))
	}
	call := sha256.Sum256([]byte(spec.AttrKey(k.attrs) + types.String()))
	return fmt.Sprintf("%s_%s_%x", k.name, k.plugin.digest[:16], call[:6])
}

// grid evaluates the expressions for the numbers of threads.
func (k *Kernel) grid(src *spec.Source, in []Type) ([3]int, error) {
	grid := [3]int{1, 1, 1}
	names := k.sig.Kernel()
	shapes := make([][]int, len(in))
	for i, t := range in {
		shapes[i] = t.Shape
	}
	for axis, text := range src.Grid {
		e, err := shape.Parse(text, names.InputNames())
		if err == nil {
			grid[axis], err = e.Int(shapes)
		}
		if err == nil && (grid[axis] < 1 || grid[axis] > math.MaxInt32) {
			err = fmt.Errorf("%q gives %d threads on axis %d; it needs 1 to %d", text, grid[axis], axis, math.MaxInt32)
		}
		if err != nil {
			return grid, &spec.ArgumentError{Kernel: k.name, Reason: fmt.Sprintf("its %s grid: %v", src.Backend, err), Err: err}
		}
	}
	return grid, nil
}

// customRules are the kernel's rules where the call itself is an operation of the
// engine, which knows none.
func (k *Kernel) customRules() core.CustomRules {
	about := k.sig.Kernel()
	r := core.CustomRules{
		VJP: func(primals, results, cotangents []*core.Array) []*core.Array {
			return k.pullBack(primals, cotangents, results)
		},
		JVP: func(primals, _, tangents []*core.Array) []*core.Array { return k.pushForward(primals, tangents) },
		VMap: func(inputs []*core.Array, axes []int, _ int) []*core.Array {
			out, _ := k.overBatch(inputs, axes)
			return out
		},
	}
	if about.VJP == "" {
		r.VJP = func(_, _, _ []*core.Array) []*core.Array {
			core.Failf(k.String(), "%w: the kernel has no VJP", core.ErrNotDifferentiable)
			return nil
		}
	}
	if about.JVP == "" {
		r.JVP = func(_, _, _ []*core.Array) []*core.Array {
			core.Failf(k.String(), "%w: the kernel has no JVP", core.ErrNotDifferentiable)
			return nil
		}
	}
	if about.VMap != spec.BatchLeading {
		r.VMap = func([]*core.Array, []int, int) []*core.Array {
			core.Failf(k.String(), "%w: the kernel declares none", core.ErrNoBatchRule)
			return nil
		}
	}
	return r
}
