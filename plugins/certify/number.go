package certify

import (
	"bytes"
	"fmt"
	"math"
	"strings"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

// array makes an array of a tensor.
func array(t spec.Tensor) *core.Array {
	d, err := core.ParseDType(string(t.DType))
	if err != nil {
		core.Fail("certify", nil, err)
	}
	return core.FromBytes(d, t.Data, t.Shape...)
}

func arrays(ts []spec.Tensor) []*core.Array {
	out := make([]*core.Array, len(ts))
	for i, t := range ts {
		out[i] = array(t)
	}
	return out
}

// tensors evaluates arrays, one after the other so that kernels do not run at the
// same time unless that is what is tried, and copies them.
func tensors(as []*core.Array) []spec.Tensor {
	out := make([]spec.Tensor, len(as))
	for i, a := range as {
		core.Eval(a)
		s := a.Spec()
		out[i] = spec.Tensor{Type: spec.Type{DType: spec.DType(s.DType.String()), Shape: s.Shape}, Data: a.Bytes()}
	}
	return out
}

// floats are the elements as numbers; a complex one is two.
func floats(t spec.Tensor) []float64 {
	if len(t.Data) == 0 {
		return nil
	}
	if t.DType == spec.Complex64 {
		v, _ := spec.Values[complex64](t)
		out := make([]float64, 0, 2*len(v))
		for _, x := range v {
			out = append(out, float64(real(x)), float64(imag(x)))
		}
		return out
	}
	return core.Data[float64](array(t).AsType(core.Float64))
}

// tensor rounds numbers to a dtype; a complex element takes two.
func tensor(t spec.Type, numbers []float64) spec.Tensor {
	if t.DType == spec.Complex64 {
		v := make([]complex64, len(numbers)/2)
		for i := range v {
			v[i] = complex(float32(numbers[2*i]), float32(numbers[2*i+1]))
		}
		return spec.Of(t.Shape, v...)
	}
	if len(numbers) == 0 {
		return spec.Tensor{Type: t, Data: []byte{}}
	}
	d, _ := core.ParseDType(string(t.DType))
	return spec.Tensor{Type: t, Data: core.From(numbers, t.Shape...).AsType(d).Bytes()}
}

// numbersOf is how many numbers a tensor of the type holds.
func numbersOf(t spec.Type) int {
	n := 1
	for _, size := range t.Shape {
		n *= size
	}
	if t.DType == spec.Complex64 {
		n *= 2
	}
	return n
}

// epsilon is the distance of 1 to the next number, 0 for what is not floating.
func epsilon(d spec.DType) float64 {
	switch d {
	case spec.Float16:
		return 0x1p-10
	case spec.BFloat16:
		return 0x1p-7
	case spec.Float32, spec.Complex64:
		return 0x1p-23
	case spec.Float64:
		return 0x1p-52
	}
	return 0
}

// rounding is what another order of the same computation may change, in units of
// epsilon and of the largest result.
const rounding = 64

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

func same(got, want []spec.Tensor) bool {
	for i := range got {
		if !got[i].Equal(want[i].Type) || !bytes.Equal(got[i].Data, want[i].Data) {
			return false
		}
	}
	return len(got) == len(want)
}

// compare returns the largest difference, relative to the largest magnitude of an
// output or to 1, and where differences exceed units of epsilon, what is wrong. With
// units 0 the results must be the same to the bit.
func compare(got, want []spec.Tensor, units float64) (worst float64, wrong string) {
	if len(got) != len(want) {
		return 0, fmt.Sprintf("%d outputs in place of %d", len(got), len(want))
	}
	for i := range got {
		if !got[i].Equal(want[i].Type) {
			return 0, fmt.Sprintf("output %d is %s in place of %s", i, got[i].Type, want[i].Type)
		}
		if bytes.Equal(got[i].Data, want[i].Data) {
			continue
		}
		g, w := floats(got[i]), floats(want[i])
		scale := 1.0
		for _, x := range w {
			if finite(x) {
				scale = max(scale, math.Abs(x))
			}
		}
		limit := units * epsilon(got[i].DType)
		for k := range g {
			if g[k] == w[k] || math.IsNaN(g[k]) && math.IsNaN(w[k]) {
				continue
			}
			rel := math.Abs(g[k]-w[k]) / scale
			if !(rel <= limit) {
				return rel, fmt.Sprintf("output %d is %.9g in place of %.9g at %v", i, g[k], w[k], position(got[i].Type, k))
			}
			worst = max(worst, rel)
		}
		if units == 0 && worst == 0 {
			return 0, fmt.Sprintf("output %d differs in the bits of zeros or NaNs", i)
		}
	}
	return worst, ""
}

// position is the index of number k.
func position(t spec.Type, k int) []int {
	if t.DType == spec.Complex64 {
		k /= 2
	}
	out := make([]int, len(t.Shape))
	for i := len(t.Shape) - 1; i >= 0; i-- {
		out[i] = k % t.Shape[i]
		k /= t.Shape[i]
	}
	return out
}

// show writes inputs in a line, with their elements where they are few.
func show(k *spec.Kernel, in []spec.Tensor, attrs map[string]any) string {
	var parts []string
	for i, t := range in {
		name := fmt.Sprintf("input %d", i)
		if i < len(k.Inputs) {
			name = k.Inputs[i].Name
		}
		s := name + " " + t.String()
		if n := numbersOf(t.Type); n > 0 && n <= 8 && t.Check() == nil {
			s += fmt.Sprintf(" = %.5g", floats(t))
		}
		parts = append(parts, s)
	}
	for _, a := range k.Attrs {
		if v, ok := attrs[a.Name]; ok {
			parts = append(parts, fmt.Sprintf("%s = %v", a.Name, v))
		}
	}
	return strings.Join(parts, ", ")
}

// stack joins tensors of one type along a new axis.
func stack(ts []spec.Tensor, axis int) spec.Tensor {
	return tensors([]*core.Array{core.Stack(axis, arrays(ts)...)})[0]
}
