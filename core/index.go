package core

import (
	"fmt"
	"math"
)

// Selector chooses elements along axes in [Array.At] and the updates that go
// with it. Selectors are read from the first axis on:
//
//   - [I] is one index; its axis goes away;
//   - [Range], [Every] and [All] keep an axis, in part or whole;
//   - [NewAxis] makes an axis of size 1, [Ellipsis] stands for as many [All] as
//     there are axes left;
//   - [Pick] and an integer *Array are lists of indices; several of them
//     broadcast together;
//   - a bool *Array picks the elements where it is true, over as many axes as it
//     has. How many those are is data, so in a traced function a mask works only
//     in updates with a value that does not depend on the number.
//
// The rules are NumPy's: negative indices count from the end, ranges are cut to
// the axis, and where lists of indices stand apart their axes come first.
type Selector interface{ selector() }

// I selects one index of an axis, which goes away.
type I int

// Span selects evenly spaced indices of an axis; see [Range].
type Span struct{ start, stop, step int }

// mark is a selector without numbers.
type mark uint8

const (
	// All selects a whole axis.
	All mark = iota + 1
	// NewAxis makes an axis of size 1.
	NewAxis
	// Ellipsis selects the whole of all axes that no other selector speaks of.
	Ellipsis
)

// Open stands for a bound of a [Range]: the end of the axis on that side.
const Open = math.MinInt

func (I) selector()      {}
func (Span) selector()   {}
func (mark) selector()   {}
func (picked) selector() {}
func (*Array) selector() {}

// Range selects from start up to but without stop. Negative bounds count from
// the end, [Open] is no bound, and what lies outside of the axis is left out.
func Range(start, stop int) Span { return Span{start, stop, 1} }

// By returns the range with another step; a negative one walks backwards from
// start down to but without stop.
func (s Span) By(step int) Span { return Span{s.start, s.stop, step} }

// Every selects each step-th index of an axis, from the first on, or from the
// last on backwards when step is negative: Every(-1) reverses.
func Every(step int) Span { return Span{Open, Open, step} }

// bounds resolves a span on an axis of n elements: the first index, the one
// after the last in the direction of step (-1 is before the first element), and
// how many there are.
func (s Span) bounds(n int) (start, stop, count int, err error) {
	if s.step == 0 {
		return 0, 0, 0, fmt.Errorf("the step of a range is 0")
	}
	lo, hi := 0, n
	start, stop = 0, n
	if s.step < 0 {
		lo, hi = -1, n-1
		start, stop = n-1, -1
	}
	place := func(i int) int {
		if i < 0 {
			i += n
		}
		return min(max(i, lo), hi)
	}
	if s.start != Open {
		start = place(s.start)
	}
	if s.stop != Open {
		stop = place(s.stop)
	}
	switch {
	case s.step > 0 && stop > start:
		count = (stop - start - 1) / s.step
		count++
	case s.step < 0 && stop < start:
		// Not -s.step, which the smallest int has none of.
		count = (stop - start + 1) / s.step
		count++
	}
	return start, stop, count, nil
}

// outAxis says where an axis of a selection comes from.
type outAxis int

const (
	isNew   outAxis = -1 // NewAxis
	isGroup outAxis = -2 // all axes of the broadcast index arrays
	// others are axes of the array
)

// selection is a list of selectors resolved against an array.
type selection struct {
	// One per axis of the array: a slice, in the engine's terms, and its size.
	start, stop, step, size []int
	// whole says that the slice is the array itself.
	whole bool
	// single marks the axes of an I.
	single []bool
	// index holds the index array of an axis, or nil.
	index []*Array
	// group is the broadcast shape of the index arrays.
	group []int
	// order lists the axes of the result.
	order []outAxis
}

// resolve reads sels against an array of shape. It evaluates masks.
func resolve(shape []int, sels []Selector) (*selection, error) {
	list, err := expand(shape, sels)
	if err != nil {
		return nil, err
	}
	n := len(shape)
	s := &selection{
		start: make([]int, n), stop: make([]int, n), step: make([]int, n), size: make([]int, n),
		whole: true, single: make([]bool, n), index: make([]*Array, n),
	}
	arrays := 0
	for _, sel := range list {
		switch sel := sel.(type) {
		case *Array:
			arrays++
		case picked:
			arrays++
		case mark, Span, I:
		default:
			return nil, fmt.Errorf("%T is no selector", sel)
		}
	}
	axis, first, last, members := 0, -1, -1, 0
	member := func(at int) {
		if members == 0 {
			s.order = append(s.order, isGroup)
			first = at
		}
		last = at
		members++
	}
	for at, sel := range list {
		if sel == NewAxis {
			s.order = append(s.order, isNew)
			continue
		}
		d := shape[axis]
		s.stop[axis], s.step[axis], s.size[axis] = d, 1, d
		switch sel := sel.(type) {
		case I:
			i := int(sel)
			if i < -d || i >= d {
				return nil, rangeError(i, axis, d)
			}
			if i < 0 {
				i += d
			}
			s.start[axis], s.stop[axis], s.size[axis] = i, i+1, 1
			s.single[axis] = true
			s.whole = s.whole && d == 1
			if arrays > 0 {
				member(at)
			}
		case Span:
			start, stop, count, err := sel.bounds(d)
			if err != nil {
				return nil, fmt.Errorf("axis %d: %w", axis, err)
			}
			if count == 0 {
				start, stop, sel.step = 0, 0, 1
			}
			if stop == -1 {
				stop = -d - 1
			}
			step := min(max(sel.step, -d-1), d+1)
			s.start[axis], s.stop[axis], s.step[axis], s.size[axis] = start, stop, step, count
			s.whole = s.whole && count == d && (d < 2 || sel.step == 1)
			s.order = append(s.order, outAxis(axis))
		case mark:
			s.order = append(s.order, outAxis(axis))
		case picked:
			a, err := sel.array(axis, d)
			if err != nil {
				return nil, err
			}
			s.index[axis] = a
			member(at)
		case *Array:
			if sel.trace != 0 {
				// Indices are integers: they have no gradient to look for.
				sel = sel.StopGradient()
			}
			s.index[axis] = sel
			member(at)
		}
		axis++
	}
	if members > 0 && last-first+1 != members {
		order := []outAxis{isGroup}
		for _, o := range s.order {
			if o != isGroup {
				order = append(order, o)
			}
		}
		s.order = order
	}
	return s, s.broadcastGroup()
}

// expand replaces masks by index arrays and the ellipsis by All, so that one
// selector speaks of each axis.
func expand(shape []int, sels []Selector) ([]Selector, error) {
	used, dots := 0, -1
	for i, sel := range sels {
		switch sel := sel.(type) {
		case nil:
			return nil, fmt.Errorf("selector %d is nil", i)
		case mark:
			switch sel {
			case Ellipsis:
				if dots >= 0 {
					return nil, fmt.Errorf("Ellipsis may be given once")
				}
				dots = i
			case All:
				used++
			}
		case *Array:
			if sel == nil {
				return nil, fmt.Errorf("selector %d: %w", i, ErrNil)
			}
			s := sel.spec("At")
			switch {
			case s.DType == Bool && len(s.Shape) == 0:
				return nil, fmt.Errorf("selector %d: a mask needs an axis", i)
			case s.DType == Bool:
				used += len(s.Shape)
			case s.DType.IsInteger():
				used++
			default:
				return nil, fmt.Errorf("selector %d has dtype %v: indices are integers or bool", i, s.DType)
			}
		default:
			used++
		}
	}
	if used > len(shape) {
		return nil, fmt.Errorf("%d axes are selected, the array has %d", used, len(shape))
	}
	if dots < 0 {
		dots = len(sels)
		sels = append(sels[:len(sels):len(sels)], Ellipsis)
	}
	var out []Selector
	axis := 0
	for i, sel := range sels {
		a, _ := sel.(*Array)
		switch {
		case i == dots:
			for range len(shape) - used {
				out = append(out, All)
				axis++
			}
		case a != nil && a.DType() == Bool:
			lists, err := trueIndices(a, shape[axis:], axis)
			if err != nil {
				return nil, err
			}
			axis += len(lists)
			out = append(out, lists...)
		default:
			out = append(out, sel)
			if sel != NewAxis {
				axis++
			}
		}
	}
	return out, nil
}

// broadcastGroup sets the broadcast shape of the index arrays.
func (s *selection) broadcastGroup() error {
	var shapes [][]int
	for _, a := range s.index {
		if a != nil {
			shapes = append(shapes, a.Shape())
		}
	}
	var err error
	s.group, err = broadcast(shapes...)
	return err
}

// broadcast is the shape that shapes have in common.
func broadcast(shapes ...[]int) ([]int, error) {
	n := 0
	for _, s := range shapes {
		n = max(n, len(s))
	}
	out := make([]int, n)
	for i := range out {
		out[i] = 1
		for _, s := range shapes {
			k := i - n + len(s)
			switch {
			case k < 0 || s[k] == 1 || s[k] == out[i]:
			case out[i] == 1:
				out[i] = s[k]
			default:
				return nil, fmt.Errorf("the shapes %v do not broadcast", shapes)
			}
		}
	}
	return out, nil
}

func rangeError(i, axis, d int) error {
	if d == 0 {
		return fmt.Errorf("index %d: axis %d is empty", i, axis)
	}
	return fmt.Errorf("index %d is out of range for axis %d of %d elements", i, axis, d)
}
