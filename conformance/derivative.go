package conformance

import (
	"errors"
	"fmt"
	"math/cmplx"

	"github.com/adjoint-go/adjoint/conformance/internal/sample"
	"github.com/adjoint-go/adjoint/core"
)

// weights draws one random weight per element of each floating result: zero for
// what is not finite, and away from zero for the rest so that all of it counts.
func (s *subject) weights(results []sample.Value) ([]sample.Value, error) {
	r := sample.Source(s.seed, s.name+"/weights")
	out := make([]sample.Value, len(results))
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
		elems := make([]complex128, y.Len())
		for k := range elems {
			x := complex(w(), w())
			if finite(y.At(k)) {
				elems[k] = x
			}
		}
		out[i] = sample.New(core.Spec{DType: d, Shape: y.Shape}, elems)
	}
	if !found {
		return nil, errors.New("the row gives a gradient to an op without a floating result")
	}
	return out, nil
}

// prepared draws inputs and weights, and gives the results of smooth.
func (s *subject) prepared() (in, results, weights []sample.Value, err error) {
	in = s.inputs(0)
	results = sample.Read(s.smooth(sample.Arrays(in)))
	weights, err = s.weights(results)
	return in, results, weights, err
}

// other draws the inputs that a program is recorded on.
func (s *subject) other() []sample.Value { return s.inputs(1) }

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
func present(vs []sample.Value) []*core.Array {
	out := make([]*core.Array, len(vs))
	for i, v := range vs {
		if v.Raw != nil {
			out[i] = v.Array()
		}
	}
	return out
}

// gradient is the function from inputs to the gradients of the weighted sum of
// f's results with respect to the leaves wrt.
func gradient(f core.FlatFunc, weights []sample.Value, wrt []int) core.FlatFunc {
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
func forward(f core.FlatFunc, tangents []sample.Value, wrt []int) core.FlatFunc {
	ts := sample.Arrays(tangents)
	return func(in []*core.Array) []*core.Array {
		_, d := core.PushForward("jvp", f, in, wrt, ts)
		return d
	}
}

// tangents draws one for each of the leaves wrt.
func (s *subject) tangents(in []sample.Value, wrt []int) []sample.Value {
	r := sample.Source(s.seed, s.name+"/tangents")
	out := make([]sample.Value, len(wrt))
	for i, at := range wrt {
		elems := make([]complex128, in[at].Len())
		for k := range elems {
			elems[k] = complex(2*r.Float64()-1, 2*r.Float64()-1)
		}
		out[i] = sample.New(in[at].Spec, elems)
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
			return s.halfAgrees(got, in, func(wide []sample.Value) []sample.Value {
				return sample.Read(gradient(s.smooth, weights, []int{at})(sample.Arrays(wide)))
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
		got, err := guarded(func() ([]sample.Value, error) { return via(s, forward(s.smooth, tangents, []int{at}), in, s.other) })
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
			return s.halfAgrees(got, in, func(wide []sample.Value) []sample.Value {
				return sample.Read(forward(s.smooth, []sample.Value{tangents[0].As(core.Float32)}, []int{at})(sample.Arrays(wide)))
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
			for k := range y.Len() {
				if x := y.At(k); finite(x) {
					largest = max(largest, cmplx.Abs(x))
				} else {
					want[i][k] = got[i].At(k) // counts nothing
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
func guarded(f func() ([]sample.Value, error)) (got []sample.Value, err error) {
	err = caught(func() (err error) { got, err = f(); return err })
	return got, err
}

// halfAgrees compares half-precision derivatives with those in float32 at the
// same numbers.
func (s *subject) halfAgrees(got, in []sample.Value, derive func(wide []sample.Value) []sample.Value) (outcome, error) {
	wide := make([]sample.Value, len(in))
	for i, v := range in {
		wide[i] = v
		if isHalf(v.DType) {
			wide[i] = v.As(core.Float32)
		}
	}
	want := derive(wide)
	worst := 0.0
	for i, g := range got {
		if !g.DType.IsInexact() {
			continue
		}
		tol := 32 * max(sample.Epsilon(g.DType), sample.Epsilon(s.half(in)))
		// Inputs and weights are about 1: less is what is left when they cancel.
		scale := 0.1
		for k := range want[i].Len() {
			if x := want[i].At(k); finite(x) {
				scale = max(scale, cmplx.Abs(x))
			}
		}
		for k := range want[i].Len() {
			x, y := g.At(k), want[i].At(k)
			rel := cmplx.Abs(x-y) / scale
			if x == y || !finite(y) {
				continue
			}
			if !(rel <= tol) {
				return outcome{}, fmt.Errorf("the derivative at %v is %v, in float32 %v: relative error %.1e, allowed %.1e",
					sample.Index(g.Shape, k), sample.Text(g.DType, x), sample.Text(want[i].DType, y), rel, tol)
			}
			worst = max(worst, rel)
		}
	}
	return outcome{worst: worst}, nil
}

// half is the half-precision dtype among the inputs.
func (s *subject) half(in []sample.Value) core.DType {
	for _, v := range in {
		if isHalf(v.DType) {
			return v.DType
		}
	}
	return core.Float32
}
