package certify

import (
	"fmt"
	"math"
	"slices"

	"github.com/adjoint-go/adjoint/plugins/spec"
)

// derivable is an error if there is nothing to differentiate.
func (s *subject) derivable(rule, kernel string) error {
	if kernel == "" {
		return skipf("it declares no %s", rule)
	}
	if !slices.ContainsFunc(s.k.Inputs, func(in spec.Input) bool { return slices.ContainsFunc(in.DTypes, spec.DType.Inexact) }) {
		return skip("no input is of a floating dtype")
	}
	return s.comparable()
}

// points runs f at the samples that are small enough for differences.
func (s *subject) points(f func(p *point) error) error {
	found := false
	err := s.sampled(func(sm sample) error {
		if found && sm.size() > 1<<14 {
			return nil
		}
		p, err := s.point(sm)
		if err != nil {
			return err
		}
		if len(p.wrt) == 0 || len(p.res) == 0 {
			return nil
		}
		found = true
		return f(p)
	})
	if err == nil && !found {
		return skip("no output is of a floating dtype")
	}
	return err
}

// score counts what was compared.
type score struct {
	compared, kinks int
	worst           float64
}

func (c *score) detail() (string, error) {
	if c.compared == 0 {
		return "", skip("the function is not smooth where it was tried")
	}
	text := fmt.Sprintf("%d derivatives, worst relative error %.1e", c.compared, c.worst)
	if c.kinks > 0 {
		text += fmt.Sprintf("; %d at kinks were left out", c.kinks)
	}
	return text, nil
}

// checkVJP compares ⟨Jᵀw, v⟩ with differences of ⟨w, f⟩ along directions v, which
// are single numbers where these are few.
func checkVJP(s *subject) (string, error) {
	if err := s.derivable("VJP", s.k.VJP); err != nil {
		return "", err
	}
	var c score
	err := s.points(func(p *point) error {
		w := p.weights()
		grads, err := p.gradients(w)
		if err != nil {
			return err
		}
		for i, at := range p.wrt {
			if i >= len(grads) || !grads[i].Equal(p.in[at].Type) {
				return p.fail(p.sm, p.in, "the gradient of %s has another type", p.k.Inputs[at].Name)
			}
		}
		ws, gs := numbers(w), numbers(grads)
		noise := p.noise(ws)
		largest := 0.0
		for _, d := range p.directions() {
			slopes, err := p.differences(d)
			if err != nil {
				return err
			}
			got, want := dot(gs, d), dot(ws, slopes)
			if math.IsNaN(want) {
				c.kinks++
				continue
			}
			largest = max(largest, math.Abs(want))
			if wrong := c.compare(p, got, want, largest, noise); wrong != "" {
				return p.fail(p.sm, p.in, "the gradient %s is %s", p.along(d), wrong)
			}
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return c.detail()
}

// checkJVP compares every number of Jv with differences.
func checkJVP(s *subject) (string, error) {
	if err := s.derivable("JVP", s.k.JVP); err != nil {
		return "", err
	}
	var c score
	err := s.points(func(p *point) error {
		all := p.directions()
		for _, d := range all[max(0, len(all)-16):] {
			got, err := p.forward(d)
			if err != nil {
				return err
			}
			slopes, err := p.differences(d)
			if err != nil {
				return err
			}
			for i, j := range p.res {
				if i >= len(got) || !got[i].Equal(p.out[j].Type) {
					return p.fail(p.sm, p.in, "the derivative of output %d has another type", j)
				}
				eps, y, largest := epsilon(got[i].DType), floats(p.out[j]), 0.0
				for _, x := range slopes[i] {
					if finite(x) {
						largest = max(largest, math.Abs(x))
					}
				}
				for k, g := range floats(got[i]) {
					if !finite(slopes[i][k]) {
						c.kinks++
						continue
					}
					if wrong := c.compare(p, g, slopes[i][k], largest, 2*eps*math.Abs(y[k])/p.step); wrong != "" {
						return p.fail(p.sm, p.in, "the derivative of output %d at %v %s is %s", j, position(p.out[j].Type, k), p.along(d), wrong)
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return c.detail()
}

// noise is what rounding of the outputs does to differences of ⟨w, f⟩.
func (p *point) noise(w [][]float64) (sum float64) {
	for i, j := range p.res {
		eps := epsilon(p.out[j].DType)
		for k, y := range floats(p.out[j]) {
			if finite(y) {
				sum += 2 * eps * math.Abs(w[i][k]) * max(math.Abs(y), 0x1p-4) / p.step
			}
		}
	}
	return sum
}

// compare holds a derivative against a difference: the error is relative to the
// larger of the two, or to a tenth of the largest of all, and below the noise it
// does not count.
func (c *score) compare(p *point, got, want, largest, noise float64) (wrong string) {
	scale := max(math.Abs(got), math.Abs(want), largest/10, 1e-3)
	rel := math.Abs(got-want) / (scale + noise/p.tol)
	if !(rel <= p.tol) {
		return fmt.Sprintf("%.6g, differences give %.6g", got, want)
	}
	c.compared++
	c.worst = max(c.worst, rel)
	return ""
}

// along says which direction it is.
func (p *point) along(d [][]float64) string {
	at, where := 0, ""
	for i := range d {
		for k, x := range d[i] {
			if x != 0 {
				at++
				where = fmt.Sprintf("for %s at %v", p.k.Inputs[p.wrt[i]].Name, position(p.in[p.wrt[i]].Type, k))
			}
		}
	}
	if at == 1 {
		return where
	}
	return "in a random direction"
}

func numbers(ts []spec.Tensor) [][]float64 {
	out := make([][]float64, len(ts))
	for i, t := range ts {
		out[i] = floats(t)
	}
	return out
}

// dot is the sum of the products; a zero makes nothing of what is not finite.
func dot(a, b [][]float64) (sum float64) {
	for i := range a {
		for k, x := range a[i] {
			if x != 0 && b[i][k] != 0 {
				sum += x * b[i][k]
			}
		}
	}
	return sum
}

// checkDuality needs no differences: both derivatives are the plugin's.
func checkDuality(s *subject) (string, error) {
	if err := s.derivable("VJP", s.k.VJP); err != nil {
		return "", err
	}
	count, worst := 0, 0.0
	err := s.points(func(p *point) error {
		w := p.weights()
		grads, err := p.gradients(w)
		if err != nil {
			return err
		}
		all := p.directions()
		d := all[len(all)-1]
		jv, err := p.forward(d)
		if err != nil {
			return err
		}
		ws, gs, js := numbers(w), numbers(grads), numbers(jv)
		a, b := dot(ws, js), dot(gs, d)
		scale, eps := 1e-3, 0.0
		for i := range ws {
			eps = max(eps, epsilon(w[i].DType))
			for k := range ws[i] {
				if x := math.Abs(ws[i][k] * js[i][k]); finite(x) {
					scale += x
				}
			}
		}
		rel := math.Abs(a-b) / scale
		if !(rel <= 4*rounding*eps) {
			return p.fail(p.sm, p.in, "⟨w, Jv⟩ is %.9g, ⟨Jᵀw, v⟩ %.9g", a, b)
		}
		count++
		worst = max(worst, rel)
		return nil
	})
	return fmt.Sprintf("%s, worst relative error %.1e", plural(count, "sample"), worst), err
}
