package conformance

import (
	"errors"
	"fmt"
	"math"
	"math/cmplx"

	"github.com/adjoint-go/adjoint/conformance/internal/sample"
	"github.com/adjoint-go/adjoint/core"
)

// dualityTolerance is that of ⟨w, Jv⟩ = ⟨Jᵀw, v⟩, relative to the sum of the
// magnitudes of the products: both sides are exact up to rounding.
const dualityTolerance = 1e-5

func checkDuality(via how, same func(s *subject, got, want []sample.Value) error) check {
	return func(s *subject, arg string) (outcome, error) {
		o := outcome{gap: s.JVPGap}
		in, results, weights, err := s.prepared()
		if err != nil {
			return o, err
		}
		wrt := s.wrt()
		if arg != "" {
			at, err := s.place(arg)
			if err != nil {
				return o, err
			}
			wrt = []int{at}
		}
		cotangents := make([]sample.Value, len(results))
		for i, y := range results {
			cotangents[i] = sample.Value{Spec: y.Spec, Raw: make([]byte, len(y.Raw))}
			if weights[i].Raw != nil {
				cotangents[i] = weights[i].As(y.DType)
			}
		}
		tangents := s.tangents(in, wrt)
		cs := sample.Arrays(cotangents)
		got, err := guarded(func() ([]sample.Value, error) {
			return via(s, func(in []*core.Array) []*core.Array {
				primal, pull := core.PullBack("vjp", s.smooth, in, wrt)
				values, pushed := core.PushForward("jvp", s.smooth, in, wrt, sample.Arrays(tangents))
				out := append(pull(cs), primal...)
				return append(append(out, values...), pushed...)
			}, in, s.other)
		})
		if refusal(s.JVPGap, err, core.ErrNotDifferentiable) {
			o.refused = true
			return o, nil
		}
		if err != nil {
			return o, err
		}
		pulled, got := got[:len(wrt)], got[len(wrt):]
		n := len(results)
		if err := same(s, got[:n], results); err != nil {
			return o, fmt.Errorf("the value of vjp: %w", err)
		}
		if err := same(s, got[n:2*n], results); err != nil {
			return o, fmt.Errorf("the value of jvp: %w", err)
		}
		left, size := inner(cotangents, got[2*n:])
		right, other := inner(pulled, tangents)
		o.worst = math.Abs(left-right) / max(size, other, math.SmallestNonzeroFloat64)
		if !(o.worst <= dualityTolerance) {
			return o, fmt.Errorf("⟨w, Jv⟩ = %.7g, ⟨Jᵀw, v⟩ = %.7g: relative error %.1e, allowed %.1e", left, right, o.worst, dualityTolerance)
		}
		return o, nil
	}
}

// inner is the real inner product Σ Re a·Re b + Im a·Im b of floating arrays, and
// the same of magnitudes. Zeros of a make nothing of what stands against them.
// Inputs, tangents and weights are about 1: what is far less than that in b is what
// was left when they cancelled, and is rounded as they are.
func inner(a, b []sample.Value) (sum, size float64) {
	for i := range a {
		if !a[i].DType.IsInexact() || !b[i].DType.IsInexact() {
			continue
		}
		for k := range a[i].Len() {
			x, y := a[i].At(k), b[i].At(k)
			if x == 0 {
				continue
			}
			sum += real(x)*real(y) + imag(x)*imag(y)
			size += cmplx.Abs(x) * max(cmplx.Abs(y), 0.1)
		}
	}
	return sum, size
}

// hessianForms are the ways to a row of the product of the Hessian of the
// weighted sum with tangents: that of the leaf at.
var hessianForms = []struct {
	name    string
	forward bool // needs forward rules
	product func(s *subject, weights, tangents []sample.Value, wrt []int, at int) core.FlatFunc
}{
	{"forward over reverse", true, func(s *subject, weights, tangents []sample.Value, wrt []int, at int) core.FlatFunc {
		return forward(gradient(s.smooth, weights, []int{at}), tangents, wrt)
	}},
	{"reverse over reverse", false, func(s *subject, weights, tangents []sample.Value, wrt []int, at int) core.FlatFunc {
		return gradient(gradient(s.smooth, weights, wrt), tangents, []int{at})
	}},
	{"reverse over forward", true, func(s *subject, weights, tangents []sample.Value, wrt []int, at int) core.FlatFunc {
		return gradient(forward(s.smooth, tangents, wrt), weights, []int{at})
	}},
}

func checkSecond(via how) check {
	return func(s *subject, arg string) (outcome, error) {
		o := outcome{gap: s.SecondGap}
		at, err := s.place(arg)
		if err != nil {
			return o, err
		}
		in, results, weights, err := s.prepared()
		if err != nil {
			return o, err
		}
		wrt := s.wrt()
		tangents := s.tangents(in, wrt)
		first := gradient(s.smooth, weights, []int{at})
		size := 0.0
		for _, g := range sample.Read(first(sample.Arrays(in))) {
			for k := range g.Len() {
				size = max(size, cmplx.Abs(g.At(k)))
			}
		}
		r := s.ruler(in, results)
		if !r.wide {
			r.tol = max(r.tol, 3e-2) // gradients in float32 are noisy
		}
		var along [][]complex128
		err = caught(func() error { along = r.along(first, wrt, tangents); return nil })
		if err != nil && r.wide {
			// The gradient, unlike the op, does not run in float64.
			r = s.narrow(in)
			along, err = r.along(first, wrt, tangents), nil
		}
		if err != nil {
			return o, err
		}
		want := along[0]
		o.wide = r.wide
		for _, form := range hessianForms {
			gap := s.SecondGap
			if gap == "" && form.forward {
				gap = s.JVPGap
			}
			got, err := guarded(func() ([]sample.Value, error) {
				return via(s, form.product(s, weights, tangents, wrt, at), in, s.other)
			})
			if e := (*core.Error)(nil); gap != "" && errors.As(err, &e) {
				o.gap, o.refused = gap, true
				continue
			}
			if err != nil {
				return o, fmt.Errorf("%s: %w", form.name, err)
			}
			worst, err := r.compare("the Hessian's product", got[0], want, 4*r.epsilon*size/r.step)
			if err != nil {
				return o, fmt.Errorf("%s: %w", form.name, err)
			}
			o.worst = max(o.worst, worst)
		}
		return o, nil
	}
}
