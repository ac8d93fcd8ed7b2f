package core

import (
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
	"sync/atomic"
	"unsafe"

	"github.com/adjoint-go/adjoint/internal/engine"
)

// Scalars of arithmetic are made once per dtype and value and kept: a training
// step uses the same few. Each value has one place in the table, where a newer
// one replaces an older.
var constants [1024]atomic.Pointer[constant]

type constant struct {
	bits  uint64
	dtype DType
	a     *Array
}

// dtype reads the dtype alone.
func (a *Array) dtype(op string) DType {
	if a == nil {
		panic(newError(op, nil, ErrNil))
	}
	var info [64]int64
	enter(op)
	if a.h == 0 {
		engine.Leave()
		panic(newError(op, nil, lack(a)))
	}
	engine.Info(a.h, &info)
	engine.Leave()
	runtime.KeepAlive(a)
	return DType(info[0] + 1)
}

// scalar returns v in a's dtype, which must be able to hold it.
func (a *Array) scalar(op string, v float64) *Array {
	return a.scalarIn(op, a.dtype(op), v)
}

// quotientScalar is scalar for operations that turn integers into float32.
func (a *Array) quotientScalar(op string, v float64) *Array {
	d := a.dtype(op)
	if !d.IsInexact() {
		d = Float32
	}
	return a.scalarIn(op, d, v)
}

func (a *Array) scalarIn(op string, d DType, v float64) *Array {
	bits := math.Float64bits(v)
	slot := &constants[(bits*0x9e3779b97f4a7c15+uint64(d)*0x2545f4914f6cdd1d)>>54]
	if c := slot.Load(); c != nil && c.bits == bits && c.dtype == d {
		return c.a
	}
	b, err := encode(d, v)
	if err != nil {
		panic(newError(op, []*Array{a}, err))
	}
	enter(op)
	var h engine.Handle
	if code := engine.NewArray(unsafe.Pointer(&b), nil, d.number(), &h); code < 0 {
		msg := engine.Message()
		engine.Leave()
		panic(newError(op, []*Array{a}, engineError(msg)))
	}
	// The collector owns it, whatever scope is open.
	s := adopt(h, 0, 0)
	engine.Leave()
	slot.Store(&constant{bits, d, s})
	return s
}

// encode returns the bytes of v in dtype d.
func encode(d DType, v float64) (b [8]byte, err error) {
	cannot := fmt.Errorf("%v cannot hold %v", d, v)
	order := binary.NativeEndian
	switch {
	case d == Bool:
		if v != 0 && v != 1 {
			return b, cannot
		}
		b[0] = byte(v)
	case d.IsInteger():
		lo, hi := intRange(d)
		// hi + 1 is a power of two, so the comparison is exact.
		if v != math.Trunc(v) || v < lo || v >= hi+1 {
			return b, cannot
		}
		n := uint64(int64(v))
		if d == Uint64 {
			n = uint64(v)
		}
		switch d.Size() {
		case 1:
			b[0] = byte(n)
		case 2:
			order.PutUint16(b[:], uint16(n))
		case 4:
			order.PutUint32(b[:], uint32(n))
		default:
			order.PutUint64(b[:], n)
		}
	case d == Float64:
		order.PutUint64(b[:], math.Float64bits(v))
	default:
		f := float32(v)
		back := float64(f)
		switch d {
		case Float16:
			h := ToF16(f)
			back = float64(h.Float32())
			order.PutUint16(b[:], uint16(h))
		case BFloat16:
			h := ToBF16(f)
			back = float64(h.Float32())
			order.PutUint16(b[:], uint16(h))
		default:
			order.PutUint32(b[:], math.Float32bits(f))
		}
		if math.IsInf(back, 0) && !math.IsInf(v, 0) {
			return b, cannot
		}
	}
	return b, nil
}

// intRange is the least and the greatest number of an integer dtype, bool's
// being 0 and 1. The greatest 64-bit ones are rounded to the next power of two
// less one, as float64 does, which the caller's comparisons allow for.
func intRange(d DType) (lo, hi float64) {
	bits := float64(8 * d.Size())
	switch {
	case d == Bool:
		return 0, 1
	case d >= Int8 && d <= Int64:
		return -math.Pow(2, bits-1), math.Pow(2, bits-1) - 1
	}
	return 0, math.Pow(2, bits) - 1
}

// ScalarLike returns v as an array without axes of a's dtype. Errors: the dtype
// cannot hold v, as int32 cannot hold 0.5 or NaN.
func (a *Array) ScalarLike(v float64) *Array {
	d := a.dtype("ScalarLike")
	b, err := encode(d, v)
	if err != nil {
		panic(newError("ScalarLike", []*Array{a}, err))
	}
	return newArray("ScalarLike", unsafe.Pointer(&b), nil, d)
}
