package walk

import (
	"fmt"
	"reflect"
	"sync/atomic"
	"time"
	"unsafe"
)

// kind says how to read what lies at an operation's offset.
type kind uint8

const (
	leafOp  kind = iota // *L
	arrayOp             // n elements in place
	sliceOp
	mapOp
	ptrOp
	ifaceOp
	bitsOp   // n bytes, compared as they are
	stringOp // static string
	identOp  // func, chan, unsafe.Pointer: compared by address
	viewOp   // a registered type
)

// op reads one thing at a fixed distance from the start of a value.
type op struct {
	kind  kind
	state bool
	off   uintptr
	n     int    // arrayOp: elements; bitsOp: bytes
	name  string // path from the value, empty when promoted or the value itself
	typ   reflect.Type
	elem  *node // what an array, slice, map or pointer holds, or a registered type shows
	key   *node // mapOp
	view  *view // viewOp
}

// node is the compiled form of one Go type.
type node struct {
	typ    reflect.Type
	size   uintptr
	id     uint64
	holds  bool         // whether it may lead to a leaf
	direct bool         // whether an interface holds it in its data word
	ops    []op         // all that a key has
	slots  []op         // those that may lead to a leaf
	last   atomic.Int32 // the most leaves that a value had
}

// plain reports whether a run of values is a run of bits.
func (n *node) plain() bool {
	return len(n.ops) == 1 && n.ops[0].kind == bitsOp && uintptr(n.ops[0].n) == n.size
}

// compiler makes the nodes of one type and of all that it is made of.
type compiler struct {
	*cache
	made map[reflect.Type]*node
	saw  []reflect.Type // what could have been registered before
}

func (c *compiler) isLeaf(t reflect.Type) bool {
	return t.Kind() == reflect.Pointer && t.Elem() == c.leaf
}

// isBare reports whether t is the leaf's struct itself, or a type defined as it.
func (c *compiler) isBare(t reflect.Type) bool {
	return t == c.leaf || t.Kind() == reflect.Struct && c.leaf.NumField() > 0 && t.ConvertibleTo(c.leaf)
}

// node compiles t. A type within itself finds its own unfinished node, which
// only pointers, slices and maps can lead to.
func (c *compiler) node(t reflect.Type) (*node, *Error) {
	if n := c.made[t]; n != nil {
		return n, nil
	}
	if n := c.load(t); n != nil {
		return n, nil
	}
	n := &node{typ: t, size: t.Size(), holds: c.canHold(t), direct: inDataWord(t)}
	c.made[t] = n
	if err := c.add(n, op{typ: t}); err != nil {
		delete(c.made, t)
		return nil, err
	}
	for _, o := range n.ops {
		if o.kind == leafOp || o.kind == ifaceOp || o.elem != nil && o.elem.holds {
			n.slots = append(n.slots, o)
		}
	}
	return n, nil
}

// add appends the operations for a value of type o.typ at o.off.
func (c *compiler) add(n *node, o op) *Error {
	t := o.typ
	fail := func(format string, args ...any) *Error {
		return &Error{Path: o.name, Type: t, Reason: fmt.Sprintf(format, args...)}
	}
	if c.isLeaf(t) {
		o.kind = leafOp
		n.ops = append(n.ops, o)
		return nil
	}
	if c.isBare(t) {
		return fail("a %s held by value is no leaf; hold a *%s", t, c.leaf)
	}
	if t.PkgPath() != "" || t.Kind() == reflect.Pointer {
		c.saw = append(c.saw, t)
	}
	var err *Error
	if v, ok := c.views[t]; ok {
		o.kind, o.view = viewOp, &v
		if o.elem, err = c.child(v.typ, o.name); err != nil {
			return err.shown(t)
		}
		n.ops = append(n.ops, o)
		return nil
	}
	switch t.Kind() {
	case reflect.Struct:
		return c.addStruct(n, o)
	case reflect.Interface:
		o.kind = ifaceOp
	case reflect.String:
		o.kind = stringOp
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		o.kind = identOp
	case reflect.Pointer:
		o.kind = ptrOp
		o.elem, err = c.child(t.Elem(), o.name)
	case reflect.Slice:
		o.kind = sliceOp
		o.elem, err = c.child(t.Elem(), join(o.name, "*"))
	case reflect.Array:
		o.kind, o.n = arrayOp, t.Len()
		o.elem, err = c.child(t.Elem(), join(o.name, "*"))
		if err == nil && (o.n == 0 || len(o.elem.ops) == 0) {
			return nil // of no size, so that no count of them costs anything
		}
	case reflect.Map:
		if c.canHold(t.Key()) {
			return fail("map keys of type %s could hold a *%s; key the map by strings or numbers", t.Key(), c.leaf)
		}
		if c.canHold(t.Elem()) && !ordered(t.Key()) {
			return fail("map keys of type %s have no order; key the map by strings, numbers or bools", t.Key())
		}
		o.kind = mapOp
		if o.key, err = c.child(t.Key(), o.name); err == nil {
			o.elem, err = c.child(t.Elem(), join(o.name, "*"))
		}
	default:
		o.kind, o.n = bitsOp, int(t.Size())
	}
	if err == nil {
		n.ops = append(n.ops, o)
	}
	return err
}

func (c *compiler) child(t reflect.Type, path string) (*node, *Error) {
	n, err := c.node(t)
	if err != nil {
		return nil, err.within(path)
	}
	return n, nil
}

func (c *compiler) addStruct(n *node, o op) *Error {
	if err := c.checkNames(o.typ); err != nil {
		return err.within(o.name)
	}
	for i := range o.typ.NumField() {
		f, err := c.readField(o.typ.Field(i))
		if err != nil {
			return err.within(o.name)
		}
		holds := !f.skipped && c.canHold(f.Type)
		if f.skipped || f.Name == "_" && !holds {
			continue
		}
		if holds && !f.IsExported() && !c.promotes(f.StructField) {
			return &Error{Path: join(o.name, f.Name), Type: f.Type,
				Reason: fmt.Sprintf("an unexported field that could hold a *%s; export it, or leave it out with `tree:\"-\"`", c.leaf)}
		}
		name := f.name
		if name == "" && c.isLeaf(f.Type) {
			name = f.Name
		}
		sub := op{typ: f.Type, off: o.off + f.Offset, name: join(o.name, name), state: o.state || f.state}
		if err := c.add(n, sub); err != nil {
			return err
		}
	}
	return nil
}

// canHold reports whether a value of type t could lead to a leaf.
func (c *compiler) canHold(t reflect.Type) bool {
	return c.search(t, map[reflect.Type]bool{})
}

func (c *compiler) search(t reflect.Type, met map[reflect.Type]bool) bool {
	if c.isBare(t) || t.Kind() == reflect.Interface {
		return true
	}
	if met[t] {
		return false
	}
	met[t] = true
	if v, ok := c.views[t]; ok {
		return c.search(v.typ, met)
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return c.search(t.Elem(), met)
	case reflect.Map:
		return c.search(t.Key(), met) || c.search(t.Elem(), met)
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); f.Tag.Get("tree") != "-" && c.search(f.Type, met) {
				return true
			}
		}
	}
	return false
}

func ordered(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Complex64, reflect.Complex128:
		return false
	}
	return t.Kind() >= reflect.Bool && t.Kind() <= reflect.Float64 || t.Kind() == reflect.String
}

// words is the layout of an interface: what it holds, and where or itself.
type words struct{ typ, data unsafe.Pointer }

// inDataWord finds out by looking, since reflect does not tell and the rule for
// structs has changed between releases: a zero value held in the data word
// leaves it nil, while one held elsewhere has an address.
func inDataWord(t reflect.Type) bool {
	if t.Kind() == reflect.Interface || t.Size() != unsafe.Sizeof(uintptr(0)) {
		return false
	}
	zero := reflect.Zero(t).Interface()
	return (*words)(unsafe.Pointer(&zero)).data == nil
}

// local is compared by identity: its contents are filled in at first use.
var (
	local        = unsafe.Pointer(time.Local)
	locationType = reflect.TypeFor[time.Location]()
)
