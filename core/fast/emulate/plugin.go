package emulate

import (
	"context"
	"fmt"
	"slices"

	"github.com/adjoint-go/adjoint/plugins/shape"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

// hostThreads is the size of a threadgroup when a plugin leaves it to the host.
const hostThreads = 256

// Metal returns the Metal source of a plugin's kernel as a [Kernel], and its
// launch for inputs of these types and the initial values of its attributes. The
// types of the outputs follow from the kernel's rules; for one without rules, which
// its plugin must be asked about, they are given in out. ok is false if the kernel
// has no Metal source. An input without axes is to be run as one of shape [1], as
// the host does.
func Metal(k spec.Kernel, in, out []spec.Type) (kernel Kernel, launch Launch, ok bool, err error) {
	i := slices.IndexFunc(k.Sources, func(s spec.Source) bool { return s.Backend == spec.Metal })
	if i < 0 {
		return Kernel{}, Launch{}, false, nil
	}
	source := k.Sources[i]
	sig, err := spec.Compile(k)
	if err != nil {
		return Kernel{}, Launch{}, false, err
	}
	if err := sig.Check(in); err != nil {
		return Kernel{}, Launch{}, false, err
	}
	if out == nil {
		if out, err = sig.Infer(in); err != nil {
			return Kernel{}, Launch{}, false, err
		}
	}
	attrs, err := sig.Attrs(nil)
	if err != nil {
		return Kernel{}, Launch{}, false, err
	}
	constants, err := sig.Constants(attrs)
	if err != nil {
		return Kernel{}, Launch{}, false, err
	}
	kernel = Kernel{Name: k.Name, Inputs: k.InputNames(), Source: constants + source.Code}
	for _, o := range k.Outputs {
		kernel.Outputs = append(kernel.Outputs, o.Name)
	}
	launch = Launch{Grid: [3]int{1, 1, 1}, Group: [3]int{1, 1, 1}, Outputs: out}
	shapes := make([][]int, len(in))
	for i, t := range in {
		shapes[i] = t.Shape
	}
	for axis, text := range source.Grid {
		e, err := shape.Parse(text, kernel.Inputs)
		if err == nil {
			launch.Grid[axis], err = e.Int(shapes)
		}
		if err != nil {
			return Kernel{}, Launch{}, false, fmt.Errorf("kernel %s: the metal grid: %w", k.Name, err)
		}
	}
	launch.Group[0] = source.Threads
	if source.Threads == 0 {
		launch.Group[0] = min(hostThreads, max(launch.Grid[0], 1))
	}
	return kernel, launch, true, nil
}

// RunPlugin runs the Metal source of a plugin's kernel as [Metal] describes it.
// Outputs that are all empty need no run. A kernel without such a source is
// [ErrNoMetal].
func RunPlugin(ctx context.Context, k spec.Kernel, in []spec.Tensor, out []spec.Type) ([]spec.Tensor, error) {
	types := make([]spec.Type, len(in))
	for i, t := range in {
		types[i] = t.Type
	}
	kernel, launch, ok, err := Metal(k, types, out)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("kernel %s: %w", k.Name, ErrNoMetal)
	}
	empty := make([]spec.Tensor, len(launch.Outputs))
	for i, t := range launch.Outputs {
		if n, err := t.Bytes(); err != nil || n > 0 {
			return kernel.Run(ctx, launch, elements(in)...)
		}
		empty[i] = spec.Tensor{Type: t, Data: []byte{}}
	}
	return empty, nil
}

// elements are the tensors with an axis where one has none: MLX passes what has no
// axis as a reference, which cannot be indexed as the same kernel's larger inputs are.
func elements(in []spec.Tensor) []spec.Tensor {
	out := slices.Clone(in)
	for i := range out {
		if len(out[i].Shape) == 0 {
			out[i].Shape = []int{1}
		}
	}
	return out
}
