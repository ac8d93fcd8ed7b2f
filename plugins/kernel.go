package plugins

import (
	"context"
	"fmt"
	"time"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

// Kernel is a plugin's kernel as an op on arrays, with values for its attributes.
// It may be used by many goroutines at once.
type Kernel struct {
	plugin *Plugin
	sig    *spec.Signature
	name   string
	with   With
	attrs  []spec.AttrValue
}

// With says how a kernel is called. The zero value is what [Plugin.Kernel] uses.
type With struct {
	// Attrs are values of attributes by name: any Go integer, float, bool or
	// string. Those that are not here have the values that the author chose.
	Attrs map[string]any
	// Device is where the kernel runs: core.CPU is the plugin's process; for a GPU,
	// or a stream of one, the host compiles the kernel's source. nil: where other
	// operations run, or the plugin's process if the kernel has no source for that.
	Device core.Target
	// Timeout of one call, start included; 0: Options.CallTimeout.
	Timeout time.Duration
}

// Kernel returns one of the plugin's kernels. An unknown name is an
// [*UnknownKernelError].
func (p *Plugin) Kernel(name string) (*Kernel, error) {
	sig, err := p.signature(name)
	if err != nil {
		return nil, err
	}
	return (&Kernel{plugin: p, sig: sig, name: name}).With(With{})
}

// With returns the kernel to be called as w says. An attribute that the kernel does
// not have and a value of another kind are a [*spec.ArgumentError].
func (k *Kernel) With(w With) (*Kernel, error) {
	attrs, err := k.sig.Attrs(w.Attrs)
	if err != nil {
		return nil, fmt.Errorf("plugin %s: %w", k.plugin.ID(), err)
	}
	if w.Timeout < 0 {
		return nil, fmt.Errorf("plugin %s: kernel %s: a timeout of %s", k.plugin.ID(), k.name, w.Timeout)
	}
	return &Kernel{plugin: k.plugin, sig: k.sig, name: k.name, with: w, attrs: attrs}, nil
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
// another error of this package, and the outputs stay unevaluated: evaluating
// them again calls the kernel again.
func (k *Kernel) Call(inputs ...*core.Array) []*core.Array {
	op := k.op()
	types := make([]Type, len(inputs))
	for i, a := range inputs {
		if a == nil {
			core.Fail(k.String(), inputs, fmt.Errorf("input %d: %w", i, core.ErrNil))
		}
		types[i] = specType(op.InputSpec(a))
	}
	out, err := k.infer(types)
	if err != nil {
		core.Fail(k.String(), inputs, err)
	}
	if k.onGPU() {
		return k.launch(inputs, out)
	}
	shapes, dtypes := make([][]int, len(out)), make([]core.DType, len(out))
	for i, t := range out {
		shapes[i] = t.Shape
		if dtypes[i], err = core.ParseDType(string(t.DType)); err != nil {
			core.Fail(k.String(), inputs, err)
		}
	}
	return op.Call(inputs, shapes, dtypes)
}

func (k *Kernel) infer(in []Type) ([]Type, error) {
	ctx, cancel := k.context()
	defer cancel()
	return k.plugin.infer(ctx, k.sig, k.attrs, in)
}

// context ends with the kernel's own timeout; the plugin's bounds it too.
func (k *Kernel) context() (context.Context, context.CancelFunc) {
	if k.with.Timeout > 0 {
		return context.WithTimeout(context.Background(), k.with.Timeout)
	}
	return context.WithCancel(context.Background())
}

// typeOf is for what depends on the sizes: a shapeless program is tied to them.
func typeOf(a *core.Array) Type { return specType(a.Spec()) }

func specType(s core.Spec) Type {
	return Type{DType: spec.DType(s.DType.String()), Shape: s.Shape}
}

// eval runs the kernel on raw memory.
func (k *Kernel) eval(in, out []core.ForeignBuffer) error {
	j := job{kernel: k.name, attrs: k.attrs, in: make([]Tensor, len(in)), want: make([]Type, len(out)), out: make([][]byte, len(out))}
	for i, b := range in {
		j.in[i] = Tensor{Type: bufferType(b), Data: b.Bytes}
	}
	for i, b := range out {
		j.want[i], j.out[i] = bufferType(b), b.Bytes
	}
	ctx, cancel := k.context()
	defer cancel()
	return k.plugin.run(ctx, j)
}

func bufferType(b core.ForeignBuffer) Type {
	return Type{DType: spec.DType(b.DType.String()), Shape: b.Shape}
}
