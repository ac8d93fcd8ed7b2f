package conformance

import (
	"errors"
	"fmt"
	"math/cmplx"
	"slices"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/engine"
)

func hasGPU() bool {
	return slices.ContainsFunc(core.Devices(), func(d core.Device) bool { return d.GPU })
}

// caught calls f and turns every panic into an error.
func caught(f func() error) (err error) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case *core.Error:
			err = v
		case *core.Panic:
			err = fmt.Errorf("panic in a traced function: %v", v.Value)
		default:
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return f()
}

// checkRefused stands in for every check of an op for a GPU where there is none.
func checkRefused(s *subject, _ string) (outcome, error) {
	var e *core.Error
	err := caught(func() error { s.run(s.inputs(0)); return nil })
	if !errors.As(err, &e) {
		return outcome{}, fmt.Errorf("an op for a GPU did not refuse to run without one: %w", err)
	}
	return outcome{refused: true, why: e}, nil
}

func checkEager(s *subject, _ string) (outcome, error) {
	in := s.inputs(0)
	as := arrays(in)
	results := s.fn(as)
	if n := len(s.Outs()); n > 0 && len(results) != n {
		return outcome{}, fmt.Errorf("%d results in place of %d", len(results), n)
	}
	var announced []core.Spec
	for _, r := range results {
		announced = append(announced, r.Spec())
	}
	got := read(results)
	for i, v := range got {
		if v.String() != announced[i].String() {
			return outcome{}, fmt.Errorf("result %d was announced as %v and is %v", i, announced[i], v.Spec)
		}
		if !v.DType.IsInexact() {
			continue
		}
		for k := range v.len() {
			if x := v.at(k); cmplx.IsNaN(x) || cmplx.IsInf(x) && !s.Infinite {
				return outcome{}, fmt.Errorf("result %d is not finite at %v: %v", i, index(v.Shape, k), text(v.DType, x))
			}
		}
	}
	if err := s.unmodified(as, in); err != nil {
		return outcome{}, err
	}
	if err := sameBits(s.run(in), got); err != nil {
		return outcome{}, fmt.Errorf("a second evaluation gives other values: %w", err)
	}
	return s.againstFloat32(in, got)
}

// againstFloat32 compares half-precision results of an op with a gradient with
// those for the same numbers in float32. Others may jump where a number is
// rounded.
func (s *subject) againstFloat32(in, got []value) (outcome, error) {
	half := false
	wide := slices.Clone(in)
	for i, l := range s.leaves {
		if l.diff && (l.dtype == core.Float16 || l.dtype == core.BFloat16) {
			half = true
		}
		if l.dtype == core.Float16 || l.dtype == core.BFloat16 {
			wide[i] = in[i].as(core.Float32)
		}
	}
	if !half {
		return outcome{}, nil
	}
	want := s.run(wide)
	for i := range want {
		if want[i].DType == core.Float32 && i < len(got) {
			want[i] = want[i].as(got[i].DType)
		}
	}
	worst, err := near(got, want, func(d core.DType) float64 {
		if d == core.Float32 {
			// A half-precision op with a float32 result.
			return 16 * epsilon(core.BFloat16)
		}
		return rounding(d)
	})
	if err != nil {
		err = fmt.Errorf("against float32: %w", err)
	}
	return outcome{worst: worst}, err
}

func checkLayout(s *subject, _ string) (outcome, error) {
	in := s.inputs(0)
	as := make([]*core.Array, len(in))
	for i, v := range in {
		as[i] = strided(v)
	}
	worst, err := near(read(s.fn(as)), s.run(in), rounding)
	if err != nil {
		return outcome{}, err
	}
	return outcome{worst: worst}, s.unmodified(as, in)
}

// strided makes an array whose elements do not lie in row-major order: matrices
// lie transposed in memory, and between the elements of a vector lie others.
func strided(v value) *core.Array {
	switch n := len(v.Shape); n {
	case 0:
		return v.array()
	case 1:
		wide := stack([]value{v, v}, 1)
		// What is skipped must not matter.
		for i := range v.len() {
			wide.set(2*i+1, 77)
		}
		wide.Shape = []int{2 * v.len()}
		var c core.Call
		c.Begin(engine.OpSlice)
		c.Array(wide.array())
		c.Shape([]int{0})
		c.Shape(wide.Shape)
		c.Shape([]int{2})
		return c.One()
	default:
		last := v.Shape[n-1]
		parts := make([]value, last)
		for k := range parts {
			parts[k] = v.part(n-1, k)
		}
		if last == 0 {
			return v.array()
		}
		return stack(parts, 0).array().MoveAxis(0, n-1)
	}
}
