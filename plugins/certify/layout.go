package certify

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

// checkLayout calls the kernel as an operation on arrays that do not lie in memory
// row by row.
func checkLayout(s *subject) (string, error) {
	if err := s.comparable(); err != nil {
		return "", err
	}
	tried := make(map[string]bool)
	err := s.sampled(func(sm sample) error {
		in := s.inputs(sm, 0)
		for _, l := range layouts {
			as, want, changed := make([]*core.Array, len(in)), slices.Clone(in), false
			for i, t := range in {
				if as[i] = l.make(t, &want[i]); as[i] == nil {
					as[i] = array(t)
				} else {
					changed = true
				}
			}
			if !changed {
				continue
			}
			expected, err := s.call(sm, want)
			if err != nil && l.name == "broadcast" {
				continue // numbers that repeat may be outside its domain
			}
			if err != nil {
				return s.blame(err, sm, want)
			}
			got, err := s.apply(sm, want, as)
			if err != nil {
				return err
			}
			tried[l.name] = true
			if _, wrong := compare(got, expected, s.units()); wrong != "" {
				return s.fail(sm, want, "%s: %s", l.name, wrong)
			}
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	var names []string
	for _, l := range layouts {
		if tried[l.name] {
			names = append(names, l.name)
		}
	}
	if len(names) == 0 {
		return "", skip("no input has an axis longer than 1")
	}
	return list(names), nil
}

// layouts make an array that is not contiguous, with the numbers of t or those
// that they write to want; nil if the shape allows none.
var layouts = []struct {
	name string
	make func(t spec.Tensor, want *spec.Tensor) *core.Array
}{
	{"transposed", func(t spec.Tensor, _ *spec.Tensor) *core.Array {
		r := len(t.Shape)
		if r < 2 {
			return nil
		}
		// A contiguous copy of the transposed numbers, seen transposed.
		turned := tensors([]*core.Array{array(t).SwapAxes(0, r-1)})[0]
		return array(turned).SwapAxes(0, r-1)
	}},
	{"sliced", func(t spec.Tensor, _ *spec.Tensor) *core.Array {
		if len(t.Shape) == 0 || t.Shape[0] < 2 {
			return nil
		}
		x := array(t)
		wide := tensors([]*core.Array{core.Stack(len(t.Shape), x, x.ZerosLike())})[0]
		return array(wide).Take(core.Scalar(int32(0)), len(t.Shape))
	}},
	{"broadcast", func(t spec.Tensor, want *spec.Tensor) *core.Array {
		if len(t.Shape) == 0 || t.Shape[0] < 2 {
			return nil
		}
		step := len(t.Data) / t.Shape[0]
		one := spec.Tensor{Type: spec.Type{DType: t.DType, Shape: append([]int{1}, t.Shape[1:]...)}, Data: t.Data[:step]}
		*want = spec.Tensor{Type: t.Type, Data: bytes.Repeat(one.Data, t.Shape[0])}
		return array(one).BroadcastTo(t.Shape...)
	}},
}

// checkScalar calls the kernel with scalars, and with the same numbers in arrays of
// one element.
func checkScalar(s *subject) (string, error) {
	scalars := func(shapes [][]int) bool {
		return !slices.ContainsFunc(shapes, func(shape []int) bool { return len(shape) > 0 })
	}
	return s.shaped("scalars", scalars, func([]int) []int { return []int{} }, func(sm sample, in, out []spec.Tensor) error {
		one := sm.of(slices.Repeat([][]int{{1}}, len(in)))
		flat := slices.Clone(in)
		for i := range flat {
			flat[i].Shape = []int{1}
		}
		want, err := s.call(one, flat)
		if err != nil || s.erratic {
			return s.ctx.Err()
		}
		for i := range out {
			if numbersOf(out[i].Type) != numbersOf(want[i].Type) {
				return nil
			}
			want[i].Shape = out[i].Shape
		}
		if _, wrong := compare(out, want, rounding); wrong != "" {
			return s.fail(sm, in, "%s, which arrays of one element give", wrong)
		}
		return nil
	})
}

// checkEmpty calls the kernel with inputs without elements.
func checkEmpty(s *subject) (string, error) {
	empty := func(shapes [][]int) bool {
		return slices.ContainsFunc(shapes, func(shape []int) bool { return slices.Contains(shape, 0) })
	}
	return s.shaped("inputs without elements", empty, func(shape []int) []int {
		if len(shape) == 0 || slices.Contains(shape, 0) {
			return shape
		}
		return append([]int{0}, shape[1:]...)
	}, func(sample, []spec.Tensor, []spec.Tensor) error { return nil })
}

// shaped calls the kernel with samples in other shapes, which it may refuse. Shapes
// that an author declares fit each other, others need not; so of the author's samples
// those are taken whose shapes are such already.
func (s *subject) shaped(what string, are func(shapes [][]int) bool, change func([]int) []int, check func(sm sample, in, out []spec.Tensor) error) (string, error) {
	refusal, seen, computed := "", make(map[string]bool), 0
	err := s.sampled(func(sm sample) error {
		shapes := slices.Clone(sm.shapes)
		for i, shape := range shapes {
			if !sm.given {
				shapes[i] = change(shape)
			}
		}
		key := fmt.Sprint(shapes)
		if seen[key] || len(shapes) == 0 || !are(shapes) {
			return nil
		}
		seen[key] = true
		sm = sm.of(shapes)
		in := s.inputs(sm, 0)
		out, err := s.call(sm, in)
		if err != nil && !fatal(err, true) {
			refusal = s.plain(err)
			return nil
		}
		if err != nil {
			return s.blame(err, sm, in)
		}
		computed++
		return check(sm, in, out)
	})
	switch {
	case err != nil:
		return "", err
	case computed > 0:
		return fmt.Sprintf("%d computed", computed), nil
	case refusal != "":
		return "", skipf("it refuses %s: %s", what, refusal)
	}
	return "", skipf("no sample has %s", what)
}
