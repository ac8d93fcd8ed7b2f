package core

import (
	"fmt"
	"math"
)

// Transpose returns the array with its axes permuted: axis i of the result is
// axes[i] of the array. Without axes their order is reversed, as by [Array.T].
// Errors: axes is no permutation of the array's axes.
func (a *Array) Transpose(axes ...int) *Array {
	if len(axes) == 0 {
		return a.T()
	}
	return a.transposeAxes(axes...)
}

// Squeeze returns the array without the given axes, whose size is 1; without
// axes it drops all of size 1. Errors: an axis is out of range, given twice, or
// has another size.
func (a *Array) Squeeze(axes ...int) *Array {
	if len(axes) == 0 {
		return a.squeezeAll()
	}
	return a.squeezeAxes(axes...)
}

// Roll returns the array with its elements moved by shift places along axes, or
// in row-major order over the whole array when no axis is given; what leaves at
// one end enters at the other. Errors: an axis is out of range.
func (a *Array) Roll(shift int, axes ...int) *Array {
	s := a.spec("Roll")
	if len(axes) == 0 {
		return a.rollFlat([]int{around(shift, sizeOf(s.Shape))})
	}
	shifts := make([]int, len(axes))
	for i, axis := range axes {
		ax, err := axisOf(axis, len(s.Shape))
		if err != nil {
			panic(newError("Roll", []*Array{a}, err))
		}
		shifts[i] = around(shift, s.Shape[ax])
	}
	return a.rollAxes(shifts, axes)
}

// around reduces a shift by n places to one that C's int holds.
func around(shift, n int) int {
	if n == 0 {
		return 0
	}
	return shift % n
}

// Trace returns the sum of the main diagonal of the matrices in the first two
// axes, in the dtype that [Array.Sum] gives; [Array.TraceAs] has other diagonals,
// axes and dtypes. Errors: the array has fewer than two axes.
func (a *Array) Trace() *Array { return a.TraceAs(a.dtype("Trace"), 0, 0, 1) }

// PadMode says what [Array.PadWith] puts around an array.
type PadMode string

// The modes. The zero value is PadConstant.
const (
	PadConstant  PadMode = "constant"  // Padding.Value
	PadEdge      PadMode = "edge"      // the outermost element
	PadReflect   PadMode = "reflect"   // the elements mirrored, without the outermost
	PadSymmetric PadMode = "symmetric" // the elements mirrored, with the outermost
)

// Padding is what PadWith adds.
type Padding struct {
	// Widths are the numbers of elements before and after: one pair per axis of
	// Axes, or one for all of them.
	Widths [][2]int
	// Axes are the padded axes; none stands for all.
	Axes []int
	Mode PadMode
	// Value is what PadConstant puts there; the array's dtype must hold it.
	Value float64
}

// Pad returns the array with zeros around it: widths[i] are the numbers of
// elements before and after axis i, and a single pair counts for every axis.
// Errors: another number of pairs, or a negative width.
func (a *Array) Pad(widths ...[2]int) *Array { return a.PadWith(Padding{Widths: widths}) }

// PadWith returns the array with p around it. Errors: as for [Array.Pad]; an
// axis is out of range or given twice, the mode is unknown or has no element to
// repeat, or the dtype cannot hold the value.
func (a *Array) PadWith(p Padding) *Array {
	s := a.spec("Pad")
	fail := func(format string, args ...any) {
		panic(newError("Pad", []*Array{a}, fmt.Errorf(format, args...)))
	}
	axes := p.Axes
	if len(axes) == 0 {
		axes = make([]int, len(s.Shape))
		for i := range axes {
			axes[i] = i
		}
	}
	if len(p.Widths) != len(axes) && len(p.Widths) != 1 {
		fail("%d pairs of widths for %d axes: want one pair, or one per axis", len(p.Widths), len(axes))
	}
	if p.Mode == "" {
		p.Mode = PadConstant
	}
	seen := map[int]bool{}
	var at, low, high []int
	for i, axis := range axes {
		ax, err := axisOf(axis, len(s.Shape))
		if err != nil {
			fail("%w", err)
		}
		if seen[ax] {
			fail("axis %d is given twice", axis)
		}
		seen[ax] = true
		w := p.Widths[min(i, len(p.Widths)-1)]
		lo, hi, d := w[0], w[1], s.Shape[ax]
		if lo < 0 || hi < 0 {
			fail("the widths %v of axis %d are negative", w, axis)
		}
		if lo > math.MaxInt32 || hi > math.MaxInt32 {
			fail("the widths %v of axis %d are too large", w, axis)
		}
		at, low, high = append(at, ax), append(low, lo), append(high, hi)
		most := math.MaxInt
		switch p.Mode {
		case PadConstant:
		case PadEdge:
			if d == 0 {
				most = 0
			}
		case PadReflect:
			most = max(d-1, 0)
		case PadSymmetric:
			most = d
		default:
			fail("there is no pad mode %q: use constant, edge, reflect or symmetric", string(p.Mode))
		}
		if lo > most || hi > most {
			fail("the widths %v of axis %d are more than the %d elements that mode %s can repeat", w, axis, most, p.Mode)
		}
	}
	return a.padRaw(at, low, high, a.scalarIn("Pad", s.DType, p.Value), string(p.Mode))
}

// AsStrided returns an array of shape whose element at index i is the element
// offset + Σ strides[k]·i[k] of the array in row-major order. Strides and offset
// count elements; elements may be read several times. Errors: strides and shape
// differ in length, or an element lies outside.
func (a *Array) AsStrided(shape, strides []int, offset int) *Array {
	n := a.Size()
	fail := func(format string, args ...any) {
		panic(newError("AsStrided", []*Array{a}, fmt.Errorf(format, args...)))
	}
	if len(shape) != len(strides) {
		fail("%d sizes and %d strides: want one of each per axis", len(shape), len(strides))
	}
	if err := checkShape(shape, false); err != nil {
		fail("%w", err)
	}
	if sizeOf(shape) > 0 {
		if offset < 0 || offset >= n {
			fail("offset %d lies outside of the %d elements", offset, n)
		}
		lo, hi := offset, offset
		for i, d := range shape {
			stride := strides[i]
			if d < 2 || stride == 0 {
				continue
			}
			// Compared so that no product overflows.
			if stride >= n || stride <= -n || d-1 > (n-1)/max(stride, -stride) {
				fail("axis %d of size %d with stride %d leaves the %d elements", i, d, stride, n)
			}
			if reach := stride * (d - 1); reach < 0 {
				lo += reach
			} else {
				hi += reach
			}
		}
		if lo < 0 || hi >= n {
			fail("shape %v with strides %v and offset %d leaves the %d elements", shape, strides, offset, n)
		}
	} else {
		offset = 0
	}
	return a.asStridedRaw(shape, strides, offset)
}

// DivMod returns the quotient rounded down and the remainder, as [Array.FloorDiv]
// and [Array.Remainder] do. Errors: the shapes do not broadcast, or the dtype is
// complex or bool.
func (a *Array) DivMod(b *Array) (quotient, remainder *Array) {
	r := a.divModRaw(b)
	return r[0], r[1]
}
