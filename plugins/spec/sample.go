package spec

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// MaxSamples bounds the samples of a kernel.
const MaxSamples = 64

// maxSampleElements bounds an input of a sample, since samples are for trying a
// kernel out.
const maxSampleElements = 1 << 20

// Sample is an example of inputs that a kernel takes. It is for those who try
// kernels out, such as a certification; calls do not look at it.
type Sample struct {
	Shapes [][]int           `json:"shapes"`          // of the inputs in order
	Attrs  map[string]string `json:"attrs,omitempty"` // values as text; the others are initial
}

// PositiveDefinite is the [Input.Values] of an input whose last two axes hold
// symmetric positive definite matrices.
const PositiveDefinite = "spd"

// Interval parses [Input.Values] of the form LOW..HIGH, both included; ok is false
// for another form.
func Interval(values string) (low, high float64, ok bool) {
	a, b, found := strings.Cut(values, "..")
	low, err1 := strconv.ParseFloat(a, 64)
	high, err2 := strconv.ParseFloat(b, 64)
	return low, high, found && err1 == nil && err2 == nil && low <= high && !math.IsInf(high-low, 0)
}

// SampleAttrs returns the values that a sample gives to attributes, by name.
func (k *Kernel) SampleAttrs(s Sample) (map[string]any, error) {
	values := make(map[string]any, len(s.Attrs))
	for _, a := range k.Attrs {
		text, ok := s.Attrs[a.Name]
		if !ok {
			continue
		}
		v, err := Attr{Name: a.Name, Kind: a.Kind, Initial: text}.value()
		if err != nil {
			return nil, fmt.Errorf("attribute %s: %w", a.Name, err)
		}
		values[a.Name] = v
	}
	if len(values) < len(s.Attrs) {
		return nil, fmt.Errorf("it sets %d attributes of which the kernel has %d", len(s.Attrs), len(values))
	}
	return values, nil
}

func (k *Kernel) validateSamples() *InvalidError {
	for _, in := range k.Inputs {
		if _, _, ok := Interval(in.Values); !ok && in.Values != "" && in.Values != PositiveDefinite {
			return invalid(nil, "the values %q of input %s are neither LOW..HIGH nor %s", clip(in.Values), in.Name, PositiveDefinite)
		}
	}
	if len(k.Samples) > MaxSamples {
		return invalid(nil, "it has %d samples; at most %d are allowed", len(k.Samples), MaxSamples)
	}
	for i, s := range k.Samples {
		if len(s.Shapes) != len(k.Inputs) {
			return invalid(nil, "sample %d has %d shapes; it needs one for each of %v", i, len(s.Shapes), k.InputNames())
		}
		for j, shape := range s.Shapes {
			n, err := Type{DType: Uint8, Shape: shape}.Bytes()
			if err != nil {
				return invalid(err, "sample %d, input %s", i, k.Inputs[j].Name)
			}
			if n > maxSampleElements {
				return invalid(nil, "sample %d, input %s: %d elements; at most %d are allowed", i, k.Inputs[j].Name, n, maxSampleElements)
			}
		}
		if _, err := k.SampleAttrs(s); err != nil {
			return invalid(err, "sample %d", i)
		}
	}
	return nil
}
