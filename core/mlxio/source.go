package mlxio

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/adjoint-go/adjoint/core"
)

const (
	// step is what is allocated at once for data that may not be there.
	step = 1 << 20
	// direct is the size from which arrays are read straight into the engine's
	// memory; below it the call costs more than the copy.
	direct = 4 << 20
	// maxBytes bounds a declared size, far above any file.
	maxBytes = 1 << 46
	// maxRank is NumPy's old limit on axes; the engine has no use for more.
	maxRank = 32
)

// source reads a file or stream from front to back. Whatever a header declares
// is checked against left before it is allocated, or, where left is not known,
// allocated only as far as data arrives.
type source struct {
	r    io.Reader
	at   int64 // bytes read
	left int64 // bytes that remain; -1 where that is not known
	// local says that reading waits for no other goroutine, so that it may be
	// done while the engine is locked.
	local bool
	buf   []byte // what bytes returned last
}

func stream(r io.Reader) *source { return &source{r: r, left: -1} }

// fits says whether n more bytes can be there.
func (s *source) fits(n uint64) error {
	if s.left >= 0 && n > uint64(s.left) {
		return fmt.Errorf("%w: %d bytes are declared at byte %d, %d are there", ErrTruncated, n, s.at, s.left)
	}
	if n > maxBytes {
		return corrupt("%d bytes are declared at byte %d", n, s.at)
	}
	return nil
}

// read fills p.
func (s *source) read(p []byte) error {
	if err := s.fits(uint64(len(p))); err != nil {
		return err
	}
	n, err := io.ReadFull(s.r, p)
	s.at += int64(n)
	if s.left >= 0 {
		s.left -= int64(n)
	}
	if err != nil {
		return readError(err, s.at)
	}
	return nil
}

// bytes returns the next n bytes. They are valid until the next call.
func (s *source) bytes(n uint64) ([]byte, error) {
	if err := s.fits(n); err != nil {
		return nil, err
	}
	b := s.buf[:0]
	for uint64(len(b)) < n {
		part := n - uint64(len(b))
		if s.left < 0 {
			part = min(part, uint64(max(step, len(b))))
		}
		b = slices.Grow(b, int(part))
		end := len(b) + int(part)
		if err := s.read(b[len(b):end]); err != nil {
			return nil, err
		}
		b = b[:end]
	}
	s.buf = b
	return b, nil
}

func (s *source) skip(n uint64) error {
	if err := s.fits(n); err != nil {
		return err
	}
	for n > 0 {
		b, err := s.bytes(min(n, step))
		if err != nil {
			return err
		}
		n -= uint64(len(b))
	}
	return nil
}

func (s *source) uint32() (uint32, error) {
	var b [4]byte
	err := s.read(b[:])
	return binary.LittleEndian.Uint32(b[:]), err
}

func (s *source) uint64() (uint64, error) {
	var b [8]byte
	err := s.read(b[:])
	return binary.LittleEndian.Uint64(b[:]), err
}

// rest is a source of the next n bytes, which are known to be there.
func (s *source) rest(n uint64) (*source, error) {
	if s.left >= 0 || n <= step {
		return s, nil
	}
	from := s.at
	b, err := s.bytes(n)
	if err != nil {
		return nil, err
	}
	s.buf = nil
	return &source{r: bytes.NewReader(b), at: from, left: int64(n), local: true}, nil
}

// arrays returns arrays that read fills from the next n bytes. Large arrays of a
// local source are filled in place, so that loading takes one copy of them.
func (s *source) arrays(n uint64, specs []core.Spec, read func(s *source, out [][]byte) error) (arrays []*core.Array, err error) {
	if err := s.fits(n); err != nil {
		return nil, err
	}
	if s, err = s.rest(n); err != nil {
		return nil, err
	}
	if n >= direct && s.local && !core.Tracing() {
		return inPlace(specs, func(out [][]byte) error { return read(s, out) })
	}
	defer core.Catch(&err)
	out := make([][]byte, len(specs))
	for i, spec := range specs {
		out[i] = make([]byte, nbytes(spec))
	}
	if err := read(s, out); err != nil {
		return nil, err
	}
	for i, spec := range specs {
		arrays = append(arrays, core.FromBytes(spec.DType, out[i], spec.Shape...))
	}
	return arrays, nil
}

// inPlace returns arrays whose memory fill has filled.
func inPlace(specs []core.Spec, fill func(out [][]byte) error) (arrays []*core.Array, err error) {
	var failed error
	defer func() {
		if err != nil {
			free(arrays...)
			arrays = nil
		}
		if failed != nil {
			err = failed
		}
	}()
	defer core.Catch(&err)
	op := &core.ForeignOp{Name: "mlxio.Read", Eval: func(_, buffers []core.ForeignBuffer) error {
		out := make([][]byte, len(buffers))
		for i, b := range buffers {
			out[i] = b.Bytes
		}
		failed = fill(out)
		return failed
	}}
	shapes, dtypes := make([][]int, len(specs)), make([]core.DType, len(specs))
	for i, spec := range specs {
		shapes[i], dtypes[i] = spec.Shape, spec.DType
	}
	arrays = op.Call(nil, shapes, dtypes)
	core.Eval(arrays)
	return arrays, nil
}

// array reads the elements of an array in row-major order.
func (s *source) array(spec core.Spec, bigEndian bool) (*core.Array, error) {
	arrays, err := s.arrays(uint64(nbytes(spec)), []core.Spec{spec}, func(s *source, out [][]byte) error {
		from := s.at
		if err := s.read(out[0]); err != nil {
			return err
		}
		return native(out[0], spec.DType, bigEndian, from)
	})
	if err != nil {
		return nil, err
	}
	return arrays[0], nil
}

// native brings elements into the machine's form, and refuses bools that are
// none, which would compare unequal to true.
func native(b []byte, d core.DType, bigEndian bool, from int64) error {
	if d == core.Bool {
		for i, v := range b {
			if v > 1 {
				return corrupt("byte %d is %d: a bool is 0 or 1", from+int64(i), v)
			}
		}
	}
	if bigEndian {
		size := d.Size()
		if d == core.Complex64 {
			size = 4
		}
		for ; len(b) >= size; b = b[size:] {
			slices.Reverse(b[:size])
		}
	}
	return nil
}

func nbytes(s core.Spec) int {
	n := s.DType.Size()
	for _, d := range s.Shape {
		n *= d
	}
	return n
}

// specOf checks a declared shape: the engine counts axes and their sizes in 32
// bits, and the number of bytes must not overflow.
func specOf(d core.DType, dims []uint64) (core.Spec, error) {
	if len(dims) > maxRank {
		return core.Spec{}, unsupported("%d axes: at most %d are", len(dims), maxRank)
	}
	shape := make([]int, len(dims))
	n, large, empty := uint64(d.Size()), false, false
	for i, dim := range dims {
		if dim > math.MaxInt32 {
			return core.Spec{}, unsupported("axis %d has %d elements: at most %d are", i, dim, math.MaxInt32)
		}
		shape[i] = int(dim)
		switch {
		case dim == 0:
			empty = true
		case n > maxBytes/dim:
			large = true
		default:
			n *= dim
		}
	}
	switch {
	case large && empty:
		return core.Spec{}, unsupported("an empty array of shape %v", dims)
	case large:
		return core.Spec{}, corrupt("the shape %v is too large", dims)
	}
	return core.Spec{DType: d, Shape: shape}, nil
}

// free frees arrays that a failed load leaves behind. An engine that is closed
// has freed them already.
func free(arrays ...*core.Array) {
	var err error
	defer core.Catch(&err)
	for _, a := range arrays {
		a.Free()
	}
}

func freeAll(arrays map[string]*core.Array) {
	for _, a := range arrays {
		free(a)
	}
}

// writeArray writes the elements of a in row-major order. A large array is read
// in parts, so that saving takes little memory.
func writeArray(w io.Writer, a *core.Array) (err error) {
	defer core.Catch(&err)
	spec := a.Spec()
	axis := slices.IndexFunc(spec.Shape, func(d int) bool { return d > 1 })
	if nbytes(spec) <= 2*direct || axis < 0 {
		return write(w, a.Bytes())
	}
	halves := a.SplitAt(axis, spec.Shape[axis]/2)
	defer free(halves...)
	for _, half := range halves {
		if err := writeArray(w, half); err != nil {
			return err
		}
	}
	return nil
}

func write(w io.Writer, b []byte) error {
	n, err := w.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	return err
}
