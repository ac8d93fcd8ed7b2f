package programs

import (
	"math/rand/v2"

	"github.com/adjoint-go/adjoint/conformance/internal/sample"
	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/ops"
)

// shapes are those of the first inputs.
var shapes = [][]int{{3, 4}, {4}, {}, {2, 3, 4}, {3, 3}, {1, 4}, {3, 1}, {4, 5}, {2, 3}, {6}}

// grow makes a program of up to so many random steps.
func (g *grammar) grow(r *rand.Rand, steps int) *program {
	b := g.builder(r)
	for range 1 + r.IntN(3) {
		shape := shapes[r.IntN(len(shapes))]
		if b.one(0.02) {
			shape = []int{0, 3}
		}
		_, _ = b.fresh(sample.Leaf{Sample: ops.Sample{Shape: shape}, DType: b.dtype()}, false)
	}
	b.extend(steps)
	b.choose(1 + r.IntN(3))
	return b.p.pruned()
}

func (b *builder) dtype() core.DType {
	switch x := b.r.Float64(); {
	case x < 0.66:
		return core.Float32
	case x < 0.72:
		return core.Float64
	case x < 0.78:
		return core.Float16
	case x < 0.82:
		return core.BFloat16
	case x < 0.90:
		return core.Int32
	case x < 0.94:
		return core.Complex64
	case x < 0.97:
		return core.Bool
	}
	return []core.DType{core.Int64, core.Uint8, core.Uint32, core.Int8}[b.r.IntN(4)]
}

// extend adds random steps.
func (b *builder) extend(steps int) {
	for range steps {
		for range 8 {
			if b.attempt(func() error {
				if b.depth < 2 && b.one(0.12) {
					return b.randomConstruct()
				}
				return b.random()
			}) == nil {
				break
			}
		}
	}
}

// choose makes results the outputs, floating ones rather than others.
func (b *builder) choose(n int) {
	b.p.outs = nil
	for range n {
		r, ok := b.pick(func(s core.Spec) bool { return s.DType.IsInexact() && product(s.Shape) > 0 })
		if !ok || b.one(0.1) {
			r, _ = b.pick(func(core.Spec) bool { return true })
		}
		b.p.outs = append(b.p.outs, r)
	}
}

// body makes a program of arrays like those given.
func (b *builder) body(given list, steps int) *builder {
	inner := b.grammar.builder(b.r)
	inner.depth = b.depth + 1
	for _, v := range sample.Read(given) {
		if _, err := inner.add(step{input: &input{value: v, fixed: true}}); err != nil {
			panic(unfit{err})
		}
	}
	inner.extend(steps)
	return inner
}

// as makes the last result that can be brought to a spec and be bounded one of
// the outputs.
func (b *builder) as(s core.Spec) {
	r, ok := b.pick(func(got core.Spec) bool {
		return got.DType.IsInexact() == s.DType.IsInexact() && got.DType != core.Bool && (got.DType == core.Complex64) == (s.DType == core.Complex64) && product(got.Shape) > 0
	})
	if !ok {
		r = ref{0, 0}
	}
	if r, ok = b.reshaped(r, s.Shape); !ok {
		panic(unfit{errUnfit})
	}
	if b.spec(r).DType != s.DType {
		r = b.op("astype", []ref{r}, ops.Case{"dtype": {Text: s.DType.String()}})
	}
	if s.DType.IsFloat() {
		r = b.bounded(r, -1.5, 1.5)
	}
	b.p.outs = append(b.p.outs, r)
}

func isReal(s core.Spec) bool { return s.DType.IsFloat() && product(s.Shape) > 0 }

// randomConstruct adds a construct with bodies of its own.
func (b *builder) randomConstruct() error {
	forms := []form{inCompile, inCheckpoint, inCustom, inGrad, inVMap, inCond, inScan, inFor, inWhile}
	s := step{form: forms[b.r.IntN(len(forms))]}
	steps := 1 + b.r.IntN(5)
	choose := func(is func(core.Spec) bool) ref {
		r, ok := b.pick(is)
		if !ok {
			panic(unfit{errUnfit})
		}
		return r
	}
	some := func(least, most int) []ref {
		var out []ref
		for range least + b.r.IntN(most-least+1) {
			out = append(out, choose(func(core.Spec) bool { return true }))
		}
		return out
	}
	values := func(rs []ref) list {
		var out list
		for _, r := range rs {
			out = append(out, b.at(r))
		}
		return out
	}
	switch s.form {
	case inCompile, inCheckpoint, inCustom:
		s.in = some(1, 3)
		if s.form != inCustom && len(s.in) > 1 {
			s.n = b.r.IntN(len(s.in))
		}
		if s.form == inCustom {
			s.in[0] = choose(isReal)
		}
		body := b.body(values(s.in), steps)
		body.choose(1 + b.r.IntN(2))
		s.bodies = []*program{body.p}
	case inGrad:
		s.in = append([]ref{choose(isReal)}, some(0, 2)...)
		body := b.body(values(s.in), steps)
		body.choose(1 + b.r.IntN(2))
		s.bodies = []*program{body.p}
	case inVMap:
		s.in = append([]ref{choose(func(s core.Spec) bool { return len(s.Shape) > 0 && s.Shape[0] > 0 })}, some(0, 2)...)
		body := b.body(append(list{b.at(s.in[0]).Index(0)}, values(s.in[1:])...), steps)
		body.choose(1 + b.r.IntN(2))
		s.bodies = []*program{body.p}
	case inCond:
		x := choose(isReal)
		p := b.op("greater", []ref{b.op("mean", []ref{x}, ops.Case{"axes": {Ints: axes(b.spec(x))}}), b.number(b.spec(x).DType, b.r.Float64()-0.5)}, nil)
		s.in = append([]ref{p}, some(1, 3)...)
		s.n = b.r.IntN(len(s.in) - 1)
		for range 2 {
			body := b.body(values(s.in[1:]), steps)
			if len(s.bodies) == 0 {
				body.choose(1 + b.r.IntN(2))
			} else {
				for _, o := range s.bodies[0].outs {
					body.as(s.bodies[0].steps[o.step].specs[o.result])
				}
			}
			s.bodies = append(s.bodies, body.p)
		}
	case inScan, inFor, inWhile:
		c := choose(isReal)
		s.in = []ref{c}
		given := list{b.at(c)}
		switch s.form {
		case inScan:
			x := choose(func(s core.Spec) bool { return len(s.Shape) > 0 && s.Shape[0] > 0 })
			s.in = append(s.in, x)
			given = append(given, b.at(x).Index(0))
		case inFor:
			s.n = b.r.IntN(4)
			given = list{core.Scalar(int32(0)), given[0]}
		case inWhile:
			s.n = 3
			limit := sample.Leaf{Sample: ops.Sample{Domain: "idx4"}, DType: core.Int32}
			r, err := b.fresh(limit, b.one(0.5))
			if err != nil {
				return err
			}
			s.in = append(s.in, r)
		}
		captured := some(0, 2)
		s.in = append(s.in, captured...)
		body := b.body(append(given, values(captured)...), steps)
		if s.form == inScan {
			body.choose(b.r.IntN(3))
			ys := body.p.outs
			body.p.outs = nil
			body.as(b.spec(c))
			body.p.outs = append(body.p.outs, ys...)
		} else {
			body.as(b.spec(c))
		}
		s.bodies = []*program{body.p}
	}
	_, err := b.add(s)
	return err
}

func axes(s core.Spec) []int {
	out := make([]int, len(s.Shape))
	for i := range out {
		out[i] = i
	}
	return out
}
