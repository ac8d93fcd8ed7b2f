package programs

import (
	"errors"
	"fmt"
	"math/cmplx"
	"math/rand/v2"
	"strings"

	"github.com/adjoint-go/adjoint/conformance/internal/sample"
	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/ops"
)

// builder adds steps to a program and runs each at once, so that the engine says
// which steps fit.
type builder struct {
	*grammar
	r     *rand.Rand
	p     *program
	vals  [][]*core.Array
	depth int  // of bodies
	tame  bool // results that are not finite are refused
}

func (g *grammar) builder(r *rand.Rand) *builder {
	return &builder{grammar: g, r: r, p: &program{}, tame: true}
}

var errUnfit = errors.New("the step does not fit")

// largest is the number of elements that a result may have, most the magnitude.
const (
	largest = 160
	most    = 1e4
)

// add appends a step; it fails where the step cannot be run or gives too much.
func (b *builder) add(s step) (int, error) {
	args := make(list, len(s.in))
	for i, r := range s.in {
		args[i] = b.at(r)
	}
	if s.row != nil && b.note != nil {
		var specs []string
		for _, a := range args {
			specs = append(specs, a.Spec().String())
		}
		b.note(fmt.Sprintf("step %s(%s) of %v", s.row.Name, strings.Join(specs, ", "), s.args))
	}
	var out list
	err := caught(func() error {
		if s.input != nil {
			out = list{s.input.value.Array()}
		} else {
			out = s.run(args, world{})
		}
		for _, a := range out {
			if product(a.Shape()) > largest {
				return errUnfit
			}
		}
		core.Eval(out)
		return nil
	})
	if err != nil {
		return 0, err
	}
	for _, a := range out {
		if b.tame && s.input == nil && a.DType().IsInexact() && !within(a, most) {
			return 0, errUnfit
		}
	}
	s.specs, s.given = nil, nil
	for _, a := range args {
		s.given = append(s.given, a.Spec())
	}
	for _, a := range out {
		s.specs = append(s.specs, a.Spec())
	}
	b.p.steps = append(b.p.steps, s)
	b.vals = append(b.vals, out)
	return len(b.vals) - 1, nil
}

// within says whether all elements are finite and at most so large.
func within(a *core.Array, most float64) bool {
	for _, v := range sample.Read(list{a}) {
		for k := range v.Len() {
			if !(cmplx.Abs(v.At(k)) <= most) {
				return false
			}
		}
	}
	return true
}

func (b *builder) at(r ref) *core.Array { return b.vals[r.step][r.result] }

func (b *builder) one(p float64) bool { return b.r.Float64() < p }

// refs are all results so far.
func (b *builder) refs() []ref {
	var out []ref
	for i, v := range b.vals {
		for k := range v {
			out = append(out, ref{i, k})
		}
	}
	return out
}

// pick chooses a result that is such; later ones more often.
func (b *builder) pick(is func(core.Spec) bool) (ref, bool) {
	var out []ref
	for _, r := range b.refs() {
		if is(b.p.steps[r.step].specs[r.result]) {
			out = append(out, r)
		}
	}
	if len(out) == 0 {
		return ref{}, false
	}
	i := max(b.r.IntN(len(out)), b.r.IntN(len(out)))
	return out[i], true
}

func (b *builder) spec(r ref) core.Spec { return b.p.steps[r.step].specs[r.result] }

// fresh adds an input or a constant.
func (b *builder) fresh(l sample.Leaf, constant bool) (ref, error) {
	v := l.Make(b.r)
	s := step{input: &input{leaf: l, value: v}}
	if constant {
		s = step{constant: &v}
	}
	i, err := b.add(s)
	return ref{i, 0}, err
}

// number adds a constant without axes.
func (b *builder) number(d core.DType, x float64) ref {
	v := sample.New(core.Spec{DType: d}, []complex128{complex(x, 0)})
	return b.constant(v)
}

func (b *builder) constant(v sample.Value) ref {
	i, err := b.add(step{constant: &v})
	if err != nil {
		panic(err)
	}
	return ref{i, 0}
}

// op adds an op of the arrays in, in the order of the row's arguments, and other
// arguments. It panics with unfit where that fails.
func (b *builder) op(name string, in []ref, other ops.Case) ref {
	row, ok := b.rows[name]
	if !ok {
		panic(fmt.Sprintf("programs: there is no op %q", name))
	}
	args := ops.Case{}
	rest := len(in)
	for _, a := range row.Arguments {
		args[a.Name] = other[a.Name]
		if (a.Kind == ops.Array || a.Kind == ops.OptArray) && rest > 0 {
			args[a.Name] = ops.Value{Arrays: make([]ops.Sample, 1)}
			rest--
		}
	}
	i, err := b.add(step{row: row, args: args, in: in})
	if err != nil {
		panic(unfit{err})
	}
	return ref{i, 0}
}

// unfit is what a builder panics with when a step that it needs does not fit.
type unfit struct{ err error }

// attempt calls f, and takes back what it added where it fails. What is no
// typed error of the engine is passed on.
func (b *builder) attempt(f func() error) (err error) {
	n := len(b.vals)
	defer func() {
		if v := recover(); v != nil {
			u, ok := v.(unfit)
			if !ok {
				panic(v)
			}
			err = u.err
		}
		if err != nil {
			b.p.steps, b.vals = b.p.steps[:n], b.vals[:n]
		}
	}()
	return f()
}

// random is a random op on what is at hand.
func (b *builder) random() error {
	row := b.choice[b.r.IntN(len(b.choice))]
	i := b.r.IntN(len(row.Samples))
	dtypes := row.DTypesOf(i)
	d := dtypes[0]
	if b.one(0.4) {
		d = dtypes[b.r.IntN(len(dtypes))]
	}
	if d == core.Float32 && b.one(0.1) {
		d = core.Float64
	}
	leaves := row.Leaves(i, d)
	// The raw forms of these two check nothing.
	exact := row.Name == "as_strided" || row.Name == "pad" || b.one(0.6)
	s := step{row: row, args: row.Samples[i]}
	for k, l := range leaves {
		feed := b.feed
		switch {
		case k > 0 && strings.HasSuffix(row.Name, "_constant"):
			feed = func(l sample.Leaf, _ bool) (ref, error) { return b.fresh(l, true) }
		case row.Pkg == "linalg" && l.Sample.Domain == "" && len(l.Sample.Shape) > 1:
			l.Sample.Domain = "well" // what is singular has no derivative
		}
		r, err := feed(l, exact)
		if err != nil {
			return err
		}
		s.in = append(s.in, r)
	}
	_, err := b.add(s)
	return err
}

// feed gives an array for a leaf: one at hand, mended where need be, or a fresh one.
func (b *builder) feed(l sample.Leaf, exact bool) (ref, error) {
	domain := strings.TrimRight(l.Sample.Domain, "0123456789")
	constant := b.one(0.4) || b.depth > 0
	switch domain {
	case "perm", "seg", "u", "fp", "e", "m", "eye", "sorted":
		return b.fresh(l, constant)
	case "key":
		if r, ok := b.pick(func(s core.Spec) bool { return s.String() == "uint32[2]" }); ok && b.one(0.5) && len(l.Sample.Shape) == 1 {
			return r, nil
		}
		return b.fresh(l, constant)
	case "distinct", "between":
		if b.one(0.5) {
			return b.fresh(l, constant)
		}
		domain = ""
	}
	if l.Sample.Domain == "e8m0" || l.Sample.Domain == "u32" || l.Sample.Domain == "fp8" {
		return b.fresh(l, constant)
	}
	if b.one(0.15) || l.DType == core.Complex64 && domain != "" {
		return b.fresh(l, constant)
	}
	r, ok := b.pick(func(s core.Spec) bool { return s.DType == l.DType })
	if !ok || b.one(0.15) {
		r, ok = b.pick(func(s core.Spec) bool { return s.DType.IsInexact() == l.DType.IsInexact() })
	}
	if !ok || b.one(0.05) {
		r, ok = b.pick(func(s core.Spec) bool { return s.DType != core.Complex64 })
	}
	if exact && b.one(0.5) {
		if like, found := b.pick(func(s core.Spec) bool {
			return s.String() == (core.Spec{DType: l.DType, Shape: l.Sample.Shape}).String()
		}); found {
			r, ok = like, true
		}
	}
	if !ok || b.spec(r).DType == core.Complex64 && l.DType != core.Complex64 {
		return b.fresh(l, constant)
	}
	if exact || domain == "spd" || domain == "sym" || domain == "well" || domain == "lower" || domain == "upper" || domain == "apart" {
		r, ok = b.reshaped(r, l.Sample.Shape)
		if !ok {
			return b.fresh(l, constant)
		}
	}
	mustCast := l.Sample.DType != "" || domain == "idx" || domain == "bool" || !b.one(0.2)
	return b.mended(r, l, domain, mustCast), nil
}

// caught calls f and turns every panic into an error; untyped ones are bugs.
func caught(f func() error) (err error) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case *core.Error:
			err = v
		case unfit:
			err = v.err
		case *core.Panic:
			err = &crash{fmt.Sprintf("panic in a traced function: %v", v.Value)}
		default:
			err = &crash{fmt.Sprintf("panic: %v", v)}
		}
	}()
	return f()
}

// crash is a panic that is no typed error.
type crash struct{ text string }

func (c *crash) Error() string { return c.text }
