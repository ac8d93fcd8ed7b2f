package certify

import (
	"math"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

// inputs draws the numbers of a sample. Other rounds have others.
func (s *subject) inputs(sm sample, round int) []spec.Tensor {
	in := make([]spec.Tensor, len(sm.shapes))
	for i, shape := range sm.shapes {
		in[i] = s.input(sm, i, spec.Type{DType: sm.dtypes[i], Shape: shape}, round)
	}
	return in
}

func (s *subject) input(sm sample, i int, t spec.Type, round int) spec.Tensor {
	r := s.source(s.k.Name, "input", i, t.Shape, round)
	n := numbersOf(t)
	numbers := make([]float64, n)
	low, high, bounded := spec.Interval(sm.values[i])
	switch {
	case sm.values[i] == spec.PositiveDefinite && square(t.Shape) && n > 0:
		return s.definite(t, round)
	case !t.DType.Inexact():
		if !bounded {
			low, high = 0, 7
		}
		if t.DType == spec.Bool {
			low, high = 0, 1
		}
		for k := range numbers {
			numbers[k] = math.Floor(low + (math.Floor(high)-low+1)*r.Float64())
		}
	default:
		// Numbers are apart from each other and, without bounds, from zero, since
		// functions have kinks there. They are those of half precision.
		slots := r.Perm(n)
		for k := range numbers {
			u := (float64(slots[k]) + 0.35 + 0.3*r.Float64()) / float64(n)
			if bounded {
				numbers[k] = low + (high-low)*u
				continue
			}
			if numbers[k] = 4*u - 2; numbers[k] < 0 {
				numbers[k] -= 0.1
			} else {
				numbers[k] += 0.1
			}
		}
	}
	return tensor(t, numbers)
}

func square(shape []int) bool {
	n := len(shape)
	return n >= 2 && shape[n-1] == shape[n-2]
}

// definite draws symmetric positive definite matrices: A·Aᵀ/n + 1.
func (s *subject) definite(t spec.Type, round int) spec.Tensor {
	n := t.Shape[len(t.Shape)-1]
	r := s.source(s.k.Name, "definite", t.Shape, round)
	numbers := make([]float64, numbersOf(spec.Type{DType: spec.Float32, Shape: t.Shape}))
	for k := range numbers {
		numbers[k] = 2*r.Float64() - 1
	}
	a := core.From(numbers, t.Shape...)
	m := a.MatMul(a.SwapAxes(-1, -2)).DivScalar(float64(n)).Add(core.Eye(core.Float64, n, n, 0))
	d, _ := core.ParseDType(string(t.DType))
	return tensors([]*core.Array{m.AsType(d)})[0]
}
