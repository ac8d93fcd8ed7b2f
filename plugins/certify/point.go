package certify

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

// wide is the sample in the widest dtype for derivatives: float64 if the kernel
// takes it.
func (s *subject) wide(sm sample) sample {
	for _, v := range s.variants() {
		if slices.Contains(v, spec.Float64) && !slices.ContainsFunc(v, func(d spec.DType) bool { return d.Inexact() && d != spec.Float64 }) {
			return sm.as(v)
		}
	}
	return sm
}

// inexact are the places of what has a derivative.
func inexact(ts []spec.Tensor) (at []int) {
	for i, t := range ts {
		if t.DType.Inexact() {
			at = append(at, i)
		}
	}
	return at
}

// point is where derivatives are taken.
type point struct {
	*subject
	sm      sample
	in, out []spec.Tensor
	wrt     []int // inputs with a derivative
	res     []int // outputs with one
	step    float64
	tol     float64
}

func (s *subject) point(sm sample) (*point, error) {
	sm = s.wide(sm)
	p := &point{subject: s, sm: sm, in: s.inputs(sm, 0)}
	var err error
	if p.out, err = s.run(sm, p.in); err != nil {
		return nil, err
	}
	p.wrt, p.res = inexact(p.in), inexact(p.out)
	// Steps are powers of two, so that x ± h rounds little.
	widest := 0.0
	for _, i := range append(pick(p.in, p.wrt), pick(p.out, p.res)...) {
		widest = max(widest, epsilon(i.DType))
	}
	switch {
	case widest <= 0x1p-50:
		p.step, p.tol = 0x1p-7, 1e-5
	case widest <= 0x1p-20:
		p.step, p.tol = 0x1p-6, 1e-2
	case widest <= 0x1p-10:
		p.step, p.tol = 0x1p-3, 0.1
	default:
		p.step, p.tol = 0x1p-2, 0.3
	}
	return p, nil
}

func pick(ts []spec.Tensor, at []int) []spec.Tensor {
	out := make([]spec.Tensor, len(at))
	for i, j := range at {
		out[i] = ts[j]
	}
	return out
}

// directions are tangents of the inputs wrt, as numbers: one for each number where
// they are few, random ones otherwise.
func (p *point) directions() (out [][][]float64) {
	const few = 40
	r := p.source(p.k.Name, "directions", fmt.Sprint(p.sm.shapes))
	zero := func() [][]float64 {
		d := make([][]float64, len(p.wrt))
		for i, at := range p.wrt {
			d[i] = make([]float64, numbersOf(p.in[at].Type))
		}
		return d
	}
	total, definite := 0, false
	for _, at := range p.wrt {
		total += numbersOf(p.in[at].Type)
		definite = definite || p.sm.values[at] == spec.PositiveDefinite
	}
	if total <= few && !definite {
		for i := range p.wrt {
			for k := range numbersOf(p.in[p.wrt[i]].Type) {
				d := zero()
				d[i][k] = 1
				out = append(out, d)
			}
		}
	}
	for range 6 {
		d := zero()
		for i, at := range p.wrt {
			fill(r, d[i])
			if p.sm.values[at] == spec.PositiveDefinite {
				symmetric(d[i], p.in[at].Shape)
			}
		}
		out = append(out, d)
	}
	return out
}

func fill(r *rand.Rand, v []float64) {
	for k := range v {
		v[k] = 2*r.Float64() - 1
	}
}

// symmetric makes matrices symmetric, so that they lead from one positive definite
// matrix to another.
func symmetric(v []float64, shape []int) {
	if !square(shape) {
		return
	}
	n := shape[len(shape)-1]
	for m := 0; m+n*n <= len(v); m += n * n {
		for i := range n {
			for j := range i {
				v[m+i*n+j] = v[m+j*n+i]
			}
		}
	}
}

// moved are the inputs a step along a direction.
func (p *point) moved(d [][]float64, by float64) []spec.Tensor {
	in := slices.Clone(p.in)
	for i, at := range p.wrt {
		x := floats(p.in[at])
		for k := range x {
			x[k] += by * d[i][k]
		}
		in[at] = tensor(p.in[at].Type, x)
	}
	return in
}

// differences are the derivatives of every number of the outputs res along a
// direction, by central differences of fourth order; NaN where the function is not
// smooth, since two differences of second order disagree.
func (p *point) differences(d [][]float64) ([][]float64, error) {
	var at [4][][]float64 // outputs at h, -h, 2h, -2h
	for i, by := range []float64{1, -1, 2, -2} {
		in := p.moved(d, by*p.step)
		out, err := p.run(p.sm, in)
		if err != nil {
			return nil, err
		}
		for _, j := range p.res {
			at[i] = append(at[i], floats(out[j]))
		}
	}
	slopes := make([][]float64, len(p.res))
	for j := range p.res {
		eps := epsilon(p.out[p.res[j]].DType)
		slopes[j] = make([]float64, len(at[0][j]))
		for k := range slopes[j] {
			near := (at[0][j][k] - at[1][j][k]) / (2 * p.step)
			far := (at[2][j][k] - at[3][j][k]) / (4 * p.step)
			slopes[j][k] = (4*near - far) / 3
			noise := 4 * eps * math.Abs(at[0][j][k]) / p.step
			if !(math.Abs(near-far) <= 0.1*(math.Abs(near)+math.Abs(far)+0.1)+noise) {
				slopes[j][k] = math.NaN()
			}
		}
	}
	return slopes, nil
}

// weights are one cotangent for each output, zero where the output is not finite.
func (p *point) weights() []spec.Tensor {
	r := p.source(p.k.Name, "weights", fmt.Sprint(p.sm.shapes))
	out := make([]spec.Tensor, len(p.res))
	for i, j := range p.res {
		w := floats(p.out[j])
		for k, y := range w {
			if w[k] = 0.5 + r.Float64(); r.IntN(2) == 0 {
				w[k] = -w[k]
			}
			if !finite(y) {
				w[k] = 0
			}
		}
		out[i] = tensor(p.out[j].Type, w)
	}
	return out
}

// function is the kernel as a function of the inputs wrt to the outputs res.
func (p *point) function() (core.FlatFunc, error) {
	k, err := p.op(p.sm)
	if err != nil {
		return nil, err
	}
	return func(in []*core.Array) []*core.Array {
		out := k.Call(in...)
		kept := make([]*core.Array, len(p.res))
		for i, j := range p.res {
			kept[i] = out[j]
		}
		return kept
	}, nil
}

func (p *point) gradients(w []spec.Tensor) ([]spec.Tensor, error) {
	f, err := p.function()
	if err != nil {
		return nil, err
	}
	return p.engine(p.sm, p.in, func() []*core.Array {
		_, pull := core.PullBack("certify", f, arrays(p.in), p.wrt)
		return pull(arrays(w))
	})
}

func (p *point) forward(d [][]float64) ([]spec.Tensor, error) {
	f, err := p.function()
	if err != nil {
		return nil, err
	}
	tangents := make([]*core.Array, len(p.wrt))
	for i, at := range p.wrt {
		tangents[i] = array(tensor(p.in[at].Type, d[i]))
	}
	return p.engine(p.sm, p.in, func() []*core.Array {
		_, out := core.PushForward("certify", f, arrays(p.in), p.wrt, tangents)
		return out
	})
}
