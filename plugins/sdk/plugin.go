package sdk

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"unsafe"

	"github.com/adjoint-go/adjoint/plugins/spec"
)

// Plugin collects the kernels of a plugin.
type Plugin struct {
	id, version, build string
	kernels            []*Kernel
}

// New begins a plugin. The id has the form org/name, the version 1.2.3.
func New(id, version string) *Plugin { return &Plugin{id: id, version: version} }

// Build records what the program was built from, for people to read.
func (p *Plugin) Build(text string) *Plugin {
	p.build = text
	return p
}

// Kernel begins the declaration of a kernel.
func (p *Plugin) Kernel(name string) *Kernel {
	k := &Kernel{spec: spec.Kernel{Name: name}}
	p.kernels = append(p.kernels, k)
	return k
}

// Manifest returns the description of the plugin, or the first mistake in it.
func (p *Plugin) Manifest() (*spec.Plugin, error) {
	m := &spec.Plugin{ID: p.id, Version: p.version, Build: p.build}
	for _, k := range p.kernels {
		about, err := k.describe()
		if err != nil {
			return nil, &spec.InvalidError{Plugin: p.id, Kernel: k.spec.Name, Reason: err.Error()}
		}
		m.Kernels = append(m.Kernels, about)
	}
	if err := m.Validate(); err != nil {
		return nil, err
	}
	for _, k := range p.kernels {
		reason := errors.Join(k.errs...)
		if reason == nil && k.cpu == nil {
			reason = errors.New("it has no CPU function")
		}
		if reason != nil {
			return nil, &spec.InvalidError{Plugin: p.id, Kernel: k.spec.Name, Reason: reason.Error()}
		}
	}
	return m, nil
}

// Run calls a kernel in this process, with the checks that a host makes, so
// that kernels can be tested without one. An unknown kernel and inputs it does
// not take are errors; so are a kernel's own error and its panic.
func (p *Plugin) Run(ctx context.Context, kernel string, in ...Tensor) ([]Tensor, error) {
	return p.RunWith(ctx, kernel, nil, in...)
}

// RunWith is Run with attributes by their names; the others have their initial
// values.
func (p *Plugin) RunWith(ctx context.Context, kernel string, attrs map[string]any, in ...Tensor) ([]Tensor, error) {
	b, err := p.bind()
	if err != nil {
		return nil, err
	}
	k, err := b.kernel(kernel)
	if err != nil {
		return nil, err
	}
	values, err := k.sig.Attrs(attrs)
	if err != nil {
		return nil, err
	}
	types, err := typesOf(in)
	if err != nil {
		return nil, err
	}
	want, err := b.infer(kernel, types, values)
	if err != nil {
		return nil, err
	}
	out := make([]Tensor, len(want))
	for i, t := range want {
		if out[i], err = spec.Zeros(t); err != nil {
			return nil, err
		}
	}
	return out, b.run(ctx, kernel, values, in, out)
}

// bound is a plugin whose declarations were checked.
type bound struct {
	about   *spec.Plugin
	kernels map[string]boundKernel
}

type boundKernel struct {
	*Kernel
	sig *spec.Signature
}

func (p *Plugin) bind() (*bound, error) {
	about, err := p.Manifest()
	if err != nil {
		return nil, err
	}
	b := &bound{about: about, kernels: make(map[string]boundKernel, len(p.kernels))}
	for _, k := range p.kernels {
		sig, err := spec.Compile(k.spec)
		if err != nil {
			return nil, err
		}
		b.kernels[k.spec.Name] = boundKernel{k, sig}
	}
	return b, nil
}

// refusal is a call that was not acceptable, as opposed to one that failed.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

func (b *bound) kernel(name string) (boundKernel, error) {
	k, ok := b.kernels[name]
	if !ok {
		return k, refusal{fmt.Errorf("plugin %s has no kernel %q", b.about.ID, name)}
	}
	return k, nil
}

// infer returns the types of a kernel's outputs.
func (b *bound) infer(name string, in []Type, attrs []spec.AttrValue) (out []Type, err error) {
	k, err := b.kernel(name)
	if err != nil {
		return nil, err
	}
	if err := k.sig.CheckAttrs(attrs); err != nil {
		return nil, refusal{err}
	}
	out, err = k.sig.Infer(in)
	if errors.Is(err, spec.ErrAsks) {
		defer recovered(name, nil, &err)
		if out, err = k.infer(in, attrMap(attrs)); err != nil {
			return nil, err
		}
		return out, k.sig.CheckOutputs(out)
	}
	if err != nil {
		return nil, refusal{err}
	}
	return out, nil
}

func attrMap(values []spec.AttrValue) map[string]any {
	m := make(map[string]any, len(values))
	for _, v := range values {
		m[v.Name] = v.Value
	}
	return m
}

func typesOf(in []Tensor) ([]Type, error) {
	types := make([]Type, len(in))
	for i, t := range in {
		types[i] = t.Type
		if err := t.Check(); err != nil {
			return nil, refusal{fmt.Errorf("input %d: %w", i, err)}
		}
	}
	return types, nil
}

// run calls a kernel, which fills out.
func (b *bound) run(ctx context.Context, name string, attrs []spec.AttrValue, in, out []Tensor) error {
	types, err := typesOf(in)
	if err != nil {
		return err
	}
	have, err := b.infer(name, types, attrs)
	if err != nil {
		return err
	}
	want := make([]Type, len(out))
	for i := range out {
		want[i] = out[i].Type
	}
	if err := sameTypes(have, want); err != nil {
		return refusal{err}
	}
	c := &Call{ctx: ctx, kernel: name, in: in, out: out, attrs: attrMap(attrs)}
	if err := c.invoke(b.kernels[name].cpu); err != nil {
		return err
	}
	return ctx.Err()
}

func sameTypes(have, want []Type) error {
	if len(have) != len(want) {
		return fmt.Errorf("the kernel has %d outputs, the host expects %d", len(have), len(want))
	}
	for i := range have {
		if !have[i].Equal(want[i]) {
			return fmt.Errorf("output %d is %s, the host expects %s", i, have[i], want[i])
		}
	}
	return nil
}

// invoke calls f. An access of the wrong dtype is reported before the panic it
// is likely to cause, since it is the reason. An access to memory that is not
// there, or to inputs for writing, is a panic too and does not end the process.
func (c *Call) invoke(f func(*Call) error) (err error) {
	defer func() {
		if c.err != nil {
			err = c.err
		}
	}()
	defer recovered(c.kernel, c.in, &err)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	return f(c)
}

// PanicError is a panic of a kernel.
type PanicError struct {
	Kernel string
	Value  any
	Stack  string // the frames, innermost first
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("kernel %s panicked: %v", e.Kernel, e.Value)
}

// recovered turns a panic into an error. in are the inputs, which may be in memory
// that can only be read.
func recovered(kernel string, in []Tensor, err *error) {
	v := recover()
	if v == nil {
		return
	}
	if fault, ok := v.(interface{ Addr() uintptr }); ok {
		for i, t := range in {
			start := uintptr(unsafe.Pointer(unsafe.SliceData(t.Data)))
			if a := fault.Addr(); a >= start && a-start < uintptr(len(t.Data)) {
				v = fmt.Sprintf("it wrote to its input %d; inputs can only be read", i)
			}
		}
	}
	*err = &PanicError{Kernel: kernel, Value: v, Stack: strings.TrimSpace(string(debug.Stack()))}
}
