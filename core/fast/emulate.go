package fast

import (
	"context"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/fast/emulate"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

// Emulate runs the kernel on a machine without Metal, to see whether it is
// right: package [emulate] says what it finds. It evaluates the inputs and
// returns one array per output; a Strided kernel gets the strides of row-major
// order. It needs a C++ compiler and Linux, and is slow.
// What is wrong with the kernel is an [*emulate.Error].
func (k MetalKernel) Emulate(ctx context.Context, l Launch, in ...*core.Array) (out []*core.Array, err error) {
	defer core.Catch(&err)
	kernel := emulate.Kernel{
		Name: k.Name, Inputs: k.Inputs, Outputs: k.Outputs, Source: k.Source, Header: k.Header, Strided: k.Strided, AtomicOutputs: k.AtomicOutputs,
	}
	launch := emulate.Launch{Grid: l.Grid, Group: l.Group, InitValue: l.InitValue, Template: map[string]any{}}
	for name, v := range l.Template {
		if d, ok := v.(core.DType); ok {
			v = spec.DType(d.String())
		}
		launch.Template[name] = v
	}
	for _, o := range l.Outputs {
		launch.Outputs = append(launch.Outputs, typeOf(o))
	}
	tensors := make([]spec.Tensor, len(in))
	for i, a := range in {
		tensors[i] = spec.Tensor{Type: typeOf(a.Spec()), Data: a.Bytes()}
	}
	results, err := kernel.Run(ctx, launch, tensors...)
	if err != nil {
		return nil, err
	}
	for i, t := range results {
		out = append(out, core.FromBytes(l.Outputs[i].DType, t.Data, t.Shape...))
	}
	return out, nil
}

func typeOf(s core.Spec) spec.Type {
	return spec.Type{DType: spec.DType(s.DType.String()), Shape: s.Shape}
}
