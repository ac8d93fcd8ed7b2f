package programs

import (
	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/flow"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

// form is a construct: a step with programs as bodies. A body's inputs are the
// arrays that it is given, then those that it captures.
type form string

const (
	inCompile    form = "compile"    // body(in); captures the last n
	inCheckpoint form = "checkpoint" // body(in); captures the last n
	inCustom     form = "custom"     // body(in) with its own gradient, which is the gradient
	inGrad       form = "grad"       // the gradient of the sum of body's floating results with respect to the first array
	inVMap       form = "vmap"       // body mapped over the first axis of the first array; captures the rest
	inCond       form = "cond"       // in[0] chooses one of two bodies of in[1:]; captures the last n
	inScan       form = "scan"       // carries in[0] along the first axis of in[1]; captures the rest
	inFor        form = "repeat"     // n rounds of body(i, in[0]); captures the rest
	inWhile      form = "while"      // body(in[0]) while a counter is below in[1], at most n; captures the rest
)

type list = []*core.Array

// construct runs a construct.
func (s *step) construct(in list, w world) list {
	body := s.bodies[0].function(w)
	if w.plain {
		return s.plainly(body, in, w)
	}
	switch s.form {
	case inCompile:
		given, captured := in[:len(in)-s.n], in[len(in)-s.n:]
		return compile.Of(func(a list) list { return body(joined(a, captured)) }).Call(given)
	case inCheckpoint:
		given, captured := in[:len(in)-s.n], in[len(in)-s.n:]
		return grad.Checkpoint(func(a list) list { return body(joined(a, captured)) })(given)
	case inCustom:
		return grad.Custom(func(a list) list { return body(a) }, grad.WithVJP(func(a, _, ct list) list {
			_, pull := grad.VJP(func(a list) list { return body(a) }, a)
			return pull(ct)
		}))(in)
	case inVMap:
		return vmap.Of(func(a *core.Array) list { return body(joined(list{a}, in[1:])) })(in[0])
	case inCond:
		given, captured := in[1:len(in)-s.n], in[len(in)-s.n:]
		no := s.bodies[1].function(w)
		return flow.Cond(in[0],
			func(a list) list { return body(joined(a, captured)) },
			func(a list) list { return no(joined(a, captured)) }, given)
	case inScan:
		c, ys := flow.Scan(func(c, x *core.Array) (*core.Array, list) {
			out := body(joined(list{c, x}, in[2:]))
			return out[0], out[1:]
		}, in[0], in[1])
		return joined(list{c}, ys)
	case inFor:
		return list{flow.For(s.n, func(i, c *core.Array) *core.Array {
			return body(joined(list{i, c}, in[1:]))[0]
		}, in[0])}
	case inWhile:
		out := flow.While(
			func(c list) *core.Array { return c[1].Less(in[1]) },
			func(c list) list {
				return list{body(joined(list{c[0]}, in[2:]))[0], c[1].Add(core.Scalar(int32(1)))}
			}, list{in[0], core.Scalar(int32(0))})
		return out[:1]
	}
	return s.plainly(body, in, w)
}

// plainly runs a construct as Go code does that has no such constructs.
func (s *step) plainly(body core.FlatFunc, in list, w world) list {
	switch s.form {
	case inGrad:
		return list{grad.Of(func(a *core.Array) *core.Array { return total(body(joined(list{a}, in[1:]))) })(in[0])}
	case inVMap:
		var all []list
		for i := range in[0].Dim(0) {
			all = append(all, body(joined(list{in[0].Index(i)}, in[1:])))
		}
		return stacked(all)
	case inCond:
		yes, no := body(in[1:]), s.bodies[1].function(w)(in[1:])
		for i := range yes {
			yes[i] = core.Where(in[0], yes[i], no[i])
		}
		return yes
	case inScan:
		c := in[0]
		var all []list
		for i := range in[1].Dim(0) {
			out := body(joined(list{c, in[1].Index(i)}, in[2:]))
			c = out[0]
			all = append(all, out[1:])
		}
		return joined(list{c}, stacked(all))
	case inFor:
		c := in[0]
		for i := range s.n {
			c = body(joined(list{core.Scalar(int32(i)), c}, in[1:]))[0]
		}
		return list{c}
	case inWhile:
		c := in[0]
		for i := range s.n {
			next := body(joined(list{c}, in[2:]))[0]
			c = core.Where(core.Scalar(int32(i)).Less(in[1]), next, c)
		}
		return list{c}
	}
	return body(in)
}

// joined is a and b in a list of its own.
func joined(a, b list) list { return append(append(list{}, a...), b...) }

// stacked stacks the results of several calls.
func stacked(all []list) list {
	var out list
	for k := range all[0] {
		var parts list
		for _, one := range all {
			parts = append(parts, one[k])
		}
		out = append(out, core.Stack(0, parts...))
	}
	return out
}

// total is the sum of all floating arrays, of complex ones of both parts.
func total(as list) *core.Array {
	var sum *core.Array
	for _, a := range as {
		if !a.DType().IsInexact() {
			continue
		}
		t := a
		if a.DType() == core.Complex64 {
			t = a.Real().Add(a.Imag())
		} else if a.DType() != core.Float64 {
			t = a.AsType(core.Float32)
		}
		t = t.Sum()
		if sum == nil {
			sum = t
		} else {
			sum = sum.Add(t)
		}
	}
	return sum
}
