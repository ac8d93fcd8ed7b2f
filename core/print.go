package core

import (
	"errors"
	"fmt"
	"strings"
)

const (
	// printLimit is the number of elements above which the middle of every long
	// axis is left out.
	printLimit = 1000
	// printEdge is how many are then shown at each end.
	printEdge = 3
	// printWidth is the length of a line.
	printWidth = 75
)

// String shows the elements as NumPy does: nested brackets, aligned columns, up
// to 8 digits after the point, the middle left out beyond 1000 elements. It
// evaluates; an array that has no value, because a function is traced or it was
// freed, is described instead: "Array(float32[2 3], traced)".
func (a *Array) String() string {
	if a == nil {
		return "Array(nil)"
	}
	text, err := a.elements()
	if err == nil {
		return text
	}
	why := "failed: " + err.Error()
	switch {
	case errors.Is(err, ErrTracer):
		why = "traced"
	case errors.Is(err, ErrLeaked):
		return "Array(of a trace that is not live here)"
	case errors.Is(err, ErrFreed):
		return "Array(freed)"
	}
	s := a.specNoFail()
	if !s.DType.Valid() {
		return "Array(" + why + ")"
	}
	return fmt.Sprintf("Array(%v, %s)", s, why)
}

// GoString is a Go expression for an array of at most 1000 elements, and a
// description of others.
func (a *Array) GoString() (text string) {
	if a == nil {
		return "(*core.Array)(nil)"
	}
	s := a.specNoFail()
	if !s.DType.Valid() || sizeOf(s.Shape) > printLimit {
		return fmt.Sprintf("core.Array(%v)", s)
	}
	var err error
	defer func() {
		if err != nil {
			text = fmt.Sprintf("core.Array(%v)", s)
		}
	}()
	defer Catch(&err)
	v := goValues(a, s.DType)
	v = v[strings.IndexByte(v, '['):]
	shape := strings.Trim(strings.ReplaceAll(fmt.Sprint(s.Shape), " ", ", "), "[]")
	if len(s.Shape) == 0 {
		return fmt.Sprintf("core.From(%s).Reshape()", v)
	}
	return fmt.Sprintf("core.From(%s, %s)", v, shape)
}

func goValues(a *Array, d DType) string {
	switch d {
	case Float16:
		return fmt.Sprintf("%#v", Data[F16](a))
	case BFloat16:
		return fmt.Sprintf("%#v", Data[BF16](a))
	}
	return fmt.Sprintf("%#v", values(a, d))
}

// elements lays out the elements of a.
func (a *Array) elements() (text string, err error) {
	defer Catch(&err)
	s := a.spec("String")
	if sizeOf(s.Shape) == 0 {
		return "[]", nil
	}
	part, cut := a.outline(s.Shape)
	cells := format(part, s.DType, len(s.Shape) == 0)
	if len(s.Shape) == 0 {
		return cells[0], nil
	}
	p := printer{cells: cells, cut: cut, shape: part.Shape()}
	p.block(0, 0, "")
	return p.out.String(), nil
}

// outline is the part of a that is shown; cut says along which axes the middle is
// left out.
func (a *Array) outline(shape []int) (*Array, []bool) {
	cut := make([]bool, len(shape))
	if sizeOf(shape) <= printLimit {
		return a, cut
	}
	for axis, d := range shape {
		if d > 2*printEdge {
			cut[axis] = true
			a = Concatenate(axis, a.Slice(axis, 0, printEdge), a.Slice(axis, -printEdge, Open))
		}
	}
	return a, cut
}

// printer writes nested brackets.
type printer struct {
	out   strings.Builder
	cells []string
	shape []int
	cut   []bool
}

// block writes the part that starts at cell at and spans axes from axis on.
// indent stands before every further line.
func (p *printer) block(axis, at int, indent string) {
	indent += " "
	p.out.WriteByte('[')
	n := p.shape[axis]
	if axis == len(p.shape)-1 {
		p.row(at, n, indent, p.cut[axis])
	} else {
		stride := sizeOf(p.shape[axis+1:])
		gap := strings.Repeat("\n", len(p.shape)-1-axis) + indent
		for i := range n {
			if i > 0 {
				p.out.WriteString(gap)
			}
			if p.cut[axis] && i == printEdge {
				p.out.WriteString("..." + gap)
			}
			p.block(axis+1, at+i*stride, indent)
		}
	}
	p.out.WriteByte(']')
}

// row writes cells of the last axis, broken into lines.
func (p *printer) row(at, n int, indent string, cut bool) {
	// Each bracket that may close after the row takes a column.
	room := printWidth - len(p.shape)
	line := ""
	put := func(word string) {
		switch {
		case line == "":
			line = word
		case len(indent)+len(line)+1+len(word) > room:
			p.out.WriteString(strings.TrimRight(line, " ") + "\n" + indent)
			line = word
		default:
			line += " " + word
		}
	}
	for i := range n {
		if cut && i == printEdge {
			put("...")
		}
		put(p.cells[at+i])
	}
	p.out.WriteString(line)
}
