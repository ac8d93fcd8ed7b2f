package conformance

import (
	"errors"
	"fmt"
	"math"
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

// loss is the weighted sum of results: Σ w·y, of complex ones Σ Re w·Re y +
// Im w·Im y.
func loss(results, weights []*core.Array) *core.Array {
	var sum *core.Array
	zero := core.Scalar(float32(0))
	add := func(y, w *core.Array) {
		// Without Where an infinite y would make NaN of its zero weight.
		t := core.Where(w.NotEqual(zero), y.AsType(core.Float32), zero).Mul(w).Sum()
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

// hostLoss is loss, computed in float64.
func hostLoss(results, weights []value) float64 {
	sum := 0.0
	for i, y := range results {
		if weights[i].raw == nil {
			continue
		}
		for k := range y.len() {
			w, x := weights[i].at(k), y.at(k)
			if w == 0 {
				continue
			}
			sum += real(w) * real(x)
			if y.DType == core.Complex64 {
				sum += imag(w) * imag(x)
			}
		}
	}
	return sum
}

// gradient is the function from inputs to the gradients of the weighted sum of
// f's results with respect to the leaves wrt.
func gradient(f core.FlatFunc, weights []value, wrt []int) core.FlatFunc {
	ws := make([]*core.Array, len(weights))
	for i, w := range weights {
		if w.raw != nil {
			ws[i] = w.array()
		}
	}
	return func(in []*core.Array) []*core.Array {
		_, grads := core.Differentiate("grad", func(in []*core.Array) []*core.Array {
			return []*core.Array{loss(f(in), ws)}
		}, in, wrt)
		return grads
	}
}

// prepared draws inputs and weights.
func (s *subject) prepared() (in, results, weights []value, err error) {
	in = s.inputs(0)
	results = s.run(in)
	weights, err = s.weights(results)
	return in, results, weights, err
}

func checkGrad(s *subject, arg string) (outcome, error) {
	at, err := s.place(arg)
	if err != nil {
		return outcome{}, err
	}
	in, results, weights, err := s.prepared()
	if err != nil {
		return outcome{}, err
	}
	as := arrays(in)
	g := read(gradient(s.fn, weights, []int{at})(as))[0]
	if g.String() != in[at].String() {
		return outcome{}, fmt.Errorf("the gradient is %v in place of %v", g.Spec, in[at].Spec)
	}
	if err := s.unmodified(as, in); err != nil {
		return outcome{}, err
	}
	if g.DType == core.Float16 || g.DType == core.BFloat16 {
		return s.halfGradient(in, g, weights, at)
	}
	worst, err := s.against(s.differences(in, at, weights), g, noise(results, weights))
	return outcome{worst: worst}, err
}

// step is the distance h of the samples of differences. It is a power of two, so
// that x ± h rounds little, and 2h is less than what separates the numbers of
// the domains.
const step = 0x1p-6

// differences are the central differences of fourth order of the weighted sum
// with respect to leaf at: (8(f(x+h) − f(x−h)) − (f(x+2h) − f(x−2h)))/12h, for
// real and imaginary parts.
func (s *subject) differences(in []value, at int, weights []value) []complex128 {
	x := in[at]
	moves := []complex128{1}
	if x.DType == core.Complex64 {
		moves = append(moves, 1i)
	}
	others := arrays(in)
	per := 0
	var all []*core.Array
	for k := range x.len() {
		for _, m := range moves {
			for _, by := range []float64{step, -step, 2 * step, -2 * step} {
				moved := x.clone()
				moved.set(k, x.at(k)+m*complex(by, 0))
				others[at] = moved.array()
				out := s.fn(others)
				per = len(out)
				all = append(all, out...)
			}
		}
	}
	got := read(all)
	f := func(i int) float64 { return hostLoss(got[i*per:(i+1)*per], weights) }
	d := make([]complex128, x.len())
	for k := range d {
		for j, m := range moves {
			i := 4 * (k*len(moves) + j)
			slope := (8*(f(i)-f(i+1)) - (f(i+2) - f(i+3))) / (12 * step)
			d[k] += m * complex(slope, 0)
		}
	}
	return d
}

// noise bounds what the rounding of the results adds to differences.
func noise(results, weights []value) float64 {
	sum := 0.0
	for i, y := range results {
		if weights[i].raw == nil {
			continue
		}
		for k := range y.len() {
			if w := weights[i].at(k); w != 0 {
				sum += cmplx.Abs(w) * cmplx.Abs(y.at(k))
			}
		}
	}
	return 2 * epsilon(core.Float32) * sum / step
}

// against compares a gradient with differences, per element: the error is
// relative to the element, or to a tenth of the largest one, and what is below
// the noise does not count.
func (s *subject) against(d []complex128, g value, noise float64) (worst float64, err error) {
	tol := s.Tol
	if tol == 0 {
		tol = 1e-2
	}
	largest := 0.0
	for _, x := range d {
		largest = max(largest, cmplx.Abs(x))
	}
	for k, want := range d {
		got := g.at(k)
		scale := max(cmplx.Abs(want), cmplx.Abs(got), largest/10) + noise/tol
		rel := cmplx.Abs(got-want) / scale
		if got == want {
			rel = 0
		}
		if !(rel <= tol) {
			return rel, fmt.Errorf("the gradient at %v is %v, differences give %v: relative error %.1e, allowed %.1e",
				index(g.Shape, k), text(g.DType, got), text(g.DType, want), rel, tol)
		}
		worst = max(worst, rel)
	}
	return worst, nil
}

// halfGradient compares a half-precision gradient with the one in float32 at the
// same numbers.
func (s *subject) halfGradient(in []value, g value, weights []value, at int) (outcome, error) {
	wide := make([]value, len(in))
	for i, v := range in {
		wide[i] = v
		if v.DType == g.DType {
			wide[i] = v.as(core.Float32)
		}
	}
	want := read(gradient(s.fn, weights, []int{at})(arrays(wide)))[0]
	tol := 32 * epsilon(g.DType)
	// Inputs and weights are about 1: less is what is left when they cancel.
	scale := 0.1
	for k := range want.len() {
		scale = max(scale, cmplx.Abs(want.at(k)))
	}
	worst := 0.0
	for k := range want.len() {
		rel := cmplx.Abs(g.at(k)-want.at(k)) / scale
		if !(rel <= tol) {
			return outcome{}, fmt.Errorf("the gradient at %v is %v, in float32 %v: relative error %.1e, allowed %.1e",
				index(g.Shape, k), text(g.DType, g.at(k)), text(g.DType, want.at(k)), rel, tol)
		}
		worst = max(worst, rel)
	}
	return outcome{worst: worst}, nil
}

func checkCompiledGrad(s *subject, _ string) (outcome, error) {
	in, _, weights, err := s.prepared()
	if err != nil {
		return outcome{}, err
	}
	as := arrays(in)
	direct := gradient(s.fn, weights, s.wrt())
	want := read(direct(as))
	p := core.NewProgram()
	defer p.Close()
	f, err := compiled(p, direct, as)
	if err != nil {
		return outcome{}, err
	}
	worst, err := near(read(f(as)), want, rounding)
	if err != nil {
		return outcome{}, fmt.Errorf("compile of grad: %w", err)
	}
	fresh := s.inputs(1)
	more, err := near(read(f(arrays(fresh))), read(direct(arrays(fresh))), rounding)
	if err != nil {
		return outcome{}, fmt.Errorf("compile of grad, on other inputs: %w", err)
	}
	worst = max(worst, more)
	q := core.NewProgram()
	defer q.Close()
	if f, err = compiled(q, s.fn, as); err != nil {
		return outcome{}, err
	}
	more, err = near(read(gradient(f, weights, s.wrt())(as)), want, rounding)
	if err != nil {
		return outcome{}, fmt.Errorf("grad of compile: %w", err)
	}
	return outcome{worst: max(worst, more)}, s.unmodified(as, in)
}

// dualityTolerance is that of ⟨w, Jv⟩ = ⟨Jᵀw, v⟩, relative to the sum of the
// magnitudes of the products: both sides are exact up to rounding.
const dualityTolerance = 1e-4

func checkJVP(s *subject, _ string) (outcome, error) {
	o := outcome{gap: s.JVPGap}
	in, results, weights, err := s.prepared()
	if err != nil {
		return o, err
	}
	wrt := s.wrt()
	tangents := s.tangents(in, wrt)
	as := arrays(in)
	var primal, pushed []value
	err = caught(func() error {
		r, d := core.PushForward("jvp", s.fn, as, wrt, arrays(tangents))
		primal, pushed = read(r), read(d)
		return nil
	})
	if s.JVPGap != "" && errors.Is(err, core.ErrNotDifferentiable) {
		o.refused = true
		return o, nil
	}
	if err != nil {
		return o, err
	}
	if err := sameBits(primal, results); err != nil {
		return o, fmt.Errorf("the value: %w", err)
	}
	_, pull := core.PullBack("vjp", s.fn, as, wrt)
	cotangents := make([]value, len(results))
	for i, y := range results {
		cotangents[i] = value{y.Spec, make([]byte, len(y.raw))}
		if weights[i].raw != nil {
			cotangents[i] = weights[i].as(y.DType)
		}
	}
	pulled := read(pull(arrays(cotangents)))
	left, size := inner(cotangents, pushed)
	right, other := inner(pulled, tangents)
	scale := max(size, other, math.SmallestNonzeroFloat64)
	o.worst = math.Abs(left-right) / scale
	if !(o.worst <= dualityTolerance) {
		return o, fmt.Errorf("⟨w, Jv⟩ = %.7g, ⟨Jᵀw, v⟩ = %.7g: relative error %.1e, allowed %.1e", left, right, o.worst, dualityTolerance)
	}
	return o, s.unmodified(as, in)
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

// inner is the real inner product Σ Re a·Re b + Im a·Im b of floating arrays, and
// the same of magnitudes. Zeros of a make nothing of what stands against them.
func inner(a, b []value) (sum, size float64) {
	for i := range a {
		if !a[i].DType.IsInexact() || !b[i].DType.IsInexact() {
			continue
		}
		for k := range a[i].len() {
			x, y := a[i].at(k), b[i].at(k)
			if x == 0 {
				continue
			}
			sum += real(x)*real(y) + imag(x)*imag(y)
			size += cmplx.Abs(x) * cmplx.Abs(y)
		}
	}
	return sum, size
}
