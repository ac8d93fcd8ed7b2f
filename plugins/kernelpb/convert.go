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

// TensorsToWire converts tensors without copying their elements.
func TensorsToWire(tensors []spec.Tensor) []*Tensor {
	out := make([]*Tensor, len(tensors))
	for i, t := range tensors {
		out[i] = &Tensor{Type: TypeToWire(t.Type), Data: &Tensor_Inline{Inline: t.Data}}
	}
	return out
}

// TensorsFromWire converts and checks tensors, without copying their elements.
func TensorsFromWire(wire []*Tensor) ([]spec.Tensor, error) {
	out := make([]spec.Tensor, len(wire))
	for i, w := range wire {
		t, err := TypeFromWire(w.GetType())
		if err != nil {
			return nil, fmt.Errorf("tensor %d: %w", i, err)
		}
		inline, ok := w.GetData().(*Tensor_Inline)
		if !ok {
			return nil, fmt.Errorf("tensor %d: its elements are not inline; this version knows no other place", i)
		}
		out[i] = spec.Tensor{Type: t, Data: inline.Inline}
		if err := out[i].Check(); err != nil {
			return nil, fmt.Errorf("tensor %d: %w", i, err)
		}
	}
	return out, nil
}

// ErrorToWire converts an error's text, cut to the limit.
func ErrorToWire(code Code, text string) *Error {
	text = strings.ToValidUTF8(text, "?")
	if len(text) > MessageLimit {
		text = strings.ToValidUTF8(text[:MessageLimit-3], "") + "..."
	}
	return &Error{Code: code, Message: text}
}
