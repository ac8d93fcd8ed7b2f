package spec

import (
	"fmt"
	"math"
	"math/bits"
)

// Limits on one tensor. A tensor beyond them is refused before any memory is
// allocated for it.
const (
	MaxRank  = 32
	MaxBytes = 1 << 30 // also the limit on all inputs, or all outputs, of a call
)

// Type is the dtype and shape of a tensor.
type Type struct {
	DType DType
	Shape []int
}

// String writes the type as float32[2, 3].
func (t Type) String() string {
	s := string(t.DType) + "["
	for i, size := range t.Shape {
		if i > 0 {
			s += ", "
		}
		s += fmt.Sprint(size)
	}
	return s + "]"
}

// Equal tells whether two types have the same dtype and shape.
func (t Type) Equal(u Type) bool {
	if t.DType != u.DType || len(t.Shape) != len(u.Shape) {
		return false
	}
	for i := range t.Shape {
		if t.Shape[i] != u.Shape[i] {
			return false
		}
	}
	return true
}

// Bytes returns how much memory a tensor of this type takes. An unknown dtype,
// a negative size and a tensor above [MaxBytes] are errors.
func (t Type) Bytes() (int, error) {
	if !t.DType.Known() {
		return 0, fmt.Errorf("%q is no dtype", clip(string(t.DType)))
	}
	if len(t.Shape) > MaxRank {
		return 0, fmt.Errorf("a tensor of %d axes; at most %d are allowed", len(t.Shape), MaxRank)
	}
	n := uint64(t.DType.Size())
	empty := false
	for axis, size := range t.Shape {
		if size < 0 {
			return 0, fmt.Errorf("%s has a negative size on axis %d", t, axis)
		}
		if size == 0 {
			empty = true
			continue
		}
		hi, lo := bits.Mul64(n, uint64(size))
		if hi != 0 {
			lo = math.MaxUint64
		}
		n = lo
	}
	if empty {
		return 0, nil
	}
	if n > MaxBytes {
		return 0, &SizeError{What: t.String(), Limit: MaxBytes}
	}
	return int(n), nil
}

// SizeError reports a tensor, or the tensors of one call together, beyond a
// limit.
type SizeError struct {
	What  string
	Limit int // bytes
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("%s is above the limit of %d MiB; split the work into smaller calls", clip(e.What), e.Limit>>20)
}

// Total returns the bytes of all tensors of these types together, at most
// [MaxBytes].
func Total(types []Type) (int, error) {
	sum := 0
	for _, t := range types {
		n, err := t.Bytes()
		if err != nil {
			return 0, err
		}
		if sum += n; sum > MaxBytes {
			return 0, &SizeError{What: fmt.Sprintf("the sum of %d tensors", len(types)), Limit: MaxBytes}
		}
	}
	return sum, nil
}

// Tensor is a type and its elements: row-contiguous, little-endian.
type Tensor struct {
	Type
	Data []byte
}

// Check reports a tensor whose type is not allowed, whose data has another
// length than the type asks for, or a Bool that is neither 0 nor 1.
func (t Tensor) Check() error {
	n, err := t.Bytes()
	if err != nil {
		return err
	}
	if len(t.Data) != n {
		return fmt.Errorf("%s needs %d bytes, has %d", t.Type, n, len(t.Data))
	}
	if t.DType == Bool {
		for i, b := range t.Data {
			if b > 1 {
				return fmt.Errorf("element %d of %s is %d; a bool is 0 or 1", i, t.Type, b)
			}
		}
	}
	return nil
}
