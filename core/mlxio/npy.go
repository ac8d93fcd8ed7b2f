package mlxio

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/adjoint-go/adjoint/core"
)

// maxNPYHeader bounds the text that describes an npy array, some hundred bytes
// as a rule.
const maxNPYHeader = 1 << 16

// npyTypes has the type codes of npy. bfloat16 is none of NumPy's types: MLX and
// ml_dtypes store it as two raw bytes, V2.
var npyTypes = map[string]core.DType{
	"b1": core.Bool, "u1": core.Uint8, "u2": core.Uint16, "u4": core.Uint32, "u8": core.Uint64,
	"i1": core.Int8, "i2": core.Int16, "i4": core.Int32, "i8": core.Int64,
	"f2": core.Float16, "f4": core.Float32, "f8": core.Float64, "V2": core.BFloat16, "c8": core.Complex64,
}

// LoadNPY reads the array of an npy file.
func LoadNPY(path string) (*core.Array, error) {
	var a *core.Array
	err := loadFile(path, NPY, func(s *source) (err error) {
		a, err = readNPY(s)
		if err == nil && s.left > 0 {
			free(a)
			a, err = nil, corrupt("%d bytes follow the array; ReadNPY reads several arrays from one file", s.left)
		}
		return err
	})
	return a, err
}

// ReadNPY reads one array from r, and nothing behind it.
func ReadNPY(r io.Reader) (*core.Array, error) {
	a, err := readNPY(stream(r))
	return a, fault("", NPY, "", err)
}

// SaveNPY writes a as an npy file, which is replaced at once or, on an error,
// not at all. bfloat16 is stored as MLX does: NumPy reads it as raw bytes of
// type V2, to be viewed as ml_dtypes.bfloat16.
func SaveNPY(path string, a *core.Array) error {
	return saveFile(path, NPY, map[string]*core.Array{unnamed: a}, func(w io.Writer) error { return writeNPY(w, a) })
}

// WriteNPY writes a to w.
func WriteNPY(w io.Writer, a *core.Array) error {
	if err := evaluate(map[string]*core.Array{unnamed: a}); err != nil {
		return fault("", NPY, "", err)
	}
	return fault("", NPY, "", writeNPY(w, a))
}

func readNPY(s *source) (*core.Array, error) {
	h, err := readNPYHeader(s)
	if err != nil {
		return nil, at("header", err)
	}
	if !h.fortran || len(h.Shape) < 2 {
		return s.array(h.Spec, h.bigEndian)
	}
	slices.Reverse(h.Shape)
	reversed, err := s.array(h.Spec, h.bigEndian)
	if err != nil {
		return nil, err
	}
	defer free(reversed)
	return core.Try(func() *core.Array { return reversed.T() })
}

// npyHeader is what the text before an npy array says.
type npyHeader struct {
	core.Spec
	fortran, bigEndian bool
}

func readNPYHeader(s *source) (h npyHeader, err error) {
	var start [10]byte
	if err := s.read(start[:8]); err != nil {
		return h, err
	}
	if string(start[:6]) != npyMagic {
		return h, corrupt("the data do not start as npy data do")
	}
	var size uint64
	switch major := start[6]; major {
	case 1:
		if err := s.read(start[8:]); err != nil {
			return h, err
		}
		size = uint64(binary.LittleEndian.Uint16(start[8:]))
	case 2, 3:
		n, err := s.uint32()
		if err != nil {
			return h, err
		}
		size = uint64(n)
	default:
		return h, unsupported("npy version %d.%d: 1, 2 and 3 are", major, start[7])
	}
	if size > maxNPYHeader {
		return h, corrupt("a header of %d bytes: at most %d make sense", size, maxNPYHeader)
	}
	text, err := s.bytes(size)
	if err != nil {
		return h, err
	}
	fields, err := parseLiteral(string(text))
	if err != nil {
		return h, err
	}
	return npyHeaderOf(fields)
}

func npyHeaderOf(v any) (h npyHeader, err error) {
	fields, _ := v.(map[string]any)
	if len(fields) != 3 {
		return h, corrupt("not the fields descr, fortran_order and shape")
	}
	shape, ok1 := fields["shape"].([]any)
	fortran, ok2 := fields["fortran_order"].(bool)
	if !ok1 || !ok2 {
		return h, corrupt("shape is no tuple, or fortran_order no bool")
	}
	var dims []uint64
	for _, v := range shape {
		n, ok := v.(uint64)
		if !ok {
			return h, corrupt("the shape holds %v", v)
		}
		dims = append(dims, n)
	}
	descr, ok := fields["descr"].(string)
	if !ok {
		return h, unsupported("structured dtypes: save each field as an array of its own")
	}
	d, big, err := npyType(descr)
	if err != nil {
		return h, err
	}
	h.fortran, h.bigEndian = fortran, big
	h.Spec, err = specOf(d, dims)
	return h, err
}

func npyType(descr string) (d core.DType, bigEndian bool, err error) {
	code := strings.TrimLeft(descr, "<>|=")
	if len(descr)-len(code) > 1 || code == "" {
		return 0, false, corrupt("the dtype %s", quote(descr))
	}
	d, ok := npyTypes[code]
	if ok {
		return d, descr[0] == '>' && d.Size() > 1, nil
	}
	switch {
	case code == "O":
		err = unsupported("Python objects (they can run code when read): save the numbers as an array")
	case code == "c16":
		err = unsupported("complex128: save as complex64")
	case code == "f16", code == "f12":
		err = unsupported("long double: save as float64")
	default:
		err = unsupported("the dtype %s: save as a numeric dtype of at most 8 bytes", quote(descr))
	}
	return 0, false, err
}

func npyDescr(d core.DType) string {
	for code, t := range npyTypes {
		if t == d && d.Size() == 1 {
			return "|" + code
		} else if t == d {
			return "<" + code
		}
	}
	return ""
}

func writeNPY(w io.Writer, a *core.Array) error {
	header, err := npyHeaderText(a)
	if err != nil {
		return err
	}
	if err := write(w, header); err != nil {
		return err
	}
	return writeArray(w, a)
}

func npyHeaderText(a *core.Array) (b []byte, err error) {
	spec, err := specOfArray(a)
	if err != nil {
		return nil, err
	}
	var shape strings.Builder
	for _, d := range spec.Shape {
		fmt.Fprintf(&shape, "%d, ", d)
	}
	tuple := strings.TrimSuffix(shape.String(), " ")
	if len(spec.Shape) != 1 {
		tuple = strings.TrimSuffix(tuple, ",")
	}
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", npyDescr(spec.DType), tuple)
	// The elements start at a multiple of 64 bytes, as NumPy has them.
	const start = 10
	pad := 63 - (start+len(text))%64
	b = append(b, npyMagic+"\x01\x00"...)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(text)+pad+1))
	b = append(b, text...)
	return append(b, strings.Repeat(" ", pad)+"\n"...), nil
}

// specOfArray is the Spec of an array that is to be saved.
func specOfArray(a *core.Array) (spec core.Spec, err error) {
	defer core.Catch(&err)
	if a.NDim() > maxRank {
		return spec, unsupported("%d axes: at most %d are; reshape it", a.NDim(), maxRank)
	}
	return a.Spec(), nil
}
