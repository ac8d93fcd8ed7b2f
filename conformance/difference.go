package conformance

import (
	"fmt"
	"math/cmplx"

	"github.com/adjoint-go/adjoint/core"
)

// ruler takes central differences of fourth order,
// (8(f(x+h) − f(x−h)) − (f(x+2h) − f(x−2h)))/12h, in float64 where the op can be
// computed in it.
type ruler struct {
	in      []value // the inputs
	wide    bool    // they are float64
	step    float64 // h, a power of two, so that x ± h rounds little; 2h is less than what separates the numbers of the domains
	epsilon float64 // of the results
	tol     float64 // relative error allowed
}

// wideTolerance is that of derivatives against differences in float64. The
// derivative is in float32, differences are off by h⁴ times the fifth derivative,
// and MLX computes some functions of float64 with the precision of float32.
const wideTolerance = 1e-3

func (s *subject) ruler(in, results []value) ruler {
	wide := make([]value, len(in))
	found := false
	for i, v := range in {
		wide[i] = v
		if v.DType == core.Float32 {
			wide[i] = v.as(core.Float64)
			found = true
		}
	}
	if found && s.runsWide(wide, results) {
		return ruler{wide, true, 0x1p-7, epsilon(core.Float64), max(wideTolerance, s.Tol)}
	}
	return s.narrow(in)
}

// narrow takes differences in the precision of the inputs.
func (s *subject) narrow(in []value) ruler {
	tol := s.Tol
	if tol == 0 {
		tol = 1e-2
	}
	return ruler{in, false, 0x1p-6, epsilon(core.Float32), tol}
}

// runsWide says whether the op gives float64 results for float64 inputs.
func (s *subject) runsWide(wide, results []value) bool {
	var got []value
	if caught(func() error { core.Using(core.CPU, func() { got = read(s.smooth(arrays(wide))) }); return nil }) != nil {
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
	out := make([]value, len(r.in))
	copy(out, r.in)
	for i, at := range wrt {
		v := r.in[at].clone()
		for k := range v.len() {
			if m := by(i, k); m != 0 {
				v.set(k, v.at(k)+m)
			}
		}
		out[at] = v
	}
	return arrays(out)
}

// steps are the places of one difference, in units of h.
var steps = []float64{1, -1, 2, -2}

func (r ruler) slope(f func(i int) complex128) complex128 {
	return (8*(f(0)-f(1)) - (f(2) - f(3))) / complex(12*r.step, 0)
}

// evaluate calls f on each of the inputs and evaluates all results together.
func (r ruler) evaluate(f core.FlatFunc, ins [][]*core.Array) [][]value {
	var all []*core.Array
	per := 0
	run := func() {
		for _, in := range ins {
			out := f(in)
			per = len(out)
			all = append(all, out...)
		}
	}
	var got []value
	if r.wide {
		core.Using(core.CPU, func() { run(); got = read(all) })
	} else {
		run()
		got = read(all)
	}
	out := make([][]value, len(ins))
	for i := range out {
		out[i] = got[i*per : (i+1)*per]
	}
	return out
}

// slopes are the differences of the weighted sum with respect to each element of
// leaf at, for real and imaginary parts.
func (r ruler) slopes(s *subject, at int, weights []value) []complex128 {
	moves := []complex128{1}
	if r.in[at].DType == core.Complex64 {
		moves = append(moves, 1i)
	}
	n := r.in[at].len()
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
func (r ruler) along(f core.FlatFunc, wrt []int, tangents []value) [][]complex128 {
	ins := make([][]*core.Array, len(steps))
	for i, h := range steps {
		ins[i] = r.moved(wrt, func(j, k int) complex128 { return tangents[j].at(k) * complex(h*r.step, 0) })
	}
	got := r.evaluate(f, ins)
	out := make([][]complex128, len(got[0]))
	for i, y := range got[0] {
		out[i] = make([]complex128, y.len())
		for k := range out[i] {
			out[i][k] = r.slope(func(j int) complex128 { return got[j][i].at(k) })
		}
	}
	return out
}

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

// noise bounds what the rounding of the results adds to differences.
func (r ruler) noise(results, weights []value) float64 {
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
	return 2 * r.epsilon * sum / r.step
}

// compare holds a derivative against differences, per element: the error is
// relative to the element, or to a tenth of the largest one, and what is below
// the noise does not count.
func (r ruler) compare(what string, got value, want []complex128, noise float64) (worst float64, err error) {
	largest := 0.0
	for _, x := range want {
		if finite(x) {
			largest = max(largest, cmplx.Abs(x))
		}
	}
	for k, w := range want {
		g := got.at(k)
		if g == w || cmplx.IsNaN(g) && cmplx.IsNaN(w) {
			continue
		}
		rel := cmplx.Abs(g-w) / (max(cmplx.Abs(w), cmplx.Abs(g), largest/10) + noise/r.tol)
		if !(rel <= r.tol) {
			return rel, fmt.Errorf("%s at %v is %v, differences give %v: relative error %.1e, allowed %.1e",
				what, index(got.Shape, k), text(got.DType, g), text(got.DType, w), rel, r.tol)
		}
		worst = max(worst, rel)
	}
	return worst, nil
}
