package kernelpb

import (
	"fmt"
	"math"
	"strings"

	"github.com/adjoint-go/adjoint/plugins/spec"
)

var toWire = map[spec.DType]DType{
	spec.Bool: DType_BOOL, spec.Uint8: DType_UINT8, spec.Uint16: DType_UINT16, spec.Uint32: DType_UINT32,
	spec.Uint64: DType_UINT64, spec.Int8: DType_INT8, spec.Int16: DType_INT16, spec.Int32: DType_INT32,
	spec.Int64: DType_INT64, spec.Float16: DType_FLOAT16, spec.BFloat16: DType_BFLOAT16,
	spec.Float32: DType_FLOAT32, spec.Float64: DType_FLOAT64, spec.Complex64: DType_COMPLEX64,
}

var fromWire = func() map[DType]spec.DType {
	m := make(map[DType]spec.DType, len(toWire))
	for plain, wire := range toWire {
		m[wire] = plain
	}
	return m
}()

// TypeToWire converts a tensor's type.
func TypeToWire(t spec.Type) *TensorType {
	w := &TensorType{Dtype: toWire[t.DType], Shape: make([]int64, len(t.Shape))}
	for i, size := range t.Shape {
		w.Shape[i] = int64(size)
	}
	return w
}

// TypeFromWire converts a tensor's type and checks it: an unknown dtype, a
// negative size and a tensor above the limits are errors.
func TypeFromWire(w *TensorType) (spec.Type, error) {
	if w == nil {
		return spec.Type{}, fmt.Errorf("a tensor without a type")
	}
	d, ok := fromWire[w.GetDtype()]
	if !ok {
		return spec.Type{}, fmt.Errorf("dtype number %d is not known", w.GetDtype())
	}
	t := spec.Type{DType: d, Shape: make([]int, len(w.GetShape()))}
	for i, size := range w.GetShape() {
		if size > math.MaxInt {
			return spec.Type{}, fmt.Errorf("size %d does not fit this machine", size)
		}
		t.Shape[i] = int(size)
	}
	_, err := t.Bytes()
	return t, err
}

// TypesToWire converts a list of types.
func TypesToWire(types []spec.Type) []*TensorType {
	out := make([]*TensorType, len(types))
	for i, t := range types {
		out[i] = TypeToWire(t)
	}
	return out
}

// TypesFromWire converts and checks a list of types, also that they keep to
// the limits together.
func TypesFromWire(wire []*TensorType) ([]spec.Type, error) {
	out := make([]spec.Type, len(wire))
	for i, w := range wire {
		t, err := TypeFromWire(w)
		if err != nil {
			return nil, fmt.Errorf("tensor %d: %w", i, err)
		}
		out[i] = t
	}
	_, err := spec.Total(out)
	return out, err
}

// Place is where the elements of a tensor are: inline where Segment is 0, else
// in a segment.
type Place struct {
	Segment, Offset, Length uint64
}

// region returns p's message, nil for inline.
func (p Place) region() *Region {
	return &Region{Segment: p.Segment, Offset: p.Offset, Length: p.Length}
}

// Ref is a tensor as it travels: its type, where its elements are, and these
// where they travel inline.
type Ref struct {
	spec.Type
	Place
	Inline []byte
}

// RefsToWire converts tensors without copying their elements.
func RefsToWire(refs []Ref) []*Tensor {
	out := make([]*Tensor, len(refs))
	for i, r := range refs {
		out[i] = &Tensor{Type: TypeToWire(r.Type)}
		if r.Segment != 0 {
			out[i].Data = &Tensor_Region{Region: r.region()}
		} else if r.Inline != nil {
			out[i].Data = &Tensor_Inline{Inline: r.Inline}
		}
	}
	return out
}

// RefsFromWire converts tensors, without copying their elements, and checks their
// types and the number of bytes. Whether a place exists is not checked. With
// wanted set, a tensor without data is one whose elements are wanted inline.
func RefsFromWire(wire []*Tensor, wanted bool) ([]Ref, error) {
	out := make([]Ref, len(wire))
	sum := 0
	for i, w := range wire {
		t, err := TypeFromWire(w.GetType())
		if err != nil {
			return nil, fmt.Errorf("tensor %d: %w", i, err)
		}
		out[i].Type = t
		n, err := t.Bytes()
		if err != nil {
			return nil, fmt.Errorf("tensor %d: %w", i, err)
		}
		if sum += n; sum > spec.MaxBytes {
			return nil, &spec.SizeError{What: fmt.Sprintf("the sum of %d tensors", len(wire)), Limit: spec.MaxBytes}
		}
		switch data := w.GetData().(type) {
		case *Tensor_Inline:
			out[i].Inline = data.Inline
			if err := (spec.Tensor{Type: t, Data: data.Inline}).Check(); err != nil {
				return nil, fmt.Errorf("tensor %d: %w", i, err)
			}
		case *Tensor_Region:
			out[i].Place = Place{data.Region.GetSegment(), data.Region.GetOffset(), data.Region.GetLength()}
			if out[i].Segment == 0 || out[i].Length != uint64(n) {
				return nil, fmt.Errorf("tensor %d: %s needs %d bytes, its region in segment %d has %d", i, t, n, out[i].Segment, out[i].Length)
			}
		case nil:
			if !wanted && n > 0 {
				return nil, fmt.Errorf("tensor %d: its elements are neither inline nor in a region; this version knows no other place", i)
			}
		}
	}
	return out, nil
}

// AttrsToWire converts the values of attributes.
func AttrsToWire(values []spec.AttrValue) []*Attr {
	out := make([]*Attr, len(values))
	for i, v := range values {
		out[i] = &Attr{Name: v.Name}
		switch x := v.Value.(type) {
		case int64:
			out[i].Value = &Attr_Int{Int: x}
		case float64:
			out[i].Value = &Attr_Float{Float: x}
		case bool:
			out[i].Value = &Attr_Bool{Bool: x}
		case string:
			out[i].Value = &Attr_String_{String_: x}
		}
	}
	return out
}

// AttrsFromWire converts the values of attributes. One without a value has nil.
func AttrsFromWire(wire []*Attr) []spec.AttrValue {
	out := make([]spec.AttrValue, len(wire))
	for i, w := range wire {
		out[i].Name = w.GetName()
		switch x := w.GetValue().(type) {
		case *Attr_Int:
			out[i].Value = x.Int
		case *Attr_Float:
			out[i].Value = x.Float
		case *Attr_Bool:
			out[i].Value = x.Bool
		case *Attr_String_:
			out[i].Value = x.String_
		}
	}
	return out
}

// ErrorToWire converts an error's text, cut to the limit.
func ErrorToWire(code Code, text string) *Error {
	text = strings.ToValidUTF8(text, "?")
	if len(text) > TextLimit {
		text = strings.ToValidUTF8(text[:TextLimit-3], "") + "..."
	}
	return &Error{Code: code, Message: text}
}
