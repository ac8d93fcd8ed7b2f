package conformance

import (
	"errors"
	"fmt"
	"math/cmplx"

	"github.com/adjoint-go/adjoint/core"
)

// weights draws one random weight per element of each floating result: zero for
// what is not finite, and away from zero for the rest so that all of it counts.
func (s *subject) weights(results []value) ([]value, error) {
	r := source(s.seed, s.name+"/weights")
	out := make([]value, len(results))
	found := false
	for i, y := range results {
		if !y.DType.IsInexact() {
			continue
		}
		found = true
		d := core.Float32
		if y.DType == core.Complex64 {
			d = core.Complex64
		}
		w := func() float64 {
			x := 0.5 + r.Float64()
			if r.IntN(2) == 0 {
				return -x
			}
			return x
		}
		elems := make([]complex128, y.len())
		for k := range elems {
			x := complex(w(), w())
			if finite(y.at(k)) {
				elems[k] = x
			}
		}
		out[i] = newValue(core.Spec{DType: d, Shape: y.Shape}, elems)
	}
	if !found {
		return nil, errors.New("the row gives a gradient to an op without a floating result")
	}
	return out, nil
}

// prepared draws inputs and weights, and gives the results of smooth.
func (s *subject) prepared() (in, results, weights []value, err error) {
	in = s.inputs(0)
	results = read(s.smooth(arrays(in)))
	weights, err = s.weights(results)
	return in, results, weights, err
}

// other draws the inputs that a program is recorded on.
func (s *subject) other() []value { return s.inputs(1) }

// loss is the weighted sum of results: Σ w·y, of complex ones Σ Re w·Re y +
// Im w·Im y.
func loss(results, weights []*core.Array) *core.Array {
	var sum *core.Array
	add := func(y, w *core.Array) {
		if d := y.DType(); d == core.Float64 {
			w = w.AsType(d)
		} else {
			y = y.AsType(core.Float32)
		}
		zero := w.ScalarLike(0)
		// Without Where an infinite y would make NaN of its zero weight.
		t := core.Where(w.NotEqual(zero), y, zero).Mul(w).Sum()
		if sum == nil {
			sum = t
		} else {
			sum = sum.Add(t)
		}
	}
	for i, y := range results {
		switch w := weights[i]; {
		case w == nil:
		case y.DType() == core.Complex64:
			add(y.Real(), w.Real())
			add(y.Imag(), w.Imag())
		default:
			add(y, w)
		}
	}
	return sum
}

func finite(x complex128) bool { return !cmplx.IsNaN(x) && !cmplx.IsInf(x) }

// present makes arrays of values; those that are not there stay nil.
func present(vs []value) []*core.Array {
	out := make([]*core.Array, len(vs))
	for i, v := range vs {
		if v.raw != nil {
			out[i] = v.array()
		}
	}
	return out
}

// gradient is the function from inputs to the gradients of the weighted sum of
// f's results with respect to the leaves wrt.
func gradient(f core.FlatFunc, weights []value, wrt []int) core.FlatFunc {
	ws := present(weights)
	return func(in []*core.Array) []*core.Array {
		_, grads := core.Differentiate("grad", func(in []*core.Array) []*core.Array {
			return []*core.Array{loss(f(in), ws)}
		}, in, wrt)
		return grads
	}
}

// forward is the function from inputs to the forward derivatives of f's results
// along tangents of the leaves wrt.
func forward(f core.FlatFunc, tangents []value, wrt []int) core.FlatFunc {
	ts := arrays(tangents)
	return func(in []*core.Array) []*core.Array {
		_, d := core.PushForward("jvp", f, in, wrt, ts)
		return d
	}
}

// tangents draws one for each of the leaves wrt.
func (s *subject) tangents(in []value, wrt []int) []value {
	r := source(s.seed, s.name+"/tangents")
	out := make([]value, len(wrt))
	for i, at := range wrt {
		elems := make([]complex128, in[at].len())
		for k := range elems {
			elems[k] = complex(2*r.Float64()-1, 2*r.Float64()-1)
		}
		out[i] = newValue(in[at].Spec, elems)
	}
	return out
}

// refusal says whether err is the typed error that a row declares with gap.
func refusal(gap string, err error, typed ...error) bool {
	if gap == "" {
		return false
	}
	for _, t := range typed {
		if errors.Is(err, t) {
			return true
		}
	}
	return false
}

func checkGrad(via how) check {
	return func(s *subject, arg string) (outcome, error) {
		at, err := s.place(arg)
		if err != nil {
			return outcome{}, err
		}
		in, results, weights, err := s.prepared()
		if err != nil {
			return outcome{}, err
		}
		got, err := via(s, gradient(s.smooth, weights, []int{at}), in, s.other)
		if err != nil {
			return outcome{}, err
		}
		g := got[0]
		if g.String() != in[at].String() {
			return outcome{}, fmt.Errorf("the gradient is %v in place of %v", g.Spec, in[at].Spec)
		}
		if isHalf(g.DType) {
			return s.halfAgrees(got, in, func(wide []value) []value {
				return read(gradient(s.smooth, weights, []int{at})(arrays(wide)))
			})
		}
		r := s.ruler(in, results)
		d := r.slopes(s, at, weights)
		worst, err := r.compare("the gradient", g, d, r.noise(results, weights))
		return outcome{worst: worst, wide: r.wide}, err
	}
}

func checkJVP(via how) check {
	return func(s *subject, arg string) (outcome, error) {
		o := outcome{gap: s.JVPGap}
		at, err := s.place(arg)
		if err != nil {
			return o, err
		}
		in, results, _, err := s.prepared()
		if err != nil {
			return o, err
		}
		tangents := s.tangents(in, []int{at})
		got, err := guarded(func() ([]value, error) { return via(s, forward(s.smooth, tangents, []int{at}), in, s.other) })
		if refusal(s.JVPGap, err, core.ErrNotDifferentiable) {
			o.refused = true
			return o, nil
		}
		if err != nil {
			return o, err
		}
		for i, y := range results {
			if i >= len(got) || got[i].String() != y.String() {
				return o, fmt.Errorf("the derivatives are not as the results: %v", got)
			}
		}
		if isHalf(in[at].DType) {
			return s.halfAgrees(got, in, func(wide []value) []value {
				return read(forward(s.smooth, []value{tangents[0].as(core.Float32)}, []int{at})(arrays(wide)))
			})
		}
		r := s.ruler(in, results)
		want := r.along(s.smooth, []int{at}, tangents)
		o.wide = r.wide
		for i, y := range results {
			if !y.DType.IsInexact() {
				continue
			}
			largest := 0.0
			for k := range y.len() {
				if x := y.at(k); finite(x) {
					largest = max(largest, cmplx.Abs(x))
				} else {
					want[i][k] = got[i].at(k) // counts nothing
				}
			}
			worst, err := r.compare(fmt.Sprintf("the forward derivative of result %d", i), got[i], want[i], 2*r.epsilon*largest/r.step)
			if err != nil {
				return o, err
			}
			o.worst = max(o.worst, worst)
		}
		return o, nil
	}
}

func isHalf(d core.DType) bool { return d == core.Float16 || d == core.BFloat16 }

// guarded is caught for what gives values.
func guarded(f func() ([]value, error)) (got []value, err error) {
	err = caught(func() (err error) { got, err = f(); return err })
	return got, err
}

// halfAgrees compares half-precision derivatives with those in float32 at the
// same numbers.
func (s *subject) halfAgrees(got, in []value, derive func(wide []value) []value) (outcome, error) {
	wide := make([]value, len(in))
	for i, v := range in {
		wide[i] = v
		if isHalf(v.DType) {
			wide[i] = v.as(core.Float32)
		}
	}
	want := derive(wide)
	worst := 0.0
	for i, g := range got {
		if !g.DType.IsInexact() {
			continue
		}
		tol := 32 * max(epsilon(g.DType), epsilon(s.half(in)))
		// Inputs and weights are about 1: less is what is left when they cancel.
		scale := 0.1
		for k := range want[i].len() {
			if x := want[i].at(k); finite(x) {
				scale = max(scale, cmplx.Abs(x))
			}
		}
		for k := range want[i].len() {
			x, y := g.at(k), want[i].at(k)
			rel := cmplx.Abs(x-y) / scale
			if x == y || !finite(y) {
				continue
			}
			if !(rel <= tol) {
				return outcome{}, fmt.Errorf("the derivative at %v is %v, in float32 %v: relative error %.1e, allowed %.1e",
					index(g.Shape, k), text(g.DType, x), text(want[i].DType, y), rel, tol)
			}
			worst = max(worst, rel)
		}
	}
	return outcome{worst: worst}, nil
}

// half is the half-precision dtype among the inputs.
func (s *subject) half(in []value) core.DType {
	for _, v := range in {
		if isHalf(v.DType) {
			return v.DType
		}
	}
	return core.Float32
}
