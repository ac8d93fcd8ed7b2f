package core

import (
	"fmt"
	"slices"
)

// update is a way of changing elements.
type update struct {
	name    string
	slice   func(a, v *Array, start, stop, step []int) *Array
	scatter func(a *Array, index []*Array, v *Array, axes []int) *Array
	whole   func(a, v *Array) *Array
}

var (
	setting = update{"AtSet", (*Array).sliceUpdateRaw, (*Array).Scatter, func(_, v *Array) *Array { return v }}
	adding  = update{"AtAdd", (*Array).sliceUpdateAddRaw, (*Array).ScatterAdd, (*Array).Add}
	scaling = update{"AtMul", (*Array).sliceUpdateProdRaw, (*Array).ScatterProd, (*Array).Mul}
	raising = update{"AtMax", (*Array).sliceUpdateMaxRaw, (*Array).ScatterMax, (*Array).Maximum}
	bounded = update{"AtMin", (*Array).sliceUpdateMinRaw, (*Array).ScatterMin, (*Array).Minimum}
)

// AtSet returns the array with the elements that sels select replaced by v,
// which broadcasts to what At(sels...) gives. An element that an index array
// names twice gets either value. Gradients flow to the array and to v, of which
// what was overwritten has none.
//
// Errors: those of [Array.At]; v does not broadcast; v has a dtype that the
// array's cannot hold: floating for integers, complex for real, a wider integer.
func (a *Array) AtSet(v *Array, sels ...Selector) *Array { return a.change(setting, v, sels) }

// AtAdd is [Array.AtSet] that adds v to what is there; what an index array names
// twice is added twice.
func (a *Array) AtAdd(v *Array, sels ...Selector) *Array { return a.change(adding, v, sels) }

// AtMul is [Array.AtSet] that multiplies what is there by v; what an index array
// names twice is multiplied twice.
func (a *Array) AtMul(v *Array, sels ...Selector) *Array { return a.change(scaling, v, sels) }

// AtMax is [Array.AtSet] that keeps the larger of v and what is there. Equal ones
// share the gradient evenly.
func (a *Array) AtMax(v *Array, sels ...Selector) *Array { return a.change(raising, v, sels) }

// AtMin is [Array.AtSet] that keeps the smaller of v and what is there. Equal ones
// share the gradient evenly.
func (a *Array) AtMin(v *Array, sels ...Selector) *Array { return a.change(bounded, v, sels) }

func (a *Array) change(u update, v *Array, sels []Selector) *Array {
	as, vs := a.spec(u.name), v.spec(u.name)
	fail := func(err error) { panic(newError(u.name, []*Array{a, v}, err)) }
	if !holds(as.DType, vs.DType) {
		fail(fmt.Errorf("%v cannot hold the values of %v: convert them with AsType", as.DType, vs.DType))
	}
	c := steps{v, v}
	if vs.DType != as.DType {
		c.to(v.AsType(as.DType))
	}
	if y := a.changeMasked(u, c.now, sels, as, vs); y != nil {
		return y
	}
	sel, err := resolve(as.Shape, sels)
	if err == nil {
		err = sel.fits(vs.Shape)
	}
	if err != nil {
		fail(err)
	}
	if sizeOf(sel.shape()) == 0 {
		return a.Positive()
	}
	at := sel.indexed()
	if len(at) == 0 {
		sel.align(&c, vs.Shape, false)
		return u.slice(a, c.now, sel.start, sel.stop, sel.step)
	}
	part := a
	if !sel.whole {
		part = a.sliceRaw(sel.start, sel.stop, sel.step)
	}
	sel.align(&c, vs.Shape, true)
	index := make([]*Array, len(at))
	for i, k := range at {
		index[i] = sel.index[k]
	}
	y := u.scatter(part, index, c.now, at)
	if sel.whole {
		return y
	}
	return a.sliceUpdateRaw(y, sel.start, sel.stop, sel.step)
}

// align gives values of shape v the axes of the slice of the array; when they go
// to index arrays, the broadcast axes of these come first and all sizes are full.
func (s *selection) align(c *steps, v []int, scattered bool) {
	if len(v) == 0 && !scattered {
		return
	}
	shape, want := v, s.shape()
	v = v[max(len(v)-len(want), 0):]
	wide := slices.Concat(slices.Repeat([]int{1}, len(want)-len(v)), v)
	// Drop the new axes, and keep a permutation of the others.
	var kept []int
	have := []outAxis{}
	sizes := make([]int, len(s.size))
	for i := range sizes {
		sizes[i] = 1
	}
	var group []int
	i := 0
	for _, o := range s.order {
		switch o {
		case isNew:
			i++
		case isGroup:
			group = wide[i : i+len(s.group)]
			kept = append(kept, group...)
			have = append(have, o)
			i += len(s.group)
		default:
			kept = append(kept, wide[i])
			have = append(have, o)
			sizes[o] = wide[i]
			i++
		}
	}
	if !scattered {
		if !slices.Equal(shape, sizes) {
			c.to(c.now.Reshape(sizes...))
		}
		return
	}
	if !slices.Equal(shape, kept) {
		c.to(c.now.Reshape(kept...))
	}
	order := []outAxis{isGroup}
	full := slices.Clone(s.group)
	for k := range s.size {
		switch {
		case s.index[k] != nil:
			full = append(full, 1)
		default:
			full = append(full, s.size[k])
			if !s.single[k] {
				order = append(order, outAxis(k))
			}
		}
	}
	c.to(c.now.reordered(have, order, len(s.group)))
	c.to(c.now.Reshape(slices.Concat(group, sizes)...))
	c.to(c.now.BroadcastTo(full...))
}

// changeMasked is change for a lone mask and a value that does not depend on how
// many elements it selects. It needs no value of the mask, so it can be traced.
// It returns nil where that is not the case.
func (a *Array) changeMasked(u update, v *Array, sels []Selector, as, vs Spec) *Array {
	if len(sels) == 0 {
		return nil
	}
	mask, _ := sels[0].(*Array)
	if mask == nil {
		return nil
	}
	for _, s := range sels[1:] {
		if s != All && s != Ellipsis {
			return nil
		}
	}
	m := mask.spec(u.name)
	n := len(m.Shape)
	if m.DType != Bool || n == 0 || n+len(sels)-1 > len(as.Shape) || !slices.Equal(m.Shape, as.Shape[:n]) {
		return nil
	}
	rest := as.Shape[n:]
	if len(vs.Shape) > len(rest) {
		return nil
	}
	if both, err := broadcast(vs.Shape, rest); err != nil || !slices.Equal(both, rest) {
		return nil
	}
	if len(rest) > 0 {
		mask = mask.Reshape(slices.Concat(m.Shape, slices.Repeat([]int{1}, len(rest)))...)
	}
	return Where(mask, u.whole(a, v), a)
}

// holds says whether values of dtype v may be stored in an array of dtype a.
// Floating numbers are rounded; integers must fit.
func holds(a, v DType) bool {
	switch {
	case a == v || v == Bool || a == Complex64:
		return true
	case v == Complex64 || a == Bool:
		return false
	case a.IsFloat():
		return true
	case v.IsFloat():
		return false
	}
	lo, hi := intRange(a)
	vlo, vhi := intRange(v)
	return lo <= vlo && vhi <= hi
}
