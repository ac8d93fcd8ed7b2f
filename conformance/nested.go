package conformance

import (
	"errors"
	"fmt"

	"github.com/adjoint-go/adjoint/conformance/internal/sample"
	"github.com/adjoint-go/adjoint/core"
)

// checkNested compares derivatives and the mapping of a compiled op with those of
// the op, as they are and compiled once more.
func checkNested(s *subject, _ string) (outcome, error) {
	var o outcome
	in, _, weights, err := s.prepared()
	if err != nil {
		return o, err
	}
	inner := core.NewProgram()
	defer inner.Close()
	as := sample.Arrays(in)
	f, err := compiled(inner, s.smooth, sample.Arrays(s.other()))
	if err != nil {
		return o, err
	}
	wrt := s.wrt()
	tangents := s.tangents(in, wrt)
	axes := make([]int, len(as))
	for _, form := range []struct {
		name string
		gap  string
		of   func(f core.FlatFunc) core.FlatFunc
	}{
		{"grad", "", func(f core.FlatFunc) core.FlatFunc { return gradient(f, weights, wrt) }},
		{"jvp", s.JVPGap, func(f core.FlatFunc) core.FlatFunc { return forward(f, tangents, wrt) }},
		{"vmap", s.batchGap(), func(f core.FlatFunc) core.FlatFunc {
			return func(in []*core.Array) []*core.Array {
				for i, a := range in {
					in[i] = core.Stack(0, a, a.Add(a.ScalarLike(0)))
				}
				return core.Vectorize("vmap", func(in []*core.Array) ([]*core.Array, []int) {
					out := f(in)
					return out, make([]int, len(out))
				}, in, axes)
			}
		}},
	} {
		var want []sample.Value
		err := caught(func() error { want = sample.Read(form.of(s.smooth)(sample.Arrays(in))); return nil })
		if refusal(form.gap, err, core.ErrNotDifferentiable, core.ErrNoBatchRule) {
			err = caught(func() error { sample.Read(form.of(f)(sample.Arrays(in))); return nil })
			if !refusal(form.gap, err, core.ErrNotDifferentiable, core.ErrNoBatchRule) {
				return o, fmt.Errorf("%s of compile is not refused as %s is: %w", form.name, form.name, err)
			}
			continue
		}
		if err != nil {
			return o, fmt.Errorf("%s: %w", form.name, err)
		}
		got := sample.Read(form.of(f)(sample.Arrays(in)))
		worst, err := sample.Near(got, want, sample.Rounding)
		if err != nil {
			return o, fmt.Errorf("%s of compile: %w", form.name, err)
		}
		o.worst = max(o.worst, worst)
		if got, err = recorded(s, form.of(f), in, s.other); err != nil {
			return o, fmt.Errorf("compile of %s of compile: %w", form.name, err)
		}
		if worst, err = sample.Near(got, want, sample.Rounding); err != nil {
			return o, fmt.Errorf("compile of %s of compile: %w", form.name, err)
		}
		o.worst = max(o.worst, worst)
	}
	if inner.Len() != 1 {
		return o, errors.New("a compiled op was traced again inside a transform")
	}
	return o, s.unmodified(as, in)
}
