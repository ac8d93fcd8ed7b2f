package plugins

import (
	"context"
	"fmt"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

// Kernel is a plugin's kernel as an op on arrays. It may be used by many
// goroutines at once.
type Kernel struct {
	plugin *Plugin
	sig    *spec.Signature
	name   string
}

// Kernel returns one of the plugin's kernels. An unknown name is an
// [*UnknownKernelError].
func (p *Plugin) Kernel(name string) (*Kernel, error) {
	sig, err := p.signature(name)
	if err != nil {
		return nil, err
	}
	return &Kernel{plugin: p, sig: sig, name: name}, nil
}

// Name returns the kernel's name within its plugin.
func (k *Kernel) Name() string { return k.name }

// Spec returns what the plugin says about the kernel, its GPU sources among it.
func (k *Kernel) Spec() spec.Kernel { return k.sig.Kernel() }

// String returns the name of the op: org/name.kernel.
func (k *Kernel) String() string { return k.plugin.ID() + "." + k.name }

// Call applies the kernel and returns its outputs, lazily as every op does.
// Inputs that it does not take are a panic with a [*core.Error] that names the
// kernel and wraps a [*spec.ArgumentError]. What goes wrong in the plugin shows
// when the outputs are evaluated; the error then wraps a [*CrashError] or
// another error of this package.
func (k *Kernel) Call(inputs ...*core.Array) []*core.Array {
	types := make([]Type, len(inputs))
	for i, a := range inputs {
		if a == nil {
			core.Fail(k.String(), inputs, fmt.Errorf("input %d: %w", i, core.ErrNil))
		}
		types[i] = typeOf(a)
	}
	out, err := k.plugin.Infer(context.Background(), k.name, types...)
	if err != nil {
		core.Fail(k.String(), inputs, err)
	}
	shapes, dtypes := make([][]int, len(out)), make([]core.DType, len(out))
	for i, t := range out {
		shapes[i] = t.Shape
		if dtypes[i], err = core.ParseDType(string(t.DType)); err != nil {
			core.Fail(k.String(), inputs, err)
		}
	}
	return k.op().Call(inputs, shapes, dtypes)
}

func typeOf(a *core.Array) Type {
	s := a.Spec()
	return Type{DType: spec.DType(s.DType.String()), Shape: s.Shape}
}

// eval runs the kernel on raw memory.
func (k *Kernel) eval(in, out []core.ForeignBuffer) error {
	tensors := make([]Tensor, len(in))
	for i, b := range in {
		tensors[i] = Tensor{Type: Type{DType: spec.DType(b.DType.String()), Shape: b.Shape}, Data: b.Bytes}
	}
	results, err := k.plugin.Run(context.Background(), k.name, tensors...)
	if err != nil {
		return err
	}
	for i, r := range results {
		if len(r.Data) != len(out[i].Bytes) {
			return &ReplyError{Plugin: k.plugin.ID(), Kernel: k.name,
				Reason: fmt.Sprintf("output %d has %d bytes where the engine expects %d", i, len(r.Data), len(out[i].Bytes))}
		}
		copy(out[i].Bytes, r.Data)
	}
	return nil
}
