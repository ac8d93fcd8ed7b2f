package programs

import (
	"fmt"
	"math"

	"github.com/adjoint-go/adjoint/conformance/internal/sample"
	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/ops"
)

// mended brings r into the domain of a leaf.
func (b *builder) mended(r ref, l sample.Leaf, domain string, cast bool) ref {
	d := b.spec(r).DType
	if l.DType == core.Bool {
		if d != core.Bool {
			r = b.op("greater", []ref{r, b.number(d, 0)}, nil)
		}
		return r
	}
	if d != l.DType && (cast || d == core.Bool) {
		if d.IsInexact() && !l.DType.IsInexact() {
			r = b.bounded(r, -3, 3)
		}
		r = b.op("astype", []ref{r}, ops.Case{"dtype": {Text: l.DType.String()}})
		d = l.DType
	}
	if d == core.Complex64 {
		return r
	}
	if !d.IsInexact() {
		least, count := -3.0, 7.0
		switch domain {
		case "idx":
			least, count = 0, bound(l)
		case "pos", "gt1":
			least, count = 1, 3
		case "unit", "bool":
			least, count = 0, 2
		case "open":
			least, count = -1, 3
		default:
			if within(b.at(r), 8) {
				return r
			}
		}
		if least < 0 && d >= core.Uint8 && d <= core.Uint64 {
			least = 0
		}
		r = b.op("remainder", []ref{r, b.number(d, count)}, nil)
		if least != 0 {
			r = b.op("add", []ref{r, b.number(d, least)}, nil)
		}
		return r
	}
	switch domain {
	case "pos":
		return b.bounded(r, 0.5, 2)
	case "unit":
		return b.bounded(r, 0.1, 0.9)
	case "open":
		return b.bounded(r, -0.9, 0.9)
	case "gt":
		return b.bounded(r, 1.2, 3)
	case "bool":
		return b.bounded(r, 0, 1)
	case "spd", "sym", "well", "lower", "upper", "apart":
		return b.matrix(r, domain)
	}
	if within(b.at(r), 4) {
		return r
	}
	return b.bounded(r, -2, 2)
}

func bound(l sample.Leaf) float64 {
	n := 0
	for _, c := range l.Sample.Domain {
		if c >= '0' && c <= '9' {
			n = 10*n + int(c-'0')
		}
	}
	return float64(max(n, 1))
}

// bounded moves r into (lo, hi), smoothly.
func (b *builder) bounded(r ref, lo, hi float64) ref {
	d := b.spec(r).DType
	if lo == -hi {
		return b.op("multiply", []ref{b.op("tanh", []ref{r}, nil), b.number(d, hi)}, nil)
	}
	y := b.op("multiply", []ref{b.op("sigmoid", []ref{r}, nil), b.number(d, hi-lo)}, nil)
	return b.op("add", []ref{y, b.number(d, lo)}, nil)
}

// matrix makes r a matrix of a domain of ops.Sample.
func (b *builder) matrix(r ref, domain string) ref {
	s := b.spec(r)
	if len(s.Shape) < 2 {
		panic(unfit{errUnfit})
	}
	rows, cols := s.Shape[len(s.Shape)-2], s.Shape[len(s.Shape)-1]
	r = b.op("tanh", []ref{r}, nil)
	if domain == "spd" || domain == "sym" {
		if rows != cols {
			panic(unfit{errUnfit})
		}
		t := b.op("swapaxes", []ref{r}, ops.Case{"axis1": {Ints: []int{-1}}, "axis2": {Ints: []int{-2}}})
		if domain == "spd" {
			r = b.op("matmul", []ref{r, t}, nil)
		} else {
			r = b.op("add", []ref{r, t}, nil)
		}
	}
	scale := make([]complex128, rows*cols)
	shift := make([]complex128, rows*cols)
	for i := range rows {
		for j := range cols {
			k := i*cols + j
			diagonal := complex(1.5+0.75*float64(i), 0)
			switch {
			case i == j && domain == "apart":
				shift[k] = 2 * diagonal
			case i == j:
				shift[k] = diagonal
				if domain == "spd" {
					scale[k] = 0.2
				}
			case domain == "apart":
				scale[k], shift[k] = 0.07, 0.22
			case domain == "spd", domain == "sym":
				scale[k] = 0.2
			case domain == "well", domain == "lower" && j < i, domain == "upper" && j > i:
				scale[k] = 0.4
			}
		}
	}
	spec := core.Spec{DType: s.DType, Shape: []int{rows, cols}}
	r = b.op("multiply", []ref{r, b.constant(sample.New(spec, scale))}, nil)
	return b.op("add", []ref{r, b.constant(sample.New(spec, shift))}, nil)
}

// reshaped brings r to a shape, by one of the ways there are.
func (b *builder) reshaped(r ref, shape []int) (ref, bool) {
	s := b.spec(r)
	if fmt.Sprint(s.Shape) == fmt.Sprint(shape) {
		return r, true
	}
	ints := func(n ...int) ops.Value { return ops.Value{Ints: n} }
	to := ops.Case{"shape": ops.Value{Ints: shape}}
	n, m := product(s.Shape), product(shape)
	switch {
	case n == 0 && m > 0:
		return r, false
	case len(s.Shape) == len(shape) && len(shape) > 1 && fmt.Sprint(reversed(s.Shape)) == fmt.Sprint(shape) && b.one(0.8):
		return b.op("transpose", []ref{r}, nil), true
	case broadcasts(s.Shape, shape) && b.one(0.8):
		return b.op("broadcast_to", []ref{r}, to), true
	case n == m:
		return b.op("reshape", []ref{r}, to), true
	}
	flat := b.op("reshape", []ref{r}, ops.Case{"shape": ints(n)})
	if n < m {
		flat = b.op("tile", []ref{flat}, ops.Case{"reps": ints(int(math.Ceil(float64(m) / float64(n))))})
		n = b.spec(flat).Shape[0]
	}
	stride := 1
	if m > 0 && n >= 2*m && b.one(0.5) {
		stride = 2
	}
	flat = b.op("slice", []ref{flat}, ops.Case{"start": ints(0), "stop": ints(m * stride), "strides": ints(stride)})
	return b.op("reshape", []ref{flat}, to), true
}

func reversed(v []int) []int {
	out := make([]int, len(v))
	for i, n := range v {
		out[len(v)-1-i] = n
	}
	return out
}

func broadcasts(from, to []int) bool {
	if len(from) > len(to) {
		return false
	}
	for i, n := range from {
		if d := to[len(to)-len(from)+i]; n != d && n != 1 {
			return false
		}
	}
	return true
}
