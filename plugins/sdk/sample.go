package sdk

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/adjoint-go/adjoint/plugins/spec"
)

// Sample gives an example of inputs that the kernel takes, for who tries it out:
// a certification calls the kernel with such inputs. It is needed where not all
// shapes fit each other. The arguments are pairs of a name and a value: the shape
// of each input as text, "64x32", or "" for a scalar; and attributes, which
// otherwise have their initial values.
//
//	k.Sample("x", "64x32", "y", "32x8", "transpose", true)
func (k *Kernel) Sample(pairs ...any) *Kernel {
	k.samples = append(k.samples, pairs)
	return k
}

// Values says which numbers an input may have, for who tries the kernel out:
// "0.1..4" is an interval, "spd" symmetric positive definite matrices. Without
// it any number is tried.
func (k *Kernel) Values(input, values string) *Kernel {
	for i := range k.spec.Inputs {
		if k.spec.Inputs[i].Name == input {
			k.spec.Inputs[i].Values = values
			return k
		}
	}
	k.errs = append(k.errs, fmt.Errorf("Values of %q, which is no input declared before", input))
	return k
}

// describe returns the description with the samples, which refer to inputs and
// attributes that may be declared after them.
func (k *Kernel) describe() (spec.Kernel, error) {
	out := k.spec
	for i, pairs := range k.samples {
		s, err := k.sample(pairs)
		if err != nil {
			return out, fmt.Errorf("sample %d: %w", i, err)
		}
		out.Samples = append(out.Samples, s)
	}
	return out, nil
}

func (k *Kernel) sample(pairs []any) (spec.Sample, error) {
	s := spec.Sample{Shapes: make([][]int, len(k.spec.Inputs))}
	if len(pairs)%2 != 0 {
		return s, fmt.Errorf("%d arguments; it takes pairs of a name and a value", len(pairs))
	}
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return s, fmt.Errorf("argument %d is a %T; it must be a name", i, pairs[i])
		}
		at, err := k.place(name)
		if err != nil {
			return s, err
		}
		if at < 0 {
			if s.Attrs == nil {
				s.Attrs = make(map[string]string)
			}
			s.Attrs[name] = spec.AttrOf(name, pairs[i+1]).Initial
			continue
		}
		text, ok := pairs[i+1].(string)
		if !ok {
			return s, fmt.Errorf("the shape of %s is a %T; it must be text such as \"64x32\"", name, pairs[i+1])
		}
		if s.Shapes[at], err = parseShape(text); err != nil {
			return s, fmt.Errorf("the shape of %s: %w", name, err)
		}
	}
	for i, shape := range s.Shapes {
		if shape == nil {
			return s, fmt.Errorf("it gives no shape to input %s", k.spec.Inputs[i].Name)
		}
	}
	return s, nil
}

// place returns the index of an input, or -1 for an attribute.
func (k *Kernel) place(name string) (int, error) {
	for i, in := range k.spec.Inputs {
		if in.Name == name {
			return i, nil
		}
	}
	for _, a := range k.spec.Attrs {
		if a.Name == name {
			return -1, nil
		}
	}
	return 0, fmt.Errorf("there is no input or attribute %q", name)
}

func parseShape(text string) ([]int, error) {
	shape := []int{}
	if text == "" {
		return shape, nil
	}
	for _, part := range strings.Split(text, "x") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("%q is no shape; write 64x32", text)
		}
		shape = append(shape, n)
	}
	return shape, nil
}
