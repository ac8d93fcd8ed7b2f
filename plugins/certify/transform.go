package certify

import (
	"errors"
	"fmt"
	"slices"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/plugins/spec"
	"github.com/adjoint-go/adjoint/transforms/compile"
)

// batch is the length of mapped axes. It is no size of a sample that was found, so
// that a batch is not taken for something else.
const batch = 5

// masks are which inputs are mapped: all combinations of a few, otherwise each
// alone and all.
func masks(n int) (out [][]bool) {
	if n <= 3 {
		for bits := 1; bits < 1<<n; bits++ {
			m := make([]bool, n)
			for i := range m {
				m[i] = bits>>i&1 == 1
			}
			out = append(out, m)
		}
		return out
	}
	for i := range n {
		m := make([]bool, n)
		m[i] = true
		out = append(out, m)
	}
	all := make([]bool, n)
	for i := range all {
		all[i] = true
	}
	return append(out, all)
}

// mappable is an error if there is nothing to map.
func (s *subject) mappable() error {
	if s.k.VMap == spec.NoBatch {
		return skip("it declares no batch rule")
	}
	if len(s.k.Inputs) == 0 {
		return skip("it has no inputs")
	}
	return s.comparable()
}

// entries draws the inputs of each entry of a batch; those that are not mapped are
// the same in all.
func (s *subject) entries(sm sample, mask []bool) [][]spec.Tensor {
	out := make([][]spec.Tensor, batch)
	for b := range out {
		out[b] = s.inputs(sm, b)
		for i := range mask {
			if !mask[i] {
				out[b][i] = out[0][i]
			}
		}
	}
	return out
}

// batched stacks entries: at the first axis, or at the last.
func batched(entries [][]spec.Tensor, mask []bool, last bool) (in []spec.Tensor, axes []int) {
	for i := range mask {
		if !mask[i] {
			in, axes = append(in, entries[0][i]), append(axes, -1)
			continue
		}
		axis := 0
		if last {
			axis = len(entries[0][i].Shape)
		}
		in, axes = append(in, stack(column(entries, i), axis)), append(axes, axis)
	}
	return in, axes
}

func column(entries [][]spec.Tensor, i int) []spec.Tensor {
	out := make([]spec.Tensor, len(entries))
	for b := range entries {
		out[b] = entries[b][i]
	}
	return out
}

// unlike says how f mapped over axes of in differs from the results of a loop.
func (s *subject) unlike(sm sample, loop [][]spec.Tensor, f func([]*core.Array) []*core.Array, in []spec.Tensor, axes []int) (string, error) {
	got, err := s.engine(sm, in, func() []*core.Array {
		return core.Vectorize("certify", func(in []*core.Array) ([]*core.Array, []int) {
			out := f(in)
			return out, make([]int, len(out))
		}, arrays(in), axes)
	})
	if err != nil {
		return "", err
	}
	want := make([]spec.Tensor, len(loop[0]))
	for i := range want {
		want[i] = stack(column(loop, i), 0)
	}
	_, wrong := compare(got, want, rounding)
	return wrong, nil
}

func checkVMap(s *subject) (string, error) {
	if err := s.mappable(); err != nil {
		return "", err
	}
	tried := 0
	err := s.sampled(func(sm sample) error {
		k, err := s.op(sm)
		if err != nil {
			return err
		}
		for _, mask := range masks(len(sm.shapes)) {
			entries := s.entries(sm, mask)
			loop := make([][]spec.Tensor, batch)
			for b := range entries {
				if loop[b], err = s.run(sm, entries[b]); err != nil {
					return err
				}
			}
			for _, last := range []bool{false, true} {
				in, axes := batched(entries, mask, last)
				wrong, err := s.unlike(sm, loop, func(in []*core.Array) []*core.Array { return k.Call(in...) }, in, axes)
				if err != nil {
					return err
				}
				if wrong != "" {
					return s.fail(sm, in, "mapped over axes %v, %s, which a loop gives", axes, wrong)
				}
				tried++
			}
		}
		return nil
	})
	return fmt.Sprintf("%d batches", tried), err
}

// compiled calls f, recorded on inputs of round 0, on those of rounds 0 and 1, and
// compares with what f gives by itself.
func (s *subject) compiled(sm sample, f core.FlatFunc) error {
	program := compile.Of(func(in []*core.Array) []*core.Array { return f(in) })
	defer program.Close()
	for round := range 2 {
		in := s.inputs(sm, round)
		want, err := s.engine(sm, in, func() []*core.Array { return f(arrays(in)) })
		if err != nil {
			return err
		}
		got, err := s.engine(sm, in, func() []*core.Array { return program.Call(arrays(in)) })
		if err != nil {
			return err
		}
		if _, wrong := compare(got, want, s.units()); wrong != "" {
			return s.fail(sm, in, "compiled, %s, which it gives eagerly", wrong)
		}
	}
	return nil
}

func checkCompile(s *subject) (string, error) {
	if err := s.comparable(); err != nil {
		return "", err
	}
	err := s.sampled(func(sm sample) error {
		k, err := s.op(sm)
		if err != nil {
			return err
		}
		return s.compiled(sm, func(in []*core.Array) []*core.Array { return k.Call(in...) })
	})
	return plural(len(s.samples), "sample"), err
}

// checkShapeless records the kernel on one sample and replays it on larger ones.
func checkShapeless(s *subject) (string, error) {
	if err := s.comparable(); err != nil {
		return "", err
	}
	if len(s.k.Inputs) == 0 {
		return "", skip("it has no inputs")
	}
	tried := 0
	err := s.sampled(func(first sample) error {
		k, err := s.op(first)
		if err != nil {
			return err
		}
		program := compile.Of(func(in []*core.Array) []*core.Array { return k.Call(in...) }, compile.Shapeless())
		defer program.Close()
		for _, by := range []int{1, 2, 3} {
			sm := first.grown(by)
			in := s.inputs(sm, by)
			want, err := s.call(sm, in)
			if err != nil && by > 1 && !fatal(err, false) {
				continue // it takes no other sizes
			}
			if err != nil {
				return s.blame(err, sm, in)
			}
			got, err := s.engine(sm, in, func() []*core.Array { return program.Call(arrays(in)) })
			if errors.Is(err, core.ErrShapeless) {
				return skip("its shapes depend on sizes: " + s.plain(err))
			}
			if err != nil {
				return err
			}
			if _, wrong := compare(got, want, s.units()); wrong != "" {
				return s.fail(sm, in, "compiled without sizes, %s, which it gives eagerly", wrong)
			}
			tried++
		}
		return nil
	})
	return plural(tried, "size"), err
}

// gradient is the function from inputs to the gradients of ⟨w, f⟩.
func (p *point) gradient(w []spec.Tensor) (core.FlatFunc, error) {
	f, err := p.function()
	if err != nil {
		return nil, err
	}
	// The weights must outlive what is made while a function is recorded.
	ws := arrays(w)
	return func(in []*core.Array) []*core.Array {
		_, grads := core.Differentiate("certify", func(in []*core.Array) []*core.Array {
			return []*core.Array{weighed(f(in), ws)}
		}, in, p.wrt)
		return grads
	}, nil
}

func weighed(out, w []*core.Array) (sum *core.Array) {
	add := func(y, w *core.Array) {
		if t := y.Mul(w).Sum().AsType(core.Float32); sum == nil {
			sum = t
		} else {
			sum = sum.Add(t)
		}
	}
	for i, y := range out {
		if y.DType() == core.Complex64 {
			add(y.Real(), w[i].Real())
			add(y.Imag(), w[i].Imag())
		} else {
			add(y, w[i])
		}
	}
	return sum
}

func checkCompileGrad(s *subject) (string, error) {
	count := 0
	err := s.points(func(p *point) error {
		g, err := p.gradient(p.weights())
		if err != nil {
			return err
		}
		count++
		return p.compiled(p.sm, g)
	})
	return plural(count, "sample"), err
}

func checkVMapGrad(s *subject) (string, error) {
	if err := s.mappable(); err != nil {
		return "", err
	}
	rule, err := s.p.Kernel(s.k.VJP)
	if err != nil {
		return "", err
	}
	if rule.Spec().VMap == spec.NoBatch {
		return "", skipf("%s, its VJP, declares no batch rule", s.k.VJP)
	}
	count := 0
	err = s.points(func(p *point) error {
		g, err := p.gradient(p.weights())
		if err != nil {
			return err
		}
		mask := slices.Repeat([]bool{true}, len(p.in))
		entries := p.entries(p.sm, mask)
		loop := make([][]spec.Tensor, batch)
		for b := range entries {
			if loop[b], err = p.engine(p.sm, entries[b], func() []*core.Array { return g(arrays(entries[b])) }); err != nil {
				return err
			}
		}
		in, axes := batched(entries, mask, false)
		wrong, err := p.unlike(p.sm, loop, g, in, axes)
		if err != nil {
			return err
		}
		if wrong != "" {
			return p.fail(p.sm, in, "the gradients of a batch: %s, which a loop gives", wrong)
		}
		count++
		return nil
	})
	return fmt.Sprintf("batches of %d at %s", batch, plural(count, "sample")), err
}
