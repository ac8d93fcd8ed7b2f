package walk

import (
	"fmt"
	"reflect"
	"unsafe"
)

// Replace puts leaves, in the order of Flatten, into the slots of the value at v.
// It writes nothing but that value: its slices and maps become fresh ones, and
// its pointers and interfaces lead to fresh copies. So after
//
//	out := in
//	err := plan.Replace(unsafe.Pointer(&out), leaves)
//
// out is a tree like in with other leaves, and in is as it was. Statics are
// copied as Go copies them. A nil leaf makes a slot absent. On an error nothing
// has been written.
func (p Plan[L]) Replace(v unsafe.Pointer, leaves []*L) error {
	return p.write(v, leaves, false)
}

// Assign is Replace for a variable that others know: pointers within it are
// written through, so that who holds a pointer to a part of it sees the new
// leaves. Slices and maps are fresh here too, so a copy of the variable made
// before (best := model) keeps its own, except behind pointers, which it shares.
func (p Plan[L]) Assign(v unsafe.Pointer, leaves []*L) error {
	return p.write(v, leaves, true)
}

// write goes over the tree before it writes, since all that can fail fails there.
func (p Plan[L]) write(v unsafe.Pointer, leaves []*L, through bool) error {
	check := scan{c: p.c, want: wantBuilt, leaves: raw(leaves)}
	if err := check.run(p.n, v); err != nil {
		return err
	}
	if check.slot != len(leaves) {
		return &Error{Type: p.n.typ, Reason: fmt.Sprintf("has %d leaves, but was given %d", check.slot, len(leaves))}
	}
	w := writer{c: p.c, leaves: raw(leaves), built: check.built, through: through}
	w.node(p.n, v)
	return nil
}

// writer puts leaves into a tree that has been checked.
type writer struct {
	c       *cache
	leaves  []unsafe.Pointer // those still to be written
	built   []made           // those still to be written
	through bool             // whether pointers keep what they point to
}

func (w *writer) node(n *node, p unsafe.Pointer) {
	for i := range n.slots {
		o := &n.slots[i]
		q := unsafe.Add(p, o.off)
		switch o.kind {
		case leafOp:
			*(*unsafe.Pointer)(q) = w.leaves[0]
			w.leaves = w.leaves[1:]
		case arrayOp:
			w.elements(o.elem, q, o.n)
		case sliceOp:
			w.slice(o, reflect.NewAt(o.typ, q).Elem())
		case mapOp:
			w.sortedMap(o, reflect.NewAt(o.typ, q).Elem())
		case ptrOp:
			w.pointer(o, (*unsafe.Pointer)(q))
		case ifaceOp:
			w.dynamic(o, q)
		case viewOp:
			w.put(o, q)
		}
	}
}

func (w *writer) elements(n *node, base unsafe.Pointer, count int) {
	if len(n.slots) == 0 {
		return
	}
	for i := range count {
		w.node(n, unsafe.Add(base, uintptr(i)*n.size))
	}
}

func (w *writer) slice(o *op, old reflect.Value) {
	if old.IsNil() {
		return
	}
	fresh := reflect.MakeSlice(o.typ, old.Len(), old.Len())
	reflect.Copy(fresh, old)
	w.elements(o.elem, fresh.UnsafePointer(), fresh.Len())
	old.Set(fresh)
}

func (w *writer) sortedMap(o *op, old reflect.Value) {
	if old.IsNil() {
		return
	}
	fresh := reflect.MakeMapWithSize(o.typ, old.Len())
	if old.Len() > 0 {
		e, _ := entriesOf(o, old) // the check has passed its keys
		for _, i := range e.order {
			w.node(o.elem, unsafe.Add(e.values.UnsafePointer(), uintptr(i)*o.elem.size))
			fresh.SetMapIndex(e.keys.Index(i), e.values.Index(i))
		}
	}
	old.Set(fresh)
}

func (w *writer) pointer(o *op, to *unsafe.Pointer) {
	if *to == nil {
		return
	}
	if !w.through {
		fresh := reflect.New(o.elem.typ)
		fresh.Elem().Set(reflect.NewAt(o.elem.typ, *to).Elem())
		*to = fresh.UnsafePointer()
	}
	w.node(o.elem, *to)
}

// dynamic puts a fresh copy into the interface: what an interface holds may be
// shared with every copy of it.
func (w *writer) dynamic(o *op, q unsafe.Pointer) {
	if (*words)(q).typ == nil {
		return
	}
	n, _, _ := w.c.dynamic(o, q) // the check has passed it
	if !n.holds {
		return
	}
	iface := reflect.NewAt(o.typ, q).Elem()
	fresh := reflect.New(n.typ)
	fresh.Elem().Set(iface.Elem())
	w.node(n, fresh.UnsafePointer())
	iface.Set(fresh.Elem())
}
