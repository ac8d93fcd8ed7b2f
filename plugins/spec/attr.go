package spec

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Attr is a setting of a kernel that is no tensor: an integer, a number, a truth
// value or a text, with the value that it has where a call does not set it.
type Attr struct {
	Name    string   `json:"name"`
	Kind    AttrKind `json:"kind"`
	Initial string   `json:"initial"` // as text: 3, 0.5, true, relu
}

// AttrKind is the type of an [Attr]'s values.
type AttrKind string

// The kinds, and the Go type of their values.
const (
	IntAttr    AttrKind = "int"    // int64
	FloatAttr  AttrKind = "float"  // float64
	BoolAttr   AttrKind = "bool"   // bool
	StringAttr AttrKind = "string" // string, at most 4 KiB
)

// MaxText bounds the value of a string [Attr], in bytes.
const MaxText = 4 << 10

// AttrValue is an attribute with its value: an int64, float64, bool or string.
type AttrValue struct {
	Name  string
	Value any
}

// AttrOf declares an attribute by its initial value: any Go integer, float, bool
// or string. Another type gives a kind that Validate refuses.
func AttrOf(name string, initial any) Attr {
	kind, v, err := attrValue(initial)
	if err != nil {
		return Attr{Name: name, Kind: AttrKind(fmt.Sprintf("%T", initial))}
	}
	return Attr{Name: name, Kind: kind, Initial: attrText(v)}
}

func attrText(v any) string {
	if f, ok := v.(float64); ok {
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	return fmt.Sprint(v)
}

// attrValue brings a Go value to the type of its kind.
func attrValue(v any) (AttrKind, any, error) {
	switch v := v.(type) {
	case int:
		return IntAttr, int64(v), nil
	case int32:
		return IntAttr, int64(v), nil
	case int64:
		return IntAttr, v, nil
	case float32:
		return FloatAttr, float64(v), nil
	case float64:
		return FloatAttr, v, nil
	case bool:
		return BoolAttr, v, nil
	case string:
		if len(v) > MaxText {
			return StringAttr, nil, fmt.Errorf("a text of %d bytes; at most %d are allowed", len(v), MaxText)
		}
		return StringAttr, v, nil
	}
	return "", nil, fmt.Errorf("a %T; it must be an integer, a float, a bool or a string", v)
}

// value parses the text of a value of the kind.
func (a Attr) value() (any, error) {
	switch a.Kind {
	case IntAttr:
		return strconv.ParseInt(a.Initial, 10, 64)
	case FloatAttr:
		return strconv.ParseFloat(a.Initial, 64)
	case BoolAttr:
		return strconv.ParseBool(a.Initial)
	case StringAttr:
		_, v, err := attrValue(a.Initial)
		return v, err
	}
	return nil, fmt.Errorf("kind %q is none of int, float, bool and string", clip(string(a.Kind)))
}

func (k *Kernel) validateAttrs(names map[string]bool) *InvalidError {
	if len(k.Attrs) > MaxParams {
		return invalid(nil, "%d attributes; at most %d are allowed", len(k.Attrs), MaxParams)
	}
	for _, a := range k.Attrs {
		if err := checkParam(names, "attribute", a.Name); err != nil {
			return err
		}
		if _, err := a.value(); err != nil {
			return invalid(err, "attribute %s", a.Name)
		}
	}
	return nil
}

// Attrs returns the values of all attributes in the order of their declaration:
// those given, and the initial ones for the rest. A float takes an integer too. A
// name that is not declared and a value of another kind are an [*ArgumentError].
func (s *Signature) Attrs(given map[string]any) ([]AttrValue, error) {
	bad := func(name, format string, args ...any) error {
		return &ArgumentError{Kernel: s.kernel.Name, Reason: fmt.Sprintf("attribute %s: ", clip(name)) + fmt.Sprintf(format, args...)}
	}
	out := make([]AttrValue, len(s.kernel.Attrs))
	used := 0
	for i, a := range s.kernel.Attrs {
		v, ok := given[a.Name]
		if !ok {
			v, _ = a.value() // Validate has parsed it
			out[i] = AttrValue{a.Name, v}
			continue
		}
		used++
		kind, v, err := attrValue(v)
		if n, ok := v.(int64); ok && a.Kind == FloatAttr {
			kind, v = FloatAttr, float64(n)
		}
		if err == nil && kind != a.Kind {
			err = fmt.Errorf("%s %v; it must be of kind %s", kind, v, a.Kind)
		}
		if err != nil {
			return nil, bad(a.Name, "%v", err)
		}
		out[i] = AttrValue{a.Name, v}
	}
	if used < len(given) {
		for name := range given {
			if !slices.ContainsFunc(s.kernel.Attrs, func(a Attr) bool { return a.Name == name }) {
				return nil, bad(name, "the kernel has %v", s.attrNames())
			}
		}
	}
	return out, nil
}

func (s *Signature) attrNames() []string {
	names := make([]string, len(s.kernel.Attrs))
	for i, a := range s.kernel.Attrs {
		names[i] = a.Name
	}
	return names
}

// CheckAttrs reports values that are not exactly those that the kernel declares,
// as [Signature.Attrs] returns them.
func (s *Signature) CheckAttrs(values []AttrValue) error {
	if len(values) != len(s.kernel.Attrs) {
		return &ArgumentError{Kernel: s.kernel.Name, Reason: fmt.Sprintf("has the attributes %v, got %d values", s.attrNames(), len(values))}
	}
	for i, a := range s.kernel.Attrs {
		kind, _, err := attrValue(values[i].Value)
		if err != nil || kind != a.Kind || values[i].Name != a.Name {
			return &ArgumentError{Kernel: s.kernel.Name, Reason: fmt.Sprintf("attribute %d is %s of kind %s, not %s", i, a.Name, a.Kind, clip(values[i].Name))}
		}
	}
	return nil
}

// Constants declares attributes in the languages of GPUs, to stand before the body
// of a kernel's source, on its first line: inside of the function a name hides
// whatever the language calls so. They are int, float and bool; a text has no place
// in a GPU's program. A number that does not fit there is an [*ArgumentError].
func (s *Signature) Constants(values []AttrValue) (string, error) {
	var b strings.Builder
	for _, a := range values {
		switch v := a.Value.(type) {
		case int64:
			if v < math.MinInt32 || v > math.MaxInt32 {
				return "", &ArgumentError{Kernel: s.kernel.Name, Reason: fmt.Sprintf("attribute %s: %d does not fit a GPU's int", a.Name, v)}
			}
			fmt.Fprintf(&b, "const int %s = %d; ", a.Name, v)
		case bool:
			fmt.Fprintf(&b, "const bool %s = %t; ", a.Name, v)
		case float64:
			if math.IsInf(v, 0) || math.IsNaN(v) || math.Abs(v) > math.MaxFloat32 {
				return "", &ArgumentError{Kernel: s.kernel.Name, Reason: fmt.Sprintf("attribute %s: %v is no number of a GPU's float", a.Name, v)}
			}
			fmt.Fprintf(&b, "const float %s = %sf; ", a.Name, strconv.FormatFloat(v, 'e', -1, 32))
		}
	}
	return b.String(), nil
}

// AttrKey is a text that two lists of values share if and only if they are equal,
// floats by their bits.
func AttrKey(values []AttrValue) string {
	var b strings.Builder
	for _, v := range values {
		if f, ok := v.Value.(float64); ok {
			fmt.Fprintf(&b, "%s=float:%x;", v.Name, math.Float64bits(f))
		} else {
			fmt.Fprintf(&b, "%s=%T:%q;", v.Name, v.Value, fmt.Sprint(v.Value))
		}
	}
	return b.String()
}
