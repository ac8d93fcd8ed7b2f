package conformance

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/adjoint-go/adjoint/conformance/internal/sample"
	"github.com/adjoint-go/adjoint/core"
)

// how evaluates a function of a subject's inputs: as it is, or as a program.
type how func(s *subject, f core.FlatFunc, in []sample.Value, others func() []sample.Value) ([]sample.Value, error)

func eagerly(s *subject, f core.FlatFunc, in []sample.Value, _ func() []sample.Value) ([]sample.Value, error) {
	as := sample.Arrays(in)
	return sample.Read(f(as)), s.unmodified(as, in)
}

// recorded records f on other inputs, so that a value that the trace froze shows.
func recorded(s *subject, f core.FlatFunc, in []sample.Value, others func() []sample.Value) ([]sample.Value, error) {
	p := core.NewProgram()
	defer p.Close()
	g, err := compiled(p, f, sample.Arrays(others()))
	if err != nil {
		return nil, err
	}
	as := sample.Arrays(in)
	return sample.Read(g(as)), s.unmodified(as, in)
}

// compiled records f for inputs like as and returns what replays it.
func compiled(p *core.Program, f core.FlatFunc, as []*core.Array) (core.FlatFunc, error) {
	if p.Trace("compile", f, []byte("f"), as, false, 0, 4, nil).Captured {
		return nil, errors.New("compile could not record the op")
	}
	return func(in []*core.Array) []*core.Array {
		out, _, ok := p.Run("compile", []byte("f"), in, false)
		if !ok {
			panic("compile lost the trace that it had recorded")
		}
		return out
	}, nil
}

// vectorised are the primitives that a fused group computes with the C library's
// vector functions, which round otherwise than the scalar ones of an op by itself.
var vectorised = regexp.MustCompile(`"op":"(Arc\w+|Cosh?|Erf|ErfInv|Exp|Expm1|Log|Log2|Log10|Log1p|LogAddExp|Power|Sigmoid|Sinh?|Tanh?)"`)

// agree fails where a program's results differ from those of the eager op: in a
// bit, or, if the op is made of vectorised primitives, by more than rounding.
func (s *subject) agree(got, want []sample.Value) error {
	err := sample.SameBits(got, want)
	if err == nil {
		return nil
	}
	p := core.NewProgram()
	defer p.Close()
	r := p.Trace("compile", s.fn, []byte("f"), sample.Arrays(s.inputs(0)), false, 1, 1, nil)
	if text, ok := p.Describe("compile", r.Tag); !ok || !vectorised.Match(text) {
		return err
	}
	if _, far := sample.Near(got, want, sample.Rounding); far != nil {
		return err
	}
	return nil
}

// identical fails where results differ in a bit.
func (*subject) identical(got, want []sample.Value) error { return sample.SameBits(got, want) }

func checkCompile(s *subject, _ string) (outcome, error) {
	p := core.NewProgram()
	defer p.Close()
	in := s.inputs(0)
	as := sample.Arrays(in)
	f, err := compiled(p, s.fn, as)
	if err != nil {
		return outcome{}, err
	}
	want := s.run(in)
	if err := s.agree(sample.Read(f(as)), want); err != nil {
		return outcome{}, err
	}
	if err := s.unmodified(as, in); err != nil {
		return outcome{}, err
	}
	fresh := s.inputs(1)
	if err := s.agree(sample.Read(f(sample.Arrays(fresh))), s.run(fresh)); err != nil {
		return outcome{}, fmt.Errorf("on other inputs: %w", err)
	}
	held := f(as)
	p.Trace("compile", s.fn, []byte("another"), as, false, 0, 1, nil)
	if _, _, ok := p.Run("compile", []byte("f"), as, false); ok {
		return outcome{}, errors.New("the trace was not evicted from a cache of one")
	}
	if err := s.agree(sample.Read(held), want); err != nil {
		return outcome{}, fmt.Errorf("after the trace was evicted: %w", err)
	}
	return outcome{}, nil
}
