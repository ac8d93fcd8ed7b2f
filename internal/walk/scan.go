package walk

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"unsafe"
)

// maxDepth bounds nesting. Pointer cycles are found by address; what reaches
// this depth is a cycle through slices or maps, or a list too long to be a tree.
const maxDepth = 10000

// want says what a scan gathers.
type want uint8

const (
	wantLeaves want = 1 << iota
	wantStates
	wantKey    // structure and statics
	wantShape  // structure alone
	wantPins   // addresses that the key compares
	wantPlaces // calls visit with paths
	wantBuilt  // registered values made of leaves
)

// scan is one pass over a tree.
type scan struct {
	c      *cache
	want   want
	leaves []unsafe.Pointer
	states []bool
	key    []byte
	pins   []unsafe.Pointer
	built  []made           // in order
	met    *pointers        // pointer nodes passed so far
	twice  unsafe.Pointer   // the pointer node that was met twice
	open   []unsafe.Pointer // static pointers on the way down
	path   []byte
	visit  func(place) bool
	done   bool // visit wants no more
	slot   int
	depth  int
	views  int // registered values on the way down
}

// place is what a scan with wantPlaces visits.
type place struct {
	kind  placeKind
	slot  int
	path  string
	addr  unsafe.Pointer // of the slot, or what a pointer node points to
	state bool
}

type placeKind uint8

const (
	slotPlace    placeKind = iota
	emptyPlace             // a nil pointer or interface, an empty slice or map
	pointerPlace           // a pointer node
)

func (s *scan) run(n *node, p unsafe.Pointer) error {
	if s.want&(wantKey|wantShape) != 0 {
		s.uvarint(n.id)
	}
	err := s.node(n, p, false)
	if s.met != nil {
		s.met.release()
	}
	if err == nil {
		return nil
	}
	if s.twice != nil {
		err.Reason = fmt.Sprintf("a pointer that is also at %s; a tree holds each once (hold a shared layer once and use it twice)",
			s.c.firstPath(n, p, s.twice))
	}
	return err
}

// firstPath finds the path of a pointer node, for an error.
func (c *cache) firstPath(n *node, p, to unsafe.Pointer) (path string) {
	s := scan{c: c, want: wantPlaces}
	s.visit = func(at place) bool {
		if at.kind == pointerPlace && at.addr == to {
			path = at.path
			return false
		}
		return true
	}
	_ = s.node(n, p, false) // it stops at the pointer, before the error that led here
	if s.met != nil {
		s.met.release()
	}
	if path == "" {
		return "the root"
	}
	return path
}

func (s *scan) node(n *node, p unsafe.Pointer, state bool) *Error {
	if s.done {
		return nil
	}
	if s.depth++; s.depth > maxDepth {
		return &Error{Type: n.typ, Reason: fmt.Sprintf("nested more than %d deep: a cycle, or a list too long for a tree", maxDepth)}
	}
	ops := n.slots
	if s.want&(wantKey|wantPins) != 0 {
		ops = n.ops
	}
	for i := range ops {
		o := &ops[i]
		q := unsafe.Add(p, o.off)
		if o.kind == leafOp && s.want == wantLeaves {
			s.leaves = append(s.leaves, *(*unsafe.Pointer)(q))
			continue
		}
		mark := len(s.path)
		if s.want&wantPlaces != 0 {
			s.push(o.name)
		}
		if err := s.op(o, q, state || o.state); err != nil {
			return err.within(o.name)
		}
		s.path = s.path[:mark]
	}
	s.depth--
	return nil
}

func (s *scan) op(o *op, q unsafe.Pointer, state bool) *Error {
	switch o.kind {
	case leafOp:
		s.leaf(q, state)
	case bitsOp:
		if s.want&wantKey != 0 {
			s.key = append(s.key, unsafe.Slice((*byte)(q), o.n)...)
		}
	case stringOp:
		if s.want&wantKey != 0 {
			s.text(*(*string)(q))
		}
	case identOp:
		s.identity(*(*unsafe.Pointer)(q))
	case arrayOp:
		return s.elements(o, q, o.n, state)
	case sliceOp:
		return s.slice(o, q, state)
	case ptrOp:
		return s.pointer(o, *(*unsafe.Pointer)(q), state)
	case ifaceOp:
		return s.dynamic(o, q, state)
	case mapOp:
		if o.elem.holds {
			return s.sortedMap(o, q, state)
		}
		return s.staticMap(o, q)
	case viewOp:
		return s.shown(o, q, state)
	}
	return nil
}

func (s *scan) leaf(q unsafe.Pointer, state bool) {
	leaf := *(*unsafe.Pointer)(q)
	if s.want&wantLeaves != 0 {
		s.leaves = append(s.leaves, leaf)
	}
	if s.want&wantStates != 0 {
		s.states = append(s.states, state)
	}
	if s.want&wantKey != 0 {
		s.flag(leaf != nil)
	}
	if s.want&wantPlaces != 0 && !s.done {
		s.done = !s.visit(place{kind: slotPlace, slot: s.slot, path: string(s.path), addr: q, state: state})
	}
	s.slot++
}

func (s *scan) identity(p unsafe.Pointer) {
	if s.want&wantKey != 0 {
		s.key = binary.NativeEndian.AppendUint64(s.key, uint64(uintptr(p)))
	}
	if s.want&wantPins != 0 && p != nil {
		s.pins = append(s.pins, p)
	}
}

// elements walks n elements that lie side by side.
func (s *scan) elements(o *op, base unsafe.Pointer, n int, state bool) *Error {
	if len(o.elem.ops) == 0 {
		return nil
	}
	if o.elem.plain() {
		if s.want&wantKey != 0 {
			s.key = append(s.key, unsafe.Slice((*byte)(base), uintptr(n)*o.elem.size)...)
		}
		return nil
	}
	mark := len(s.path)
	for i := range n {
		if s.want&wantPlaces != 0 {
			s.push(strconv.Itoa(i))
		}
		if err := s.node(o.elem, unsafe.Add(base, uintptr(i)*o.elem.size), state); err != nil {
			return err.within(strconv.Itoa(i))
		}
		s.path = s.path[:mark]
	}
	return nil
}

type sliceWords struct {
	data unsafe.Pointer
	len  int
}

func (s *scan) slice(o *op, q unsafe.Pointer, state bool) *Error {
	h := (*sliceWords)(q)
	s.length(h.data != nil, h.len)
	if h.len == 0 {
		s.empty(q)
		return nil
	}
	return s.elements(o, h.data, h.len, state)
}

func (s *scan) pointer(o *op, to unsafe.Pointer, state bool) *Error {
	if to == nil {
		s.length(false, 0)
		s.empty(nil)
		return nil
	}
	if !o.elem.holds {
		return s.staticPointer(o, to)
	}
	s.length(true, 0)
	if s.want&wantPlaces != 0 && !s.done {
		s.done = !s.visit(place{kind: pointerPlace, path: string(s.path), addr: to})
	}
	if o.elem.size > 0 {
		if err := s.meet(o, to); err != nil {
			return err
		}
	}
	return s.node(o.elem, to, state)
}

// meet passes a pointer node, which a tree holds once.
func (s *scan) meet(o *op, to unsafe.Pointer) *Error {
	if s.met == nil {
		s.met = getPointers()
	}
	if !s.met.add(to) {
		s.twice = to
		return &Error{Type: o.typ}
	}
	return nil
}

func (s *scan) staticPointer(o *op, to unsafe.Pointer) *Error {
	if to == local && o.elem.typ == locationType {
		s.length(true, 1)
		return nil
	}
	s.length(true, 0)
	if slices.Contains(s.open, to) && o.elem.size > 0 {
		return &Error{Type: o.typ, Reason: "a cycle; leave the field out with `tree:\"-\"`"}
	}
	s.open = append(s.open, to)
	err := s.node(o.elem, to, false)
	s.open = s.open[:len(s.open)-1]
	return err
}

func (s *scan) dynamic(o *op, q unsafe.Pointer, state bool) *Error {
	if (*words)(q).typ == nil {
		if s.want&(wantKey|wantShape) != 0 {
			s.uvarint(0)
		}
		s.empty(nil)
		return nil
	}
	n, data, err := s.c.dynamic(o, q)
	if err != nil {
		return err
	}
	if s.want&(wantKey|wantShape) != 0 {
		s.uvarint(n.id)
	}
	return s.node(n, data, state)
}

// dynamic returns the node of what an interface holds, and where that lies.
func (c *cache) dynamic(o *op, q unsafe.Pointer) (*node, unsafe.Pointer, *Error) {
	n, err := c.node(reflect.NewAt(o.typ, q).Elem().Elem().Type())
	if err != nil {
		return nil, nil, err
	}
	w := (*words)(q)
	if n.direct {
		return n, unsafe.Pointer(&w.data), nil
	}
	return n, w.data, nil
}

// length writes whether a node is there, and how long it is.
func (s *scan) length(there bool, n int) {
	if s.want&(wantKey|wantShape) == 0 {
		return
	}
	if !there {
		s.uvarint(0)
		return
	}
	s.uvarint(uint64(n) + 1)
}

func (s *scan) uvarint(x uint64) { s.key = binary.AppendUvarint(s.key, x) }

func (s *scan) text(t string) {
	s.uvarint(uint64(len(t)))
	s.key = append(s.key, t...)
}

func (s *scan) flag(set bool) {
	if set {
		s.key = append(s.key, 1)
	} else {
		s.key = append(s.key, 0)
	}
}

func (s *scan) empty(addr unsafe.Pointer) {
	if s.want&wantPlaces != 0 && !s.done {
		s.done = !s.visit(place{kind: emptyPlace, path: string(s.path), addr: addr})
	}
}

func (s *scan) push(segment string) {
	if segment == "" {
		return
	}
	if len(s.path) > 0 {
		s.path = append(s.path, '.')
	}
	s.path = append(s.path, segment...)
}
