package walk

import "unsafe"

// raw views leaves as the scan's untyped pointers; the layout is the same.
func raw[L any](leaves []*L) []unsafe.Pointer { return *(*[]unsafe.Pointer)(unsafe.Pointer(&leaves)) }

func typed[L any](leaves []unsafe.Pointer) []*L { return *(*[]*L)(unsafe.Pointer(&leaves)) }

// Flatten appends what the slots at v hold to dst, nil for those that are absent.
// On an error dst is returned as it was.
func (p Plan[L]) Flatten(dst []*L, v unsafe.Pointer) ([]*L, error) {
	s := scan{c: p.c, want: wantLeaves, leaves: raw(dst)}
	if dst == nil {
		s.leaves = make([]unsafe.Pointer, 0, p.n.last.Load())
	}
	if err := s.run(p.n, v); err != nil {
		return dst, err
	}
	if n := len(s.leaves); dst == nil && n > int(p.n.last.Load()) {
		p.n.last.Store(int32(min(n, 1<<16)))
	}
	return typed[L](s.leaves), nil
}

// Key appends the structure and the statics of v to dst. Keys of consecutive
// trees may follow each other: a key says itself where it ends.
func (p Plan[L]) Key(dst []byte, v unsafe.Pointer) ([]byte, error) {
	s := scan{c: p.c, want: wantKey, key: dst}
	if err := s.run(p.n, v); err != nil {
		return dst, err
	}
	return s.key, nil
}

// Scan is Flatten and Key in one pass.
func (p Plan[L]) Scan(leaves []*L, key []byte, v unsafe.Pointer) ([]*L, []byte, error) {
	s := scan{c: p.c, want: wantLeaves | wantKey, leaves: raw(leaves), key: key}
	if err := s.run(p.n, v); err != nil {
		return leaves, key, err
	}
	return typed[L](s.leaves), s.key, nil
}

// Shape appends the structure of v without its statics, and without which
// leaves are absent: values with equal shapes have slots that correspond.
func (p Plan[L]) Shape(dst []byte, v unsafe.Pointer) ([]byte, error) {
	s := scan{c: p.c, want: wantShape, key: dst}
	if err := s.run(p.n, v); err != nil {
		return dst, err
	}
	return s.key, nil
}

// States appends, for each slot of v, whether it or a field above it is tagged state.
func (p Plan[L]) States(dst []bool, v unsafe.Pointer) ([]bool, error) {
	s := scan{c: p.c, want: wantStates, states: dst}
	if err := s.run(p.n, v); err != nil {
		return dst, err
	}
	return s.states, nil
}

// Pins appends what v's key compares by address: closures, channels, unsafe
// pointers. While they are kept, no other value can come to have their addresses.
func (p Plan[L]) Pins(dst []unsafe.Pointer, v unsafe.Pointer) ([]unsafe.Pointer, error) {
	s := scan{c: p.c, want: wantPins, pins: dst}
	if err := s.run(p.n, v); err != nil {
		return dst, err
	}
	return s.pins, nil
}

// Slot is one slot of a value, for those who need its name.
type Slot[L any] struct {
	Index int    // in the order of Flatten
	Path  string // empty when the value itself is the slot
	Leaf  *L     // nil when absent
	State bool   // tagged state, here or above
}

// Slots calls yield for each slot of v in the order of Flatten until yield returns false.
// It makes every path, so it is for errors and files, not for each call of a function.
func (p Plan[L]) Slots(v unsafe.Pointer, yield func(Slot[L]) bool) error {
	s := scan{c: p.c, want: wantPlaces}
	s.visit = func(at place) bool {
		return at.kind != slotPlace || yield(Slot[L]{at.slot, at.path, (*L)(*(*unsafe.Pointer)(at.addr)), at.state})
	}
	return s.run(p.n, v)
}

// Path returns the path of the i-th slot of v, empty when there is none.
func (p Plan[L]) Path(v unsafe.Pointer, i int) (path string) {
	_ = p.Slots(v, func(s Slot[L]) bool {
		if s.Index == i {
			path = s.Path
		}
		return s.Index < i
	})
	return path
}
