package walk

import (
	"fmt"
	"reflect"
	"unsafe"
)

// view is how a registered type is read and made again: by a value of another
// type that shows its leaves.
type view struct {
	typ   reflect.Type
	read  func(t unsafe.Pointer) (view unsafe.Pointer)
	build func(view, t unsafe.Pointer)
}

// Register makes t a node whose leaves and statics are those of a value of
// another type, for types whose leaves cannot be seen. read makes that value of
// the one at t, and build sets the value at t from it. It must come before
// anything is compiled that has a t in it. Both functions are called often and
// must do the same each time.
func (w Walker[L]) Register(t, as reflect.Type, read func(t unsafe.Pointer) unsafe.Pointer, build func(view, t unsafe.Pointer)) error {
	fail := func(format string, args ...any) error {
		return &Error{Type: t, Reason: fmt.Sprintf(format, args...)}
	}
	c := w.c
	named := t
	if t.Kind() == reflect.Pointer {
		named = t.Elem()
	}
	switch {
	case read == nil || build == nil:
		return fail("a nil function; give both")
	case t.Kind() == reflect.Interface || named.PkgPath() == "":
		return fail("only defined types and pointers to them can be registered")
	case (&compiler{cache: c}).isBare(named):
		return fail("it is a leaf itself")
	case t == as:
		return fail("a type cannot be shown by itself; give a struct of what it holds")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, twice := c.views[t]; twice {
		return fail("it is registered already")
	}
	if c.met[t] {
		return fail("it was used as a tree before it was registered; register it in an init function or a package variable")
	}
	c.views[t] = view{as, read, build}
	if err := c.compile(as); err != nil {
		delete(c.views, t)
		return err.shown(t)
	}
	return nil
}

// shown says that an error about a view is one about a registered type.
func (e *Error) shown(t reflect.Type) *Error {
	e.Reason += fmt.Sprintf(" (in what %s is registered to be shown as)", t)
	return e
}

// compile makes the nodes of t. c.mu is held.
func (c *cache) compile(t reflect.Type) *Error {
	_, err := c.fresh(t)
	return err
}

// made is a registered value with its leaves in it.
type made struct {
	at     unsafe.Pointer
	leaves int // how many
}

// shown walks a registered value by its view.
func (s *scan) shown(o *op, q unsafe.Pointer, state bool) *Error {
	if o.typ.Kind() == reflect.Pointer {
		to := *(*unsafe.Pointer)(q)
		s.length(to != nil, 0)
		if to == nil {
			s.empty(nil)
			return nil
		}
		if s.want&wantPlaces != 0 && !s.done {
			s.done = !s.visit(place{kind: pointerPlace, path: string(s.path), addr: to})
		}
		if err := s.meet(o, to); err != nil {
			return err
		}
	}
	start, mark := s.slot, len(s.built)
	v := o.view.read(q)
	s.views++
	if err := s.node(o.elem, v, state); err != nil {
		return err
	}
	s.views--
	if s.want&wantBuilt != 0 && s.slot <= len(s.leaves) {
		t, err := s.build(o, v, s.leaves[start:s.slot], s.built[mark:])
		if err != nil {
			return err
		}
		s.built = append(s.built[:mark], made{t, s.slot - start})
	}
	return nil
}

// build makes a registered value of its view v with other leaves. inner are the
// registered values below it, made already. The outermost is read back: what was
// lost shows here, not as a wrong number.
func (s *scan) build(o *op, v unsafe.Pointer, leaves []unsafe.Pointer, inner []made) (unsafe.Pointer, *Error) {
	w := writer{c: s.c, leaves: leaves, built: inner}
	w.node(o.elem, v)
	t := reflect.New(o.typ).UnsafePointer()
	o.view.build(v, t)
	if s.views > 0 {
		return t, nil
	}
	back := scan{c: s.c, want: wantLeaves}
	if o.typ.Kind() != reflect.Pointer || *(*unsafe.Pointer)(t) != nil {
		if err := back.node(o.elem, o.view.read(t), false); err != nil {
			return nil, err
		}
	}
	if back.met != nil {
		back.met.release()
	}
	if len(back.leaves) != len(leaves) {
		return nil, &Error{Type: o.typ, Reason: fmt.Sprintf(
			"its unflatten was given %d leaves and made a value that has %d; it must keep all, also absent ones", len(leaves), len(back.leaves))}
	}
	for i, l := range leaves {
		if back.leaves[i] != l {
			return nil, &Error{Type: o.typ, Reason: fmt.Sprintf(
				"its unflatten and flatten do not undo each other: leaf %d is another one after both", i)}
		}
	}
	return t, nil
}

// put sets a registered value to the one that the check has made of it.
func (w *writer) put(o *op, q unsafe.Pointer) {
	if o.typ.Kind() == reflect.Pointer && *(*unsafe.Pointer)(q) == nil {
		return
	}
	m := w.built[0]
	reflect.NewAt(o.typ, q).Elem().Set(reflect.NewAt(o.typ, m.at).Elem())
	w.built, w.leaves = w.built[1:], w.leaves[m.leaves:]
}
