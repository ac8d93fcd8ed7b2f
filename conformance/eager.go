package conformance

import (
	"errors"
	"fmt"
	"math/cmplx"
	"slices"

	"github.com/adjoint-go/adjoint/conformance/internal/sample"
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
	as := sample.Arrays(in)
	results := s.fn(as)
	if n := len(s.Outs()); n > 0 && len(results) != n {
		return outcome{}, fmt.Errorf("%d results in place of %d", len(results), n)
	}
	var announced []core.Spec
	for _, r := range results {
		announced = append(announced, r.Spec())
	}
	got := sample.Read(results)
	for i, v := range got {
		if v.String() != announced[i].String() {
			return outcome{}, fmt.Errorf("result %d was announced as %v and is %v", i, announced[i], v.Spec)
		}
		if !v.DType.IsInexact() {
			continue
		}
		for k := range v.Len() {
			if x := v.At(k); cmplx.IsNaN(x) || cmplx.IsInf(x) && !s.Infinite {
				return outcome{}, fmt.Errorf("result %d is not finite at %v: %v", i, sample.Index(v.Shape, k), sample.Text(v.DType, x))
			}
		}
	}
	if err := s.unmodified(as, in); err != nil {
		return outcome{}, err
	}
	if err := sample.SameBits(s.run(in), got); err != nil {
		return outcome{}, fmt.Errorf("a second evaluation gives other values: %w", err)
	}
	return s.againstFloat32(in, got)
}

// againstFloat32 compares half-precision results of an op with a gradient with
// those for the same numbers in float32. Others may jump where a number is
// rounded.
func (s *subject) againstFloat32(in, got []sample.Value) (outcome, error) {
	half := false
	wide := slices.Clone(in)
	for i, l := range s.leaves {
		if l.Diff && (l.DType == core.Float16 || l.DType == core.BFloat16) {
			half = true
		}
		if l.DType == core.Float16 || l.DType == core.BFloat16 {
			wide[i] = in[i].As(core.Float32)
		}
	}
	if !half {
		return outcome{}, nil
	}
	want := s.run(wide)
	for i := range want {
		if want[i].DType == core.Float32 && i < len(got) {
			want[i] = want[i].As(got[i].DType)
		}
	}
	worst, err := sample.Near(got, want, func(d core.DType) float64 {
		if d == core.Float32 {
			// A half-precision op with a float32 result.
			return 16 * sample.Epsilon(core.BFloat16)
		}
		return sample.Rounding(d)
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
	worst, err := sample.Near(sample.Read(s.fn(as)), s.run(in), sample.Rounding)
	if err != nil {
		return outcome{}, err
	}
	return outcome{worst: worst}, s.unmodified(as, in)
}

// strided makes an array whose elements do not lie in row-major order: matrices
// lie transposed in memory, and between the elements of a vector lie others.
func strided(v sample.Value) *core.Array {
	switch n := len(v.Shape); n {
	case 0:
		return v.Array()
	case 1:
		wide := sample.Stack([]sample.Value{v, v}, 1)
		// What is skipped must not matter.
		for i := range v.Len() {
			wide.Set(2*i+1, 77)
		}
		wide.Shape = []int{2 * v.Len()}
		var c core.Call
		c.Begin(engine.OpSlice)
		c.Array(wide.Array())
		c.Shape([]int{0})
		c.Shape(wide.Shape)
		c.Shape([]int{2})
		return c.One()
	default:
		last := v.Shape[n-1]
		parts := make([]sample.Value, last)
		for k := range parts {
			parts[k] = v.Part(n-1, k)
		}
		if last == 0 {
			return v.Array()
		}
		return sample.Stack(parts, 0).Array().MoveAxis(0, n-1)
	}
}
