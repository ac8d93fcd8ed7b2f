package programs

import (
	"slices"

	"github.com/adjoint-go/adjoint/conformance/internal/sample"
	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/ops"
)

// shrink returns a smaller subject that fails still. It drops what it can, one
// thing at a time, until nothing more can be dropped.
func shrink(s *subject, fails func(*subject) bool) *subject {
	attempts := 3000
	try := func(c *subject) bool {
		if c == nil || attempts == 0 {
			return false
		}
		attempts--
		ok := false
		core.TidyDo(func() {
			ok = caught(func() error {
				c.p = c.p.pruned()
				if len(c.p.outs) == 0 {
					return errUnfit
				}
				return c.refit()
			}) == nil && fails(c)
		})
		if ok {
			s = c
		}
		return ok
	}
	for progress := true; progress; {
		progress = false
		for _, moves := range []func(*subject) []func() *subject{dropTransforms, dropResults, replaceSteps, dropInputs, resize} {
			for again := true; again; {
				again = false
				for _, m := range moves(s) {
					if try(m()) {
						again, progress = true, true
						break
					}
				}
			}
		}
	}
	return s
}

func (s *subject) clone() *subject {
	out := &subject{p: s.p.clone(), stack: slices.Clone(s.stack), seed: s.seed, note: s.note}
	for i := range out.stack {
		t := &out.stack[i]
		t.wrt, t.in, t.out = slices.Clone(t.wrt), slices.Clone(t.in), slices.Clone(t.out)
	}
	return out
}

// refit makes the specs of the steps and the axes of the stack those of the
// program as it is. It fails where it cannot be run.
func (s *subject) refit() error {
	var in list
	for _, at := range s.p.inputs() {
		in = append(in, s.p.steps[at].input.value.Array())
	}
	if err := s.p.respec(in); err != nil {
		return err
	}
	for i := range s.stack {
		t := &s.stack[i]
		if t.derives() && len(t.wrt) == 0 {
			return errUnfit
		}
		if t.kind != byVMap {
			continue
		}
		in := s.inputs(i, 0)
		for k, a := range t.in {
			t.in[k] = min(a, len(in[k].Shape))
		}
		if !slices.ContainsFunc(t.in, func(a int) bool { return a != whole }) {
			return errUnfit
		}
		out := s.function(i, world{plain: true})(sample.Arrays(in))
		for len(t.out) < len(out) {
			t.out = append(t.out, 0)
		}
		t.out = t.out[:len(out)]
		for k, a := range out {
			t.out[k] = min(t.out[k], len(a.Shape()))
		}
	}
	return nil
}

// respec runs the program and notes the specs of its steps.
func (p *program) respec(in list) error {
	whole := *p
	whole.outs = nil
	for i, s := range p.steps {
		for k := range s.specs {
			whole.outs = append(whole.outs, ref{i, k})
		}
	}
	for i, a := range whole.function(world{})(in) {
		r := whole.outs[i]
		p.steps[r.step].specs[r.result] = a.Spec()
	}
	return nil
}

func dropTransforms(s *subject) (out []func() *subject) {
	for i := range s.stack {
		out = append(out, func() *subject {
			c := s.clone()
			c.stack = slices.Delete(c.stack, i, i+1)
			return c
		})
	}
	for i, t := range s.stack {
		if t.kind == byVMap && t.size > 2 {
			out = append(out, func() *subject {
				c := s.clone()
				c.stack[i].size = 2
				return c
			})
		}
		for k := range t.wrt {
			if len(t.wrt) > 1 {
				out = append(out, func() *subject {
					c := s.clone()
					c.stack[i].wrt = slices.Delete(c.stack[i].wrt, k, k+1)
					return c
				})
			}
		}
		simpler := map[kind]kind{byValueGrad: byGrad, byVJP: byGrad, byLinearize: byJVP, byJacFwd: byJVP, byJacRev: byGrad}
		if k, ok := simpler[t.kind]; ok {
			out = append(out, func() *subject {
				c := s.clone()
				c.stack[i].kind = k
				return c
			})
		}
	}
	return out
}

// programsOf are the program and all bodies in it.
func programsOf(p *program) []*program {
	out := []*program{p}
	for _, s := range p.steps {
		for _, b := range s.bodies {
			out = append(out, programsOf(b)...)
		}
	}
	return out
}

func dropResults(s *subject) (out []func() *subject) {
	for k := range s.p.outs {
		if len(s.p.outs) > 1 {
			out = append(out, func() *subject {
				c := s.clone()
				c.p.outs = slices.Delete(c.p.outs, k, k+1)
				return c
			})
		}
	}
	for i, st := range s.p.steps {
		for k := range st.in {
			out = append(out, func() *subject {
				c := s.clone()
				c.p.outs = []ref{c.p.steps[i].in[k]}
				return c
			})
		}
	}
	return out
}

// replaceSteps puts an argument of the same kind, an input or a constant in the
// place of a step, last ones first, or the body of a construct.
func replaceSteps(s *subject) (out []func() *subject) {
	for n, p := range programsOf(s.p) {
		for i := len(p.steps) - 1; i >= 0; i-- {
			st := p.steps[i]
			if st.row == nil && st.form == "" {
				continue
			}
			for k := range st.specs {
				for _, a := range st.in {
					if p.steps[a.step].specs[a.result].String() == st.specs[k].String() {
						out = append(out, func() *subject {
							c := s.clone()
							programsOf(c.p)[n].redirect(ref{i, k}, a)
							return c
						})
					}
				}
			}
			if len(st.specs) == 1 {
				for _, asInput := range []bool{true, false} {
					if asInput && (n > 0 || !st.specs[0].DType.IsInexact()) {
						continue
					}
					out = append(out, func() *subject {
						c := s.clone()
						c.replace(programsOf(c.p)[n], i, asInput, n == 0)
						return c
					})
				}
			}
			if len(st.specs) > 1 {
				for k := range st.specs {
					out = append(out, func() *subject {
						c := s.clone()
						q := programsOf(c.p)[n]
						at := c.insert(q, i, k, n == 0)
						q.redirect(ref{i + 1, k}, at)
						return c
					})
				}
			}
			if st.form == inCompile || st.form == inCheckpoint || st.form == inCustom {
				out = append(out, func() *subject {
					c := s.clone()
					programsOf(c.p)[n].inline(i)
					return c
				})
			}
		}
	}
	return out
}

// shift makes room for an input at a place, or with -1 takes one away.
func (s *subject) shift(at, by int) {
	for i := range s.stack {
		t := &s.stack[i]
		var wrt []int
		for _, w := range t.wrt {
			switch {
			case w == at && by < 0:
			case w >= at:
				wrt = append(wrt, w+by)
			default:
				wrt = append(wrt, w)
			}
		}
		if by > 0 && t.derives() && t.kind != byJacFwd && t.kind != byJacRev {
			wrt = append(wrt, at)
			slices.Sort(wrt)
		}
		t.wrt = wrt
		if t.kind == byVMap {
			if by > 0 {
				t.in = slices.Insert(t.in, at, 0)
			} else {
				t.in = slices.Delete(t.in, at, at+1)
			}
		}
	}
}

// dropInputs makes constants of inputs, and drops those that nothing uses.
func dropInputs(s *subject) (out []func() *subject) {
	for n, at := range s.p.inputs() {
		if len(s.p.inputs()) == 1 {
			break
		}
		out = append(out, func() *subject {
			c := s.clone()
			v := c.p.steps[at].input.value
			c.p.steps[at] = step{constant: &v, specs: []core.Spec{v.Spec}}
			c.shift(n, -1)
			return c
		})
	}
	for n, t := range s.stack {
		for k, a := range t.in {
			if a > 0 {
				out = append(out, func() *subject {
					c := s.clone()
					c.stack[n].in[k] = 0
					return c
				})
			}
		}
		for k, a := range t.out {
			if a > 0 {
				out = append(out, func() *subject {
					c := s.clone()
					c.stack[n].out[k] = 0
					return c
				})
			}
		}
	}
	return out
}

// resize makes axes of one size shorter, everywhere.
func resize(s *subject) (out []func() *subject) {
	sizes := map[int]bool{}
	s.p.each(func(st *step) {
		for _, o := range st.specs {
			for _, d := range o.Shape {
				sizes[d] = true
			}
		}
	})
	for d := 12; d > 1; d-- {
		if !sizes[d] {
			continue
		}
		for _, to := range []int{1, 2, 3} {
			if to >= d {
				continue
			}
			out = append(out, func() *subject {
				c := s.clone()
				for _, p := range programsOf(c.p) {
					for i := range p.steps {
						p.steps[i].resize(d, to)
					}
				}
				return c
			})
		}
	}
	return out
}

func (s *step) resize(from, to int) {
	cut := func(v sample.Value) sample.Value {
		for axis, d := range v.Shape {
			if d != from {
				continue
			}
			var parts []sample.Value
			for k := range to {
				parts = append(parts, v.Part(axis, k))
			}
			v = sample.Stack(parts, axis)
		}
		return v
	}
	switch {
	case s.input != nil:
		i := *s.input
		i.value, i.fixed = cut(i.value), true
		s.input = &i
	case s.constant != nil:
		v := cut(*s.constant)
		s.constant = &v
	case s.row != nil:
		args := s.args
		s.args = ops.Case{}
		for _, a := range s.row.Arguments {
			v := args[a.Name]
			if a.Kind == ops.Shape {
				v.Ints = slices.Clone(v.Ints)
				for k, d := range v.Ints {
					if d == from {
						v.Ints[k] = to
					}
				}
			}
			s.args[a.Name] = v
		}
	}
}
