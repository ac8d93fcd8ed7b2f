package core

import "fmt"

// Distinct is what [Array.Unique] finds.
type Distinct struct {
	Values  *Array // the distinct elements, ascending: a vector
	Index   *Array // where each is first, counted in row-major order: uint32
	Inverse *Array // for each element of the array its place in Values: uint32
	Counts  *Array // how often each occurs: int32
}

// Unique returns the distinct elements of the array. How many there are is data:
// it evaluates, and so does not work in a function traced by compile or vmap;
// see [Array.UniqueN]. Dtypes: real.
func (a *Array) Unique() Distinct {
	n := a.Size()
	if n == 0 {
		shape := a.Shape()
		return Distinct{Zeros(a.DType(), 0), Zeros(Uint32, 0), Zeros(Uint32, shape...), Zeros(Int32, 0)}
	}
	d := a.UniqueN(n, nil)
	count := int(d.Counts.GreaterScalar(0).CountNonzero().Item())
	return Distinct{d.Values.Slice(0, 0, count), d.Index.Slice(0, 0, count), d.Inverse, d.Counts.Slice(0, 0, count)}
}

// UniqueN is [Array.Unique] for the n smallest distinct elements, so that the
// sizes do not depend on data. When there are fewer, Values is filled up with
// fill, or with the smallest element when fill is nil, and Counts with 0.
// Errors: n is negative, or the array is empty and fill nil.
func (a *Array) UniqueN(n int, fill *Array) Distinct {
	if n < 0 {
		panic(newError("Unique", []*Array{a}, fmt.Errorf("%d elements are asked for", n)))
	}
	r := a.uniqueRaw(n, true, true, true, fill)
	return Distinct{r[0], r[1], r[2], r[3]}
}
