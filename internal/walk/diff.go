package walk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"unsafe"
)

// Change is the first difference between two keys.
type Change struct {
	Path     string // empty when the roots differ
	Was, Now string // what lay there, in words
}

func (c Change) String() string {
	at := c.Path
	if at == "" {
		at = "the root"
	}
	return fmt.Sprintf("%s: was %s, now %s", at, c.Was, c.Now)
}

// Diff compares two keys of single trees, or the first trees of longer keys. It
// returns the first difference, or nil with the length that the equal keys have.
// Bytes that no Key of this process has written are an error.
func (w Walker[L]) Diff(was, now []byte) (change *Change, n int, err error) {
	return (&differ{c: w.c, was: reader{key: was}, now: reader{key: now}}).run()
}

// DiffShapes is Diff for what [Plan.Shape] has written.
func (w Walker[L]) DiffShapes(was, now []byte) (change *Change, n int, err error) {
	return (&differ{c: w.c, was: reader{key: was}, now: reader{key: now}, shape: true}).run()
}

// DiffValues returns the first difference between the structures and statics of
// two values, nil when there is none.
func (w Walker[L]) DiffValues(was, now any) (*Change, error) {
	var keys [2][]byte
	for i, v := range []any{was, now} {
		p, at, err := w.Value(v)
		if err != nil {
			return nil, err
		}
		if keys[i], err = p.Key(nil, at); err != nil {
			return nil, err
		}
	}
	change, _, err := w.Diff(keys[0], keys[1])
	return change, err
}

var errKey = errors.New("it ends too early or was not made here")

// reader takes a key apart.
type reader struct {
	key []byte
	at  int
}

func (r *reader) uvarint() (uint64, error) {
	x, n := binary.Uvarint(r.key[r.at:])
	if n <= 0 || n > 1 && r.key[r.at+n-1] == 0 { // or longer than Key writes it
		return 0, errKey
	}
	r.at += n
	return x, nil
}

func (r *reader) bytes(n uint64) ([]byte, error) {
	if n > uint64(len(r.key)-r.at) {
		return nil, errKey
	}
	b := r.key[r.at : r.at+int(n)]
	r.at += int(n)
	return b, nil
}

// differ reads two keys side by side, led by the nodes that wrote them.
type differ struct {
	c        *cache
	was, now reader
	shape    bool // whether statics and absence were left out
	depth    int
}

func (d *differ) run() (*Change, int, error) {
	change, err := d.dynamic(false)
	if err != nil {
		return nil, 0, fmt.Errorf("tree: reading a key: %w", err)
	}
	return change, d.was.at, nil
}

func (d *differ) node(n *node) (*Change, error) {
	if d.depth++; d.depth > maxDepth+1 {
		return nil, errKey
	}
	defer func() { d.depth-- }()
	ops := n.ops
	if d.shape {
		ops = n.slots
	}
	for i := range ops {
		if d.shape && ops[i].kind == leafOp {
			continue
		}
		c, err := d.op(&ops[i])
		if c != nil || err != nil {
			return c.within(ops[i].name), err
		}
	}
	return nil, nil
}

// mapKey compares map keys, which are written in full in both kinds of key.
func (d *differ) mapKey(n *node) (*Change, error) {
	shape := d.shape
	defer func() { d.shape = shape }()
	d.shape = false
	return d.node(n)
}

func (c *Change) within(segment string) *Change {
	if c != nil {
		c.Path = join(segment, c.Path)
	}
	return c
}

func (d *differ) op(o *op) (*Change, error) {
	switch o.kind {
	case leafOp:
		return d.bytes(1, func(b []byte) string {
			if b[0] == 0 {
				return "absent"
			}
			return "an array"
		})
	case bitsOp:
		return d.bytes(o.n, func(b []byte) string { return showBits(o.typ, b) })
	case identOp:
		return d.bytes(8, func(b []byte) string {
			return fmt.Sprintf("the %s at %#x", o.typ.Kind(), binary.NativeEndian.Uint64(b))
		})
	case stringOp:
		return d.text()
	case arrayOp:
		return d.elements(o.elem, uint64(o.n))
	case ifaceOp:
		return d.dynamic(true)
	case viewOp:
		if o.typ.Kind() != reflect.Pointer {
			return d.node(o.elem)
		}
	}
	return d.counted(o)
}

// bytes compares n bytes of each key.
func (d *differ) bytes(n int, show func([]byte) string) (*Change, error) {
	was, err := d.was.bytes(uint64(n))
	if err != nil {
		return nil, err
	}
	now, err := d.now.bytes(uint64(n))
	if err != nil || string(was) == string(now) {
		return nil, err
	}
	return &Change{Was: show(was), Now: show(now)}, nil
}

func (d *differ) numbers() (was, now uint64, err error) {
	if was, err = d.was.uvarint(); err == nil {
		now, err = d.now.uvarint()
	}
	return was, now, err
}

func (d *differ) text() (*Change, error) {
	n, m, err := d.numbers()
	if err != nil {
		return nil, err
	}
	was, err := d.was.bytes(n)
	if err != nil {
		return nil, err
	}
	now, err := d.now.bytes(m)
	if err != nil || string(was) == string(now) {
		return nil, err
	}
	return &Change{Was: quote(was), Now: quote(now)}, nil
}

func quote(b []byte) string {
	const most = 60
	if len(b) > most {
		return fmt.Sprintf("%q… (%d bytes)", b[:most], len(b))
	}
	return strconv.Quote(string(b))
}

func (d *differ) elements(n *node, count uint64) (*Change, error) {
	if len(n.ops) == 0 {
		return nil, nil
	}
	for i := range count {
		c, err := d.node(n)
		if c != nil || err != nil {
			return c.within(strconv.FormatUint(i, 10)), err
		}
	}
	return nil, nil
}

// dynamic compares what begins with the id of a type: an interface, or a root.
func (d *differ) dynamic(orNil bool) (*Change, error) {
	was, now, err := d.numbers()
	if err != nil {
		return nil, err
	}
	if was == now && was == 0 && orNil {
		return nil, nil
	}
	show := [2]string{"nil", "nil"}
	var n *node
	for i, id := range []uint64{was, now} {
		if id == 0 && orNil {
			continue
		}
		if n, err = d.c.byID(id); err != nil {
			return nil, err
		}
		show[i] = "a " + n.typ.String()
	}
	if was != now {
		if show[0] == show[1] { // two types of one name, from two packages or functions
			show[0], show[1] = show[0]+" (another type of that name)", show[1]+" of another declaration"
		}
		return &Change{Was: show[0], Now: show[1]}, nil
	}
	return d.node(n)
}

// counted compares slices, maps and pointers, which begin with 0 for nil and
// else with one more than their length.
func (d *differ) counted(o *op) (*Change, error) {
	was, now, err := d.numbers()
	if err != nil {
		return nil, err
	}
	if was != now && o.kind != mapOp || (was == 0) != (now == 0) {
		return &Change{Was: showLength(o, was), Now: showLength(o, now)}, nil
	}
	switch {
	case was == 0 && now == 0:
		return nil, nil
	case o.kind == sliceOp:
		return d.elements(o.elem, was-1)
	case o.kind == ptrOp && was == 2:
		return nil, nil
	case o.kind == ptrOp || o.kind == viewOp:
		return d.node(o.elem)
	}
	return d.entries(o, was-1, now-1)
}

func showLength(o *op, x uint64) string {
	switch {
	case x == 0:
		return "nil"
	case o.kind == ptrOp && x == 2:
		return "time.Local"
	case o.kind == ptrOp || o.kind == viewOp:
		return "a " + o.typ.String()
	}
	return fmt.Sprintf("a %s of length %d", o.typ, x-1)
}

// entries compares maps entry by entry. Their keys are in the same order on
// both sides, so the first that differs is missing on one side.
func (d *differ) entries(o *op, was, now uint64) (*Change, error) {
	for range min(was, now) {
		start := [2]int{d.was.at, d.now.at}
		c, err := d.mapKey(o.key)
		if err != nil {
			return nil, err
		}
		if c != nil {
			d.was.at, d.now.at = start[0], start[1]
			break
		}
		name, err := d.keyName(o, start[0])
		if err != nil {
			return nil, err
		}
		if c, err = d.node(o.elem); c != nil || err != nil {
			return c.within(name), err
		}
		was, now = was-1, now-1
	}
	if was == 0 && now == 0 {
		return nil, nil
	}
	out := &Change{Was: "without further keys", Now: "without further keys"}
	for _, side := range []struct {
		r     *reader
		left  uint64
		words *string
	}{{&d.was, was, &out.Was}, {&d.now, now, &out.Now}} {
		if side.left == 0 {
			continue
		}
		name, err := (&differ{c: d.c, was: *side.r}).keyName(o, side.r.at)
		if err != nil {
			return nil, err
		}
		*side.words = fmt.Sprintf("a key %s", name)
	}
	return out, nil
}

// keyName reads the map key that lies at a place of the older key.
func (d *differ) keyName(o *op, at int) (string, error) {
	r := reader{key: d.was.key, at: at}
	if len(o.key.ops) != 1 {
		return "*", nil
	}
	switch k := o.key.ops[0]; k.kind {
	case stringOp:
		n, err := r.uvarint()
		if err != nil {
			return "", err
		}
		b, err := r.bytes(n)
		return escape(string(b)), err
	case bitsOp:
		b, err := r.bytes(uint64(k.n))
		if err != nil || !ordered(k.typ) {
			return "*", err
		}
		return segment(valueOf(k.typ, b)), nil
	}
	return "*", nil
}

// valueOf makes the Go value that was written as bits.
func valueOf(t reflect.Type, b []byte) reflect.Value {
	v := reflect.New(t)
	if t.Kind() == reflect.Bool {
		v.Elem().SetBool(b[0] != 0) // a bool of any other bits would be no Go value
		return v.Elem()
	}
	copy(unsafe.Slice((*byte)(v.UnsafePointer()), len(b)), b)
	return v.Elem()
}

// showBits names the bits as well where two values would read the same.
func showBits(t reflect.Type, b []byte) string {
	v := valueOf(t, b)
	switch t.Kind() {
	case reflect.Float32, reflect.Float64:
		if f := v.Float(); f == 0 || math.IsNaN(f) {
			return fmt.Sprintf("%s %v (bits %x)", t, f, math.Float64bits(f))
		}
		return fmt.Sprintf("%s %v", t, v.Float())
	case reflect.Bool:
		return fmt.Sprintf("%s %v", t, v.Bool())
	case reflect.Complex64, reflect.Complex128:
		return fmt.Sprintf("%s %v (bits %x)", t, v.Complex(), b)
	}
	if v.CanInt() {
		return fmt.Sprintf("%s %d", t, v.Int())
	}
	return fmt.Sprintf("%s %d", t, v.Uint())
}
