package conformance

import (
	"errors"
	"fmt"

	"github.com/adjoint-go/adjoint/conformance/internal/sample"
	"github.com/adjoint-go/adjoint/core"
)

// checkFlat differentiates with respect to a floating argument that the row gives no
// gradient. Results that are no floating numbers are made some, so that a derivative
// may pass through them.
func checkFlat(s *subject, arg string) (outcome, error) {
	at, err := s.place(arg)
	if err != nil {
		return outcome{}, err
	}
	f := func(in []*core.Array) []*core.Array {
		out := s.fn(in)
		for i, y := range out {
			if !y.DType().IsInexact() {
				out[i] = y.AsType(core.Float32)
			}
		}
		return out
	}
	in := s.inputs(0)
	weights, err := s.weights(sample.Read(f(sample.Arrays(in))))
	if err != nil {
		return outcome{}, err
	}
	var o outcome
	for _, form := range []struct {
		name string
		f    core.FlatFunc
	}{
		{"gradient", gradient(f, weights, []int{at})},
		{"forward derivative", forward(f, s.tangents(in, []int{at}), []int{at})},
	} {
		got, err := guarded(func() ([]sample.Value, error) { return sample.Read(form.f(sample.Arrays(in))), nil })
		if errors.Is(err, core.ErrNotDifferentiable) {
			o.refused, o.why = true, err
			continue
		}
		if err != nil {
			return o, fmt.Errorf("the %s: %w", form.name, err)
		}
		for _, v := range got {
			for k := range v.Len() {
				if x := v.At(k); x != 0 {
					return o, fmt.Errorf("the %s is %v at %v: not zero, and the row does not say that there is one",
						form.name, sample.Text(v.DType, x), sample.Index(v.Shape, k))
				}
			}
		}
	}
	return o, nil
}
