package conformance

import (
	"fmt"
	"math/cmplx"

	"github.com/adjoint-go/adjoint/conformance/internal/sample"
	"github.com/adjoint-go/adjoint/core"
)

// ruler takes central differences of fourth order,
// (8(f(x+h) − f(x−h)) − (f(x+2h) − f(x−2h)))/12h, in float64 where the op can be
// computed in it.
type ruler struct {
	in      []sample.Value // the inputs
	wide    bool           // they are float64
	step    float64        // h, a power of two, so that x ± h rounds little; 2h is less than what separates the numbers of the domains
	epsilon float64        // of the results
	tol     float64        // relative error allowed
}

// wideTolerance is that of derivatives against differences in float64. The
// derivative is in float32, differences are off by h⁴ times the fifth derivative,
// and MLX computes some functions of float64 with the precision of float32.
const wideTolerance = 1e-3

func (s *subject) ruler(in, results []sample.Value) ruler {
	wide := make([]sample.Value, len(in))
	found := false
	for i, v := range in {
		wide[i] = v
		if v.DType == core.Float32 {
			wide[i] = v.As(core.Float64)
			found = true
		}
	}
	if found && s.runsWide(wide, results) {
		return ruler{wide, true, 0x1p-7, sample.Epsilon(core.Float64), max(wideTolerance, s.Tol)}
	}
	return s.narrow(in)
}

// narrow takes differences in the precision of the inputs.
func (s *subject) narrow(in []sample.Value) ruler {
	tol := s.Tol
	if tol == 0 {
		tol = 1e-2
	}
	return ruler{in, false, 0x1p-6, sample.Epsilon(core.Float32), tol}
}

// runsWide says whether the op gives float64 results for float64 inputs.
func (s *subject) runsWide(wide, results []sample.Value) bool {
	var got []sample.Value
	if caught(func() error {
		core.Using(core.CPU, func() { got = sample.Read(s.smooth(sample.Arrays(wide))) })
		return nil
	}) != nil {
		return false
	}
	for i, y := range results {
		if i >= len(got) || y.DType.IsInexact() && got[i].DType != core.Float64 {
			return false
		}
	}
	return true
}

// moved is the inputs with some leaves changed.
func (r ruler) moved(wrt []int, by func(i, k int) complex128) []*core.Array {
	out := make([]sample.Value, len(r.in))
	copy(out, r.in)
	for i, at := range wrt {
		v := r.in[at].Clone()
		for k := range v.Len() {
			if m := by(i, k); m != 0 {
				v.Set(k, v.At(k)+m)
			}
		}
		out[at] = v
	}
	return sample.Arrays(out)
}

// steps are the places of one difference, in units of h.
var steps = []float64{1, -1, 2, -2}

func (r ruler) slope(f func(i int) complex128) complex128 {
	return (8*(f(0)-f(1)) - (f(2) - f(3))) / complex(12*r.step, 0)
}

// evaluate calls f on each of the inputs and evaluates all results together.
func (r ruler) evaluate(f core.FlatFunc, ins [][]*core.Array) [][]sample.Value {
	var all []*core.Array
	per := 0
	run := func() {
		for _, in := range ins {
			out := f(in)
			per = len(out)
			all = append(all, out...)
		}
	}
	var got []sample.Value
	if r.wide {
		core.Using(core.CPU, func() { run(); got = sample.Read(all) })
	} else {
		run()
		got = sample.Read(all)
	}
	out := make([][]sample.Value, len(ins))
	for i := range out {
		out[i] = got[i*per : (i+1)*per]
	}
	return out
}

// slopes are the differences of the weighted sum with respect to each element of
// leaf at, for real and imaginary parts.
func (r ruler) slopes(s *subject, at int, weights []sample.Value) []complex128 {
	moves := []complex128{1}
	if r.in[at].DType == core.Complex64 {
		moves = append(moves, 1i)
	}
	n := r.in[at].Len()
	var ins [][]*core.Array
	for k := range n {
		for _, m := range moves {
			for _, h := range steps {
				ins = append(ins, r.moved([]int{at}, func(_, j int) complex128 {
					if j != k {
						return 0
					}
					return m * complex(h*r.step, 0)
				}))
			}
		}
	}
	got := r.evaluate(s.smooth, ins)
	d := make([]complex128, n)
	for k := range d {
		for j, m := range moves {
			first := 4 * (k*len(moves) + j)
			d[k] += m * r.slope(func(i int) complex128 { return complex(hostLoss(got[first+i], weights), 0) })
		}
	}
	return d
}

// along are the differences of f's results along tangents of the leaves wrt.
func (r ruler) along(f core.FlatFunc, wrt []int, tangents []sample.Value) [][]complex128 {
	ins := make([][]*core.Array, len(steps))
	for i, h := range steps {
		ins[i] = r.moved(wrt, func(j, k int) complex128 { return tangents[j].At(k) * complex(h*r.step, 0) })
	}
	got := r.evaluate(f, ins)
	out := make([][]complex128, len(got[0]))
	for i, y := range got[0] {
		out[i] = make([]complex128, y.Len())
		for k := range out[i] {
			out[i][k] = r.slope(func(j int) complex128 { return got[j][i].At(k) })
		}
	}
	return out
}

// hostLoss is loss, computed in float64.
func hostLoss(results, weights []sample.Value) float64 {
	sum := 0.0
	for i, y := range results {
		if weights[i].Raw == nil {
			continue
		}
		for k := range y.Len() {
			w, x := weights[i].At(k), y.At(k)
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

// noise bounds what the rounding of the results adds to differences.
func (r ruler) noise(results, weights []sample.Value) float64 {
	sum := 0.0
	for i, y := range results {
		if weights[i].Raw == nil {
			continue
		}
		for k := range y.Len() {
			if w := weights[i].At(k); w != 0 {
				sum += cmplx.Abs(w) * cmplx.Abs(y.At(k))
			}
		}
	}
	return 2 * r.epsilon * sum / r.step
}

// compare holds a derivative against differences, per element: the error is
// relative to the element, or to a tenth of the largest one, and what is below
// the noise does not count.
func (r ruler) compare(what string, got sample.Value, want []complex128, noise float64) (worst float64, err error) {
	largest := 0.0
	for _, x := range want {
		if finite(x) {
			largest = max(largest, cmplx.Abs(x))
		}
	}
	for k, w := range want {
		g := got.At(k)
		if g == w || cmplx.IsNaN(g) && cmplx.IsNaN(w) {
			continue
		}
		rel := cmplx.Abs(g-w) / (max(cmplx.Abs(w), cmplx.Abs(g), largest/10) + noise/r.tol)
		if !(rel <= r.tol) {
			return rel, fmt.Errorf("%s at %v is %v, differences give %v: relative error %.1e, allowed %.1e",
				what, sample.Index(got.Shape, k), sample.Text(got.DType, g), sample.Text(got.DType, w), rel, r.tol)
		}
		worst = max(worst, rel)
	}
	return worst, nil
}
