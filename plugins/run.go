package plugins

import (
	"context"
	"fmt"
	"time"

	"github.com/adjoint-go/adjoint/plugins/internal/shm"
	"github.com/adjoint-go/adjoint/plugins/kernelpb"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

// job is one call of a kernel.
type job struct {
	kernel string
	attrs  []spec.AttrValue
	in     []Tensor
	want   []Type
	out    [][]byte // where the outputs go: as many bytes as want says
}

// Run calls a kernel on the CPU with the initial values of its attributes and
// waits for its outputs. The errors are those that the package's text lists; a
// kernel's own error is a [*KernelError]. The inputs are not changed, and the
// outputs are the caller's.
func (p *Plugin) Run(ctx context.Context, kernel string, in ...Tensor) ([]Tensor, error) {
	return p.RunWith(ctx, kernel, nil, in...)
}

// RunWith is Run with values of attributes.
func (p *Plugin) RunWith(ctx context.Context, kernel string, attrs map[string]any, in ...Tensor) ([]Tensor, error) {
	sig, err := p.signature(kernel)
	if err != nil {
		return nil, err
	}
	j := job{kernel: kernel, in: in}
	if j.attrs, err = sig.Attrs(attrs); err != nil {
		return nil, fmt.Errorf("plugin %s: %w", p.ID(), err)
	}
	types := make([]Type, len(in))
	for i, t := range in {
		if err := t.Check(); err != nil {
			return nil, &spec.ArgumentError{Kernel: kernel, Reason: fmt.Sprintf("input %d: %v", i, err), Err: err}
		}
		types[i] = t.Type
	}
	if j.want, err = p.infer(ctx, sig, j.attrs, types); err != nil {
		return nil, err
	}
	return p.collect(ctx, j)
}

// RunUnchecked sends a call as it is: the kernel's rules are not asked whether the
// inputs are acceptable, nor what the outputs will be, which want says. It is for
// finding out whether the plugin itself refuses what it must.
func (p *Plugin) RunUnchecked(ctx context.Context, kernel string, attrs map[string]any, in []Tensor, want []Type) ([]Tensor, error) {
	sig, err := p.signature(kernel)
	if err != nil {
		return nil, err
	}
	j := job{kernel: kernel, in: in, want: want}
	if j.attrs, err = sig.Attrs(attrs); err != nil {
		return nil, err
	}
	return p.collect(ctx, j)
}

// collect makes a call with memory for its outputs.
func (p *Plugin) collect(ctx context.Context, j job) ([]Tensor, error) {
	out := make([]Tensor, len(j.want))
	j.out = make([][]byte, len(j.want))
	for i, t := range j.want {
		var err error
		if out[i], err = spec.Zeros(t); err != nil {
			return nil, err
		}
		j.out[i] = out[i].Data
	}
	if err := p.run(ctx, j); err != nil {
		return nil, err
	}
	return out, nil
}

// run makes a call. Outputs are copied to the host's memory before it returns,
// and not written after that.
func (p *Plugin) run(ctx context.Context, j job) error {
	in, inSize, err := layout(typesOf(j.in))
	if err != nil {
		return err
	}
	out, outSize, err := layout(j.want)
	if err != nil {
		return err
	}
	return p.call(ctx, j.kernel, func(ctx context.Context, proc *process, id uint64, left time.Duration) (err error) {
		well := false
		var from, to *segment
		if inSize > 0 {
			if from, err = proc.arena.take(ctx, inSize, shm.ReadOnly); err != nil {
				return err
			}
			defer func() { proc.arena.give(from, well) }()
		}
		if outSize > 0 {
			if to, err = proc.arena.take(ctx, outSize, shm.ReadWrite); err != nil {
				return err
			}
			defer func() { proc.arena.give(to, well) }()
		}
		for i, t := range j.in {
			if in[i].Segment == 0 {
				if in[i].Inline = t.Data; t.Data == nil {
					in[i].Inline = []byte{}
				}
				continue
			}
			in[i].Segment = from.id
			copyBytes(from.Mem[in[i].Offset:], t.Data)
		}
		for i := range out {
			if out[i].Segment != 0 {
				out[i].Segment = to.id
			}
		}
		reply, err := proc.kernels.Run(ctx, &kernelpb.RunRequest{
			Call: id, Kernel: j.kernel, Attrs: kernelpb.AttrsToWire(j.attrs),
			Inputs: kernelpb.RefsToWire(in), Outputs: kernelpb.RefsToWire(out), TimeoutUs: left.Microseconds(),
		})
		if err != nil {
			return err
		}
		if e := reply.GetError(); e != nil {
			well = true
			return p.refused(j.kernel, e)
		}
		err = p.accept(j, reply.GetOutputs(), out, to)
		well = err == nil
		return err
	})
}

func typesOf(in []Tensor) []Type {
	types := make([]Type, len(in))
	for i, t := range in {
		types[i] = t.Type
	}
	return types
}

// accept checks what a plugin returned against what it was asked for, and copies
// the elements.
func (p *Plugin) accept(j job, wire []*kernelpb.Tensor, asked []kernelpb.Ref, to *segment) error {
	bad := func(format string, args ...any) error {
		return &ReplyError{Plugin: p.ID(), Kernel: j.kernel, Reason: fmt.Sprintf(format, args...)}
	}
	if len(wire) != len(asked) {
		return bad("%d outputs where the kernel declares %d", len(wire), len(asked))
	}
	got, err := kernelpb.RefsFromWire(wire, false)
	if err != nil {
		return bad("%v", err)
	}
	for i, g := range got {
		if !g.Type.Equal(asked[i].Type) {
			return bad("output %d is %s where the kernel's rules say %s", i, g.Type, asked[i].Type)
		}
		if g.Place != asked[i].Place {
			return bad("output %d is %s where the host asked for it %s", i, placeText(g.Place, to), placeText(asked[i].Place, to))
		}
		src := g.Inline
		if g.Segment != 0 {
			src = to.Mem[g.Offset : g.Offset+g.Length]
		}
		copyBytes(j.out[i], src)
		// The copy is looked at, since the plugin may still change the original.
		if err := (Tensor{Type: g.Type, Data: j.out[i]}).Check(); err != nil {
			return bad("output %d: %v", i, err)
		}
	}
	return nil
}

func placeText(at kernelpb.Place, s *segment) string {
	if at.Segment == 0 {
		return "in the message"
	}
	text := fmt.Sprintf("in segment %d at %d", at.Segment, at.Offset)
	if s != nil && at.Segment == s.id && (at.Offset > uint64(len(s.Mem)) || at.Length > uint64(len(s.Mem))-at.Offset) {
		text += fmt.Sprintf(", past its end of %d bytes,", len(s.Mem))
	}
	return text
}

func (p *Plugin) refused(kernel string, e *kernelpb.Error) error {
	if e == nil {
		return nil
	}
	refused := &KernelError{
		Plugin: p.ID(), Kernel: kernel, Message: e.GetMessage(),
		Panicked: e.GetCode() == kernelpb.Code_PANICKED, Refused: e.GetCode() == kernelpb.Code_REFUSED,
	}
	if e.GetCode() == kernelpb.Code_CANCELLED {
		return &gaveUpError{refused}
	}
	return refused
}

// gaveUpError is a kernel's end because of a deadline or of Cancel.
type gaveUpError struct{ *KernelError }
