package mlxio

import (
	"encoding/binary"
	"fmt"
	"reflect"

	"github.com/adjoint-go/adjoint/core"
)

// The codes of metadata values that are no plain numbers.
const (
	ggufBool   = 7
	ggufString = 8
	ggufArray  = 9
)

// ggufKinds has the Go type of each code of a metadata value.
var ggufKinds = map[uint32]reflect.Type{
	0: reflect.TypeFor[uint8](), 1: reflect.TypeFor[int8](),
	2: reflect.TypeFor[uint16](), 3: reflect.TypeFor[int16](),
	4: reflect.TypeFor[uint32](), 5: reflect.TypeFor[int32](),
	6: reflect.TypeFor[float32](), ggufBool: reflect.TypeFor[bool](),
	ggufString: reflect.TypeFor[string](), ggufArray: reflect.TypeFor[[]any](),
	10: reflect.TypeFor[uint64](), 11: reflect.TypeFor[int64](), 12: reflect.TypeFor[float64](),
}

// maxNesting bounds lists of lists in metadata.
const maxNesting = 8

// readGGUFString reads a string behind its length.
func readGGUFString(s *source) (string, error) {
	n, err := s.uint64()
	if err != nil {
		return "", err
	}
	b, err := s.bytes(n)
	return string(b), err
}

// readGGUFValue reads a metadata value: a number, bool or string, a slice of
// them, or []any of slices.
func readGGUFValue(s *source, code uint32, depth int) (any, error) {
	kind, ok := ggufKinds[code]
	switch {
	case !ok:
		return nil, corrupt("no value has the type code %d", code)
	case code == ggufString:
		return readGGUFString(s)
	case code == ggufArray:
		return readGGUFList(s, depth)
	}
	v := reflect.New(kind)
	if err := readNumbers(s, code, 1, v.Interface()); err != nil {
		return nil, err
	}
	return v.Elem().Interface(), nil
}

func readGGUFList(s *source, depth int) (any, error) {
	if depth == maxNesting {
		return nil, unsupported("lists in lists %d deep", depth)
	}
	code, err := s.uint32()
	if err != nil {
		return nil, err
	}
	n, err := s.uint64()
	if err != nil {
		return nil, err
	}
	kind, ok := ggufKinds[code]
	if !ok {
		return nil, corrupt("no value has the type code %d", code)
	}
	if code != ggufString && code != ggufArray {
		size := uint64(kind.Size())
		if n > maxBytes/size {
			return nil, corrupt("a list of %d values", n)
		}
		b, err := s.bytes(n * size) // before a slice is made for it
		if err != nil {
			return nil, err
		}
		v := reflect.MakeSlice(reflect.SliceOf(kind), int(n), int(n))
		err = decodeNumbers(b, code, s.at-int64(len(b)), v.Interface())
		return v.Interface(), err
	}
	// Each value takes at least the bytes of its length.
	if n > maxBytes/8 {
		return nil, corrupt("a list of %d values", n)
	}
	if err := s.fits(8 * n); err != nil {
		return nil, err
	}
	out := reflect.MakeSlice(reflect.SliceOf(kind), 0, 0)
	if code == ggufArray {
		out = reflect.ValueOf([]any{})
	}
	for range n {
		v, err := readGGUFValue(s, code, depth+1)
		if err != nil {
			return nil, err
		}
		out = reflect.Append(out, reflect.ValueOf(v))
	}
	return out.Interface(), nil
}

func readNumbers(s *source, code uint32, n uint64, into any) error {
	b, err := s.bytes(n * uint64(ggufKinds[code].Size()))
	if err != nil {
		return err
	}
	return decodeNumbers(b, code, s.at-int64(len(b)), into)
}

func decodeNumbers(b []byte, code uint32, from int64, into any) error {
	if code == ggufBool {
		if err := native(b, core.Bool, false, from); err != nil {
			return err
		}
	}
	_, err := binary.Decode(b, binary.LittleEndian, into)
	return err
}

// ggufCode is the code of a Go type.
func ggufCode(t reflect.Type) (uint32, bool) {
	for code, kind := range ggufKinds {
		if kind == t {
			return code, true
		}
	}
	return 0, false
}

func appendGGUFString(b []byte, s string) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(len(s)))
	return append(b, s...)
}

// appendGGUFValue appends a metadata value, in front of it its type code.
func appendGGUFValue(b []byte, v any, depth int) ([]byte, error) {
	t := reflect.TypeOf(v)
	if t == nil || depth > maxNesting {
		return nil, unsupported("the value %v", v)
	}
	if code, ok := ggufCode(t); ok && code != ggufArray {
		return appendGGUFPlain(binary.LittleEndian.AppendUint32(b, code), v)
	}
	if t.Kind() != reflect.Slice {
		return nil, unsupported("a value of type %v: use a sized number, a bool, a string, or a slice of them", t)
	}
	code, ok := ggufCode(t.Elem())
	if t == ggufKinds[ggufArray] {
		code, ok = ggufArray, true
	} else if code == ggufArray {
		ok = false
	}
	if !ok {
		return nil, unsupported("a value of type %v: use a slice of sized numbers, bools or strings, or []any of such slices", t)
	}
	list := reflect.ValueOf(v)
	b = binary.LittleEndian.AppendUint32(b, ggufArray)
	b = binary.LittleEndian.AppendUint32(b, code)
	b = binary.LittleEndian.AppendUint64(b, uint64(list.Len()))
	if code != ggufString && code != ggufArray {
		return binary.Append(b, binary.LittleEndian, v)
	}
	for i := range list.Len() {
		item := list.Index(i).Interface()
		var err error
		if code == ggufString {
			b, err = appendGGUFPlain(b, item)
		} else if k := reflect.TypeOf(item); k == nil || k.Kind() != reflect.Slice {
			return nil, unsupported("a list with %v beside lists", item)
		} else {
			var nested []byte
			nested, err = appendGGUFValue(nil, item, depth+1)
			b = append(b, nested[min(4, len(nested)):]...) // the list says the type
		}
		if err != nil {
			return nil, err
		}
	}
	return b, nil
}

func appendGGUFPlain(b []byte, v any) ([]byte, error) {
	if s, ok := v.(string); ok {
		return appendGGUFString(b, s), nil
	}
	return binary.Append(b, binary.LittleEndian, v)
}

// spell makes text of typed metadata.
func spell(typed map[string]any) map[string]string {
	out := make(map[string]string, len(typed))
	for k, v := range typed {
		out[k] = fmt.Sprint(v)
	}
	return out
}

// appendGGUFMetadata appends keys and values, in the order of the keys.
func appendGGUFMetadata(b []byte, metadata map[string]any) (_ []byte, err error) {
	for _, k := range names(metadata) {
		err := checkName(k)
		if err == nil {
			b, err = appendGGUFValue(appendGGUFString(b, k), metadata[k], 0)
		}
		if err != nil {
			return nil, at("metadata "+quote(k), err)
		}
	}
	return b, nil
}
