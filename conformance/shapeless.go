package conformance

import (
	"errors"
	"fmt"
	"strings"

	"github.com/adjoint-go/adjoint/conformance/internal/sample"
	"github.com/adjoint-go/adjoint/core"
)

// checkShapeless records the op, or its derivative or mapping that arg names,
// without sizes and replays it on larger arrays. Only an op whose row says so may
// refuse that.
func checkShapeless(s *subject, arg string) (outcome, error) {
	var o outcome
	p := core.NewProgram()
	defer p.Close()
	f := s.sizeless(arg)
	same, passes := s.agree, 0
	if arg != "" {
		// The rules of a call are put together in another order. Fused functions, which
		// round otherwise, are left to the other kinds.
		passes = 1
		same = func(got, want []sample.Value) error {
			_, err := sample.Near(got, want, func(d core.DType) float64 { return 2 * sample.Rounding(d) })
			return err
		}
	}
	// What takes no other sizes is replayed on its own, too.
	for round, by := range []int{0, 1, 2, 0} {
		sized, ok := s.grown(by)
		if !ok {
			continue
		}
		in := sized.inputs(round)
		var want []sample.Value
		if caught(func() error { want = sample.Read(f(sample.Arrays(in))); return nil }) != nil {
			continue
		}
		if by > 0 {
			o.gap = s.NoShapeless
		}
		as := sample.Arrays(in)
		var got []sample.Value
		err := caught(func() error {
			out, _, ok := p.Run("compile", []byte("f"), as, true)
			if !ok {
				r := p.Trace("compile", f, []byte("f"), as, true, passes, 4, nil)
				if r.Captured || r.Sized {
					return errors.New("compile could not record the op")
				}
				out = r.Out
			}
			got = sample.Read(out)
			return nil
		})
		if o.gap != "" && errors.Is(err, core.ErrShapeless) {
			o.refused = true
			return o, nil
		}
		if err != nil {
			return o, fmt.Errorf("on sizes grown by %d: %w", by, err)
		}
		if err := same(got, want); err != nil {
			return o, fmt.Errorf("on sizes grown by %d: %w", by, err)
		}
		if err := s.unmodified(as, in); err != nil {
			return o, err
		}
	}
	return o, nil
}

// sizeless is the op, or what arg names of it, as a function that asks for no sizes.
func (s *subject) sizeless(arg string) core.FlatFunc {
	wrt := s.wrt()
	switch arg {
	case "grad":
		return func(in []*core.Array) []*core.Array {
			_, g := core.Differentiate("grad", func(in []*core.Array) []*core.Array {
				return []*core.Array{squares(s.fn(in))}
			}, in, wrt)
			return g
		}
	case "jvp":
		return func(in []*core.Array) []*core.Array {
			along := make([]*core.Array, len(wrt))
			for i, at := range wrt {
				along[i] = in[at]
			}
			_, d := core.PushForward("jvp", s.fn, in, wrt, along)
			return d
		}
	case "vmap":
		return func(in []*core.Array) []*core.Array {
			two := make([]*core.Array, len(in))
			for i, a := range in {
				two[i] = core.Stack(0, a, a)
			}
			return core.Vectorize("vmap", func(in []*core.Array) ([]*core.Array, []int) {
				out := s.fn(in)
				return out, make([]int, len(out))
			}, two, make([]int, len(in)))
		}
	}
	return s.fn
}

// squares is half the sum of |y|² of floating results that are finite.
func squares(results []*core.Array) *core.Array {
	sum := core.Scalar(float32(0))
	for _, y := range results {
		switch d := y.DType(); {
		case d == core.Complex64:
			sum = sum.Add(y.Real().Square().Sum()).Add(y.Imag().Square().Sum())
		case d.IsInexact():
			y = core.Where(y.IsFinite(), y, y.ScalarLike(0))
			sum = sum.Add(y.AsType(core.Float32).Square().Sum())
		}
	}
	return sum.Mul(sum.ScalarLike(0.5))
}

// grown is the subject with every axis longer by as much, where it is of 2 or
// more, so that equal sizes stay equal; ok is false where a domain fixes sizes.
func (s *subject) grown(by int) (out *subject, ok bool) {
	c := *s
	c.leaves = nil
	for _, l := range s.leaves {
		switch strings.TrimRight(l.Sample.Domain, "0123456789") {
		case "perm", "seg":
			if by > 0 {
				return nil, false
			}
		case "key":
			c.leaves = append(c.leaves, l)
			continue
		}
		shape := make([]int, len(l.Sample.Shape))
		for i, d := range l.Sample.Shape {
			shape[i] = d
			if d > 1 {
				shape[i] += by
			}
		}
		l.Sample.Shape = shape
		c.leaves = append(c.leaves, l)
	}
	return &c, true
}
