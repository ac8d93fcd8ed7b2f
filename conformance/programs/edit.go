package programs

import (
	"slices"

	"github.com/adjoint-go/adjoint/conformance/internal/sample"
	"github.com/adjoint-go/adjoint/core"
)

// redirect has users of from use to.
func (p *program) redirect(from, to ref) {
	for i := range p.steps {
		for k, r := range p.steps[i].in {
			if r == from {
				p.steps[i].in[k] = to
			}
		}
	}
	for k, r := range p.outs {
		if r == from {
			p.outs[k] = to
		}
	}
}

// valueOf is the value of a result, of one in a body some value like it.
func (s *subject) valueOf(p *program, r ref, known bool) sample.Value {
	if known {
		one := *p
		one.outs = []ref{r}
		var in list
		for _, at := range p.inputs() {
			in = append(in, p.steps[at].input.value.Array())
		}
		return sample.Read(one.function(world{})(in))[0]
	}
	spec := p.steps[r.step].specs[r.result]
	src := sample.Source(s.seed, "body")
	elems := make([]complex128, product(spec.Shape))
	for k := range elems {
		elems[k] = complex(near1(src), 0)
		if !spec.DType.IsInexact() {
			elems[k] = 1
		}
	}
	return sample.New(spec, elems)
}

// replace makes a step an input or a constant of its value.
func (s *subject) replace(p *program, i int, asInput, known bool) {
	v := s.valueOf(p, ref{i, 0}, known)
	st := step{constant: &v, specs: []core.Spec{v.Spec}}
	if asInput {
		at := 0
		for _, k := range p.inputs() {
			if k < i {
				at++
			}
		}
		s.shift(at, 1)
		st = step{input: &input{value: v, fixed: true}, specs: st.specs}
	}
	p.steps[i] = st
}

// insert puts a constant of the value of one result of step i before it.
func (s *subject) insert(p *program, i, k int, known bool) ref {
	v := s.valueOf(p, ref{i, k}, known)
	move := func(rs []ref) {
		for j, r := range rs {
			if r.step >= i {
				rs[j].step++
			}
		}
	}
	for j := range p.steps {
		move(p.steps[j].in)
	}
	move(p.outs)
	p.steps = slices.Insert(p.steps, i, step{constant: &v, specs: []core.Spec{v.Spec}})
	return ref{i, 0}
}

// inline puts the steps of a construct's body in its place.
func (p *program) inline(i int) {
	st := p.steps[i]
	body := st.bodies[0]
	at := make([]ref, len(body.steps))
	var added []step
	given := 0
	for k, b := range body.steps {
		if b.input != nil {
			at[k] = st.in[given]
			given++
			continue
		}
		at[k] = ref{i + len(added), 0}
		b.in = slices.Clone(b.in)
		for j, r := range b.in {
			b.in[j] = ref{at[r.step].step, at[r.step].result + r.result}
		}
		added = append(added, b)
	}
	by := len(added) - 1
	old := slices.Clone(p.steps[i+1:])
	outs := make([]ref, len(body.outs))
	for k, r := range body.outs {
		outs[k] = ref{at[r.step].step, at[r.step].result + r.result}
	}
	move := func(rs []ref) []ref {
		out := slices.Clone(rs)
		for j, r := range out {
			switch {
			case r.step == i:
				out[j] = outs[r.result]
			case r.step > i:
				out[j].step += by
			}
		}
		return out
	}
	for k := range old {
		old[k].in = move(old[k].in)
	}
	p.outs = move(p.outs)
	p.steps = append(append(p.steps[:i:i], added...), old...)
}
