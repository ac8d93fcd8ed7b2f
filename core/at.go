package core

import (
	"fmt"
	"slices"
)

// At returns the elements that sels select; see [Selector]. Axes that no
// selector speaks of are whole. Gradients flow to the array, not to indices.
//
//	x.At(core.I(-1))                          // the last of the first axis
//	x.At(core.Ellipsis, core.Range(0, 3))     // the first three of the last axis
//	x.At(core.All, core.Pick(2, 0))           // two columns
//	x.At(rows, cols)                          // x[rows[i], cols[i]]
//	x.At(mask)                                // where mask is true
//
// Errors: an index is out of range (in an index array that is not computed, or
// has more than 4096 elements, the nearest index inside is taken), more axes are
// selected than there are, an index array is floating, a mask has other sizes
// than the axes, or has no value because a function is being traced.
func (a *Array) At(sels ...Selector) *Array {
	s := a.spec("At")
	sel, err := resolve(s.Shape, sels)
	if err != nil {
		panic(newError("At", []*Array{a}, err))
	}
	return sel.get(a)
}

// Index returns the i-th part of the first axis. Errors: i is out of range.
func (a *Array) Index(i int) *Array { return a.At(I(i)) }

// Slice returns the part of axis from start up to but without stop, as [Range]
// reads them. Errors: axis is out of range.
func (a *Array) Slice(axis, start, stop int) *Array {
	s := a.spec("Slice")
	ax, err := axisOf(axis, len(s.Shape))
	if err != nil {
		panic(newError("Slice", []*Array{a}, err))
	}
	sels := make([]Selector, ax+1)
	for i := range sels {
		sels[i] = All
	}
	sels[ax] = Range(start, stop)
	sel, err := resolve(s.Shape, sels)
	if err != nil {
		panic(newError("Slice", []*Array{a}, err))
	}
	return sel.get(a)
}

// axisOf counts an axis from the first.
func axisOf(axis, ndim int) (int, error) {
	if axis < -ndim || axis >= ndim {
		return 0, axisError(axis, ndim)
	}
	if axis < 0 {
		axis += ndim
	}
	return axis, nil
}

// steps chains operations and frees what lies between the first and the last.
type steps struct{ first, now *Array }

func (c *steps) to(a *Array) {
	if c.now != c.first && c.now != a {
		c.now.Free()
	}
	c.now = a
}

// get builds the selected elements.
func (s *selection) get(a *Array) *Array {
	c := steps{a, a}
	if !s.whole {
		c.to(c.now.sliceRaw(s.start, s.stop, s.step))
	}
	c.to(c.now.squeezed(s.axes(func(i int) bool { return s.single[i] })))
	kept := s.axes(func(i int) bool { return !s.single[i] })
	have := make([]outAxis, len(kept))
	for i, k := range kept {
		have[i] = outAxis(k)
	}
	if at := s.indexed(); len(at) > 0 {
		have = s.gather(&c, kept, at)
	}
	c.to(c.now.reordered(have, s.order, len(s.group)))
	var fresh []int
	for i, o := 0, 0; o < len(s.order); o++ {
		switch s.order[o] {
		case isNew:
			fresh = append(fresh, i)
			i++
		case isGroup:
			i += len(s.group)
		default:
			i++
		}
	}
	if len(fresh) > 0 {
		c.to(c.now.ExpandDims(fresh...))
	}
	if c.now == a {
		return a.Positive()
	}
	return c.now
}

// gather takes the index arrays' elements of c, whose axes are kept, and returns
// the axes that it leaves.
func (s *selection) gather(c *steps, kept, at []int) []outAxis {
	var have []outAxis
	var axes []int
	var index []*Array
	sizes := make([]int, len(kept))
	for i, k := range kept {
		sizes[i] = s.size[k]
		if s.index[k] == nil {
			have = append(have, outAxis(k))
			continue
		}
		axes, index, sizes[i] = append(axes, i), append(index, s.index[k]), 1
	}
	if len(at) == 1 {
		c.to(c.now.Take(index[0], axes[0]))
		return slices.Insert(have, axes[0], isGroup)
	}
	c.to(c.now.Gather(index, axes, sizes))
	for i := range axes {
		axes[i] += len(s.group)
	}
	c.to(c.now.squeezeAxes(axes...))
	return slices.Insert(have, 0, isGroup)
}

func (s *selection) axes(want func(i int) bool) []int {
	var out []int
	for i := range s.size {
		if want(i) {
			out = append(out, i)
		}
	}
	return out
}

func (s *selection) indexed() []int {
	return s.axes(func(i int) bool { return s.index[i] != nil })
}

func (a *Array) squeezed(axes []int) *Array {
	if len(axes) == 0 {
		return a
	}
	return a.squeezeAxes(axes...)
}

// reordered permutes axes that are have so that they are want, which may hold
// new ones besides. group is the number of axes that isGroup stands for.
func (a *Array) reordered(have, want []outAxis, group int) *Array {
	place := map[outAxis]int{}
	n := 0
	for _, o := range have {
		place[o] = n
		if o == isGroup {
			n += group
		} else {
			n++
		}
	}
	var perm []int
	for _, o := range want {
		switch o {
		case isNew:
		case isGroup:
			for k := range group {
				perm = append(perm, place[o]+k)
			}
		default:
			perm = append(perm, place[o])
		}
	}
	for i, p := range perm {
		if i != p {
			return a.transposeAxes(perm...)
		}
	}
	return a
}

// shape is the shape of the selected elements.
func (s *selection) shape() []int {
	out := []int{}
	for _, o := range s.order {
		switch o {
		case isNew:
			out = append(out, 1)
		case isGroup:
			out = append(out, s.group...)
		default:
			out = append(out, s.size[o])
		}
	}
	return out
}

// fits says whether values of shape v broadcast to the selected elements.
func (s *selection) fits(v []int) error {
	want := s.shape()
	lead := len(v) - len(want)
	for i, d := range v {
		if i < lead && d != 1 || i >= lead && d != 1 && d != want[i-lead] {
			return fmt.Errorf("values of shape %v do not broadcast to the selected %v", v, want)
		}
	}
	return nil
}
