package programs

import (
	"math/rand/v2"
	"slices"

	"github.com/adjoint-go/adjoint/conformance/internal/sample"
	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/ops"
)

// program is a list of steps, each with results that later steps may use.
type program struct {
	steps []step
	outs  []ref
}

// ref names a result of a step.
type ref struct{ step, result int }

// step is an input, a constant, an op or a construct with programs as bodies.
// Exactly one of input, constant, row and form is set.
type step struct {
	input    *input
	constant *sample.Value
	row      *sample.Row
	args     ops.Case // of row
	form     form
	bodies   []*program
	n        int // of form: see there
	in       []ref
	given    []core.Spec // of the arguments
	specs    []core.Spec // of the results
}

// input is an argument of a program.
type input struct {
	leaf  sample.Leaf  // how to draw another one
	value sample.Value // the one that the program was made with
	fixed bool         // is not drawn anew
}

func (i *input) draw(r *rand.Rand, round int) sample.Value {
	if round == 0 || i.fixed {
		return i.value
	}
	return i.leaf.Make(r)
}

// inputs are the places of the inputs among the steps.
func (p *program) inputs() []int {
	var out []int
	for i, s := range p.steps {
		if s.input != nil {
			out = append(out, i)
		}
	}
	return out
}

// size is the number of ops and constructs, also in bodies.
func (p *program) size() int {
	n := 0
	for _, s := range p.steps {
		if s.row != nil || s.form != "" {
			n++
		}
		for _, b := range s.bodies {
			n += b.size()
		}
	}
	return n
}

// each calls f for every step, also in bodies.
func (p *program) each(f func(*step)) {
	for i := range p.steps {
		f(&p.steps[i])
		for _, b := range p.steps[i].bodies {
			b.each(f)
		}
	}
}

// has says whether a step is such.
func (p *program) has(is func(*step) bool) bool {
	found := false
	p.each(func(s *step) { found = found || is(s) })
	return found
}

// world is how programs are run.
type world struct {
	wide   bool   // in float64 in place of the narrower floating dtypes
	plain  bool   // constructs and transforms in their plainest form, loops in Go
	jitter uint64 // not 0: every floating result is off by some roundings
	wrap   func(op string, f core.FlatFunc) core.FlatFunc
}

// dtype is what d is in the world.
func (w world) dtype(d core.DType) core.DType {
	if w.wide && d.IsFloat() {
		return core.Float64
	}
	return d
}

// value is what v is in the world.
func (w world) value(v sample.Value) sample.Value {
	if d := w.dtype(v.DType); d != v.DType {
		return v.As(d)
	}
	return v
}

func (w world) values(vs []sample.Value) []sample.Value {
	out := make([]sample.Value, len(vs))
	for i, v := range vs {
		out[i] = w.value(v)
	}
	return out
}

// function is the program as a function of its inputs.
func (p *program) function(w world) core.FlatFunc {
	return func(in []*core.Array) []*core.Array {
		all := make([][]*core.Array, len(p.steps))
		for i := range p.steps {
			s := &p.steps[i]
			if s.input != nil {
				all[i] = in[:1]
				in = in[1:]
				continue
			}
			args := make([]*core.Array, len(s.in))
			for k, r := range s.in {
				args[k] = all[r.step][r.result]
			}
			all[i] = s.run(args, w)
			if w.jitter != 0 {
				jitter(all[i], w.jitter+uint64(i))
			}
		}
		out := make([]*core.Array, len(p.outs))
		for i, r := range p.outs {
			out[i] = all[r.step][r.result]
		}
		return out
	}
}

// jitter moves floating arrays by up to two roundings.
func jitter(as []*core.Array, seed uint64) {
	for i, a := range as {
		d := a.DType()
		if !d.IsInexact() {
			continue
		}
		part := d
		if d == core.Complex64 {
			part = core.Float32
		}
		r := sample.Source(seed, "jitter")
		shape := a.Shape()
		elems := make([]complex128, product(shape))
		for k := range elems {
			elems[k] = complex(1+roundoff(d)*float64(r.IntN(5)-2), 0)
		}
		as[i] = a.Mul(sample.New(core.Spec{DType: part, Shape: shape}, elems).Array())
	}
}

// roundoff is the relative error of one operation. Some functions of float64 are
// computed with the precision of float32.
func roundoff(d core.DType) float64 {
	return max(sample.Epsilon(d), sample.Epsilon(core.Float32))
}

func product(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// run computes the results of a step of args.
func (s *step) run(args []*core.Array, w world) []*core.Array {
	switch {
	case s.constant != nil:
		return []*core.Array{w.value(*s.constant).Array()}
	case s.form != "":
		return s.construct(args, w)
	}
	f := func(in []*core.Array) []*core.Array { return s.row.Invoke(w.args(s), in) }
	if w.wrap != nil && !w.plain {
		f = w.wrap(s.row.Name, f)
	}
	if s.row.CPU {
		var out []*core.Array
		core.Using(core.CPU, func() { out = f(args) })
		return out
	}
	return f(args)
}

// args are the arguments of a step with its dtypes as they are in the world.
func (w world) args(s *step) ops.Case {
	if !w.wide {
		return s.args
	}
	out := ops.Case{}
	for _, a := range s.row.Arguments {
		v := s.args[a.Name]
		if (a.Kind == ops.DType || a.Kind == ops.OptDType) && v.Text != "" {
			if d, err := core.ParseDType(v.Text); err == nil {
				v.Text = w.dtype(d).String()
			}
		}
		out[a.Name] = v
	}
	return out
}

func (p *program) clone() *program {
	out := &program{steps: slices.Clone(p.steps), outs: slices.Clone(p.outs)}
	for i := range out.steps {
		s := &out.steps[i]
		s.in = slices.Clone(s.in)
		s.bodies = slices.Clone(s.bodies)
		for k, b := range s.bodies {
			s.bodies[k] = b.clone()
		}
	}
	return out
}

// pruned is the program without the steps that its results do not need.
func (p *program) pruned() *program {
	needed := make([]bool, len(p.steps))
	for _, r := range p.outs {
		needed[r.step] = true
	}
	for i := len(p.steps) - 1; i >= 0; i-- {
		if needed[i] {
			for _, r := range p.steps[i].in {
				needed[r.step] = true
			}
		}
	}
	at := make([]int, len(p.steps))
	out := &program{}
	move := func(rs []ref) []ref {
		moved := make([]ref, len(rs))
		for i, r := range rs {
			moved[i] = ref{at[r.step], r.result}
		}
		return moved
	}
	for i, s := range p.steps {
		if needed[i] {
			at[i] = len(out.steps)
			s.in = move(s.in)
			out.steps = append(out.steps, s)
		}
	}
	out.outs = move(p.outs)
	return out
}
