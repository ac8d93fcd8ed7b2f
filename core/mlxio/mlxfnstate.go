package mlxio

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/adjoint-go/adjoint/core"
)

// functionOps has what each primitive that an .mlxfn file can hold keeps besides
// its inputs, one letter for each value:
//
//	i  int32           I  a list of them     f  float32    o  perhaps a float32
//	u  size_t          U  a list of them     d  float64    s  a string
//	b  bool            L  a list of int64    t  a dtype    B  a list of three bools
//	V  a list of int32, float32 or bool      2 to 9  an enumeration of so many
//
// The file has no lengths for these, so that a reader has to know them.
var functionOps = func() map[string]string {
	ops := map[string]string{
		"AddMM": "ff", "Arange": "ddd", "ArgPartition": "ii", "ArgReduce": "2i", "ArgSort": "i",
		"AsStrided": "ILu", "AsType": "t", "BitwiseBinary": "5", "BlockMaskedMM": "i", "Broadcast": "I",
		"BroadcastAxes": "I", "Cholesky": "b", "Concatenate": "i", "Convolution": "IIIIIib",
		"CustomKernel": "ssiiiiiiBboVbii", "DynamicSlice": "II", "DynamicSliceUpdate": "I", "Eig": "b",
		"Eigh": "sb", "Equal": "b", "ExpandDims": "I", "FFT": "Ubbb", "Flatten": "ii", "Gather": "II",
		"GatherAxis": "i", "GatherMM": "bb", "GatherQMM": "ii4bbb", "Hadamard": "f", "Inverse": "bb",
		"LayerNorm": "f", "LayerNormVJP": "f", "Log": "3", "NumberOfElements": "Ibt", "Pad": "III",
		"Partition": "ii", "Quantize": "ii4b", "QuantizedMatmul": "ii4b", "RMSNorm": "f", "RMSNormVJP": "f",
		"RandomBits": "Ii", "Reduce": "6I", "Reshape": "I", "RoPE": "ibffb", "SVD": "b", "Scan": "5ibb",
		"ScaledDotProductAttention": "fbbbb", "Scatter": "5I", "ScatterAxis": "2i", "SearchSorted": "b",
		"Slice": "III", "SliceUpdate": "5III", "Softmax": "b", "Sort": "i", "Split": "Ii", "Sqrt": "b",
		"Squeeze": "I", "Transpose": "I", "Unflatten": "iI", "View": "t",
	}
	for _, name := range strings.Fields(`Abs Add ArcCos ArcCosh ArcSin ArcSinh ArcTan ArcTan2 ArcTanh Ceil
		Conjugate Copy Cos Cosh Depends DivMod Divide Erf ErfInv Exp Expm1 Floor FloorDivide Full Greater
		GreaterEqual Imag Less LessEqual Log1p LogAddExp LogSumExp LogicalAnd LogicalNot LogicalOr
		MaskedScatter Matmul Maximum Minimum Multiply Negative NotEqual Power QRF Real Remainder Round
		Select Sigmoid Sign Sin Sinh Square StopGradient Subtract Tan Tanh`) {
		ops[name] = ""
	}
	return ops
}()

// state reads what a primitive keeps.
func (s *source) state(kinds string) ([]any, error) {
	state := make([]any, 0, len(kinds))
	for _, k := range kinds {
		v, err := s.value(byte(k))
		if err != nil {
			return nil, err
		}
		state = append(state, v)
	}
	return state, nil
}

func (s *source) value(kind byte) (any, error) {
	switch kind {
	case 'i':
		return s.integer()
	case 'u':
		v, err := s.uint64()
		if err == nil && v > math.MaxInt64 {
			err = corrupt("the number %d", v)
		}
		return int(v), err
	case 'f':
		v, err := s.uint32()
		return math.Float32frombits(v), err
	case 'd':
		v, err := s.uint64()
		return math.Float64frombits(v), err
	case 'b':
		return s.bool()
	case 's':
		return s.text()
	case 't':
		return s.dtype()
	case 'I':
		return listOf(s, 4, func(b []byte) int { return int(int32(binary.LittleEndian.Uint32(b))) })
	case 'U', 'L':
		return listOf(s, 8, func(b []byte) int { return int(binary.LittleEndian.Uint64(b)) })
	case 'B':
		return listOf(s, 3, func(b []byte) [3]bool { return [3]bool{b[0] != 0, b[1] != 0, b[2] != 0} })
	case 'o':
		has, err := s.bool()
		if err != nil || !has {
			return (*float32)(nil), err
		}
		v, err := s.uint32()
		f := math.Float32frombits(v)
		return &f, err
	case 'V':
		return s.variants()
	}
	v, err := s.integer()
	if err == nil && (v < 0 || v >= int(kind-'0')) {
		err = corrupt("constant %d of an enumeration of %d", v, kind-'0')
	}
	return v, err
}

// variants reads values that say what they are.
func (s *source) variants() ([]any, error) {
	n, err := s.count(5)
	if err != nil {
		return nil, err
	}
	values := []any{}
	for range n {
		tag, err := s.integer()
		if err != nil {
			return nil, err
		}
		if tag < 0 || tag > 2 {
			return nil, corrupt("a value of kind %d", tag)
		}
		v, err := s.value("ifb"[tag])
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, nil
}

// listOf reads a list of elements of size bytes.
func listOf[T any](s *source, size uint64, element func(b []byte) T) ([]T, error) {
	n, err := s.count(size)
	if err != nil {
		return nil, err
	}
	b, err := s.bytes(n * size)
	if err != nil {
		return nil, err
	}
	values := make([]T, n)
	for i := range values {
		values[i] = element(b[uint64(i)*size:])
	}
	return values, nil
}

// count reads the number of elements of a list, each at least size bytes long.
func (s *source) count(size uint64) (uint64, error) {
	n, err := s.uint64()
	if err != nil {
		return 0, err
	}
	if n > maxBytes/size {
		return 0, corrupt("a list of %d elements at byte %d", n, s.at)
	}
	return n, s.fits(n * size)
}

func (s *source) integer() (int, error) {
	v, err := s.uint32()
	return int(int32(v)), err
}

func (s *source) bool() (bool, error) {
	var b [1]byte
	err := s.read(b[:])
	if err == nil && b[0] > 1 {
		err = corrupt("byte %d is %d: a bool is 0 or 1", s.at-1, b[0])
	}
	return b[0] != 0, err
}

func (s *source) text() (string, error) {
	n, err := s.count(1)
	if err != nil {
		return "", err
	}
	b, err := s.bytes(n)
	return string(b), err
}

func (s *source) dtype() (core.DType, error) {
	v, err := s.integer()
	if err != nil {
		return 0, err
	}
	var size [1]byte
	if err := s.read(size[:]); err != nil {
		return 0, err
	}
	d := core.DType(v + 1) // MLX counts from bool on
	if v < 0 || v > 255 || !d.Valid() || d.Size() != int(size[0]) {
		return 0, corrupt("dtype %d of %d bytes at byte %d", v, size[0], s.at)
	}
	return d, nil
}

// writer writes the parts of a function and keeps the first error.
type writer struct {
	w   io.Writer
	err error
}

func (w *writer) bytes(b []byte) {
	if w.err == nil {
		w.err = write(w.w, b)
	}
}

func (w *writer) uint32(v uint32) { w.bytes(binary.LittleEndian.AppendUint32(nil, v)) }
func (w *writer) uint64(v int)    { w.bytes(binary.LittleEndian.AppendUint64(nil, uint64(v))) }
func (w *writer) integer(v int)   { w.uint32(uint32(int32(v))) }
func (w *writer) text(s string)   { w.uint64(len(s)); w.bytes([]byte(s)) }
func (w *writer) float(v float32) { w.uint32(math.Float32bits(v)) }
func (w *writer) dtype(d core.DType) {
	w.integer(int(d) - 1)
	w.bytes([]byte{byte(d.Size())})
}

func (w *writer) bool(v bool) {
	b := byte(0)
	if v {
		b = 1
	}
	w.bytes([]byte{b})
}

func (w *writer) shape(s []int) {
	w.uint64(len(s))
	for _, d := range s {
		w.integer(d)
	}
}

// state writes what a primitive keeps.
func (w *writer) state(kinds string, state []any) {
	if len(state) != len(kinds) && w.err == nil {
		w.err = unsupported("it keeps %d values, want %d", len(state), len(kinds))
		return
	}
	for i, k := range kinds {
		w.value(byte(k), state[i])
	}
}

func (w *writer) value(kind byte, v any) {
	var fits bool
	switch v := v.(type) {
	case int:
		if fits = kind == 'i' || kind == 'u' || kind >= '2' && kind <= '9'; kind == 'u' {
			w.uint64(v)
		} else {
			w.integer(v)
		}
	case float32:
		fits = kind == 'f'
		w.float(v)
	case float64:
		fits = kind == 'd'
		w.uint64(int(math.Float64bits(v)))
	case bool:
		fits = kind == 'b'
		w.bool(v)
	case string:
		fits = kind == 's'
		w.text(v)
	case core.DType:
		fits = kind == 't' && v.Valid()
		w.dtype(v)
	case []int:
		if fits = kind == 'I' || kind == 'U' || kind == 'L'; kind == 'I' {
			w.shape(v)
			break
		}
		w.uint64(len(v))
		for _, d := range v {
			w.uint64(d)
		}
	case [][3]bool:
		fits = kind == 'B'
		w.uint64(len(v))
		for _, three := range v {
			for _, b := range three {
				w.bool(b)
			}
		}
	case *float32:
		fits = kind == 'o'
		if w.bool(v != nil); v != nil {
			w.float(*v)
		}
	case []any:
		fits = kind == 'V'
		w.uint64(len(v))
		for _, e := range v {
			w.variant(e)
		}
	}
	if !fits && w.err == nil {
		w.err = unsupported("it keeps a %T where the format has %q", v, fmt.Sprintf("%c", kind))
	}
}

func (w *writer) variant(v any) {
	switch v.(type) {
	case int:
		w.integer(0)
		w.value('i', v)
	case float32:
		w.integer(1)
		w.value('f', v)
	default:
		w.integer(2)
		w.value('b', v)
	}
}
