package walk

import (
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"unsafe"
)

// Walker compiles plans for trees whose leaves are *L. It is safe for any number
// of goroutines, and all walkers of one L share their plans.
type Walker[L any] struct{ c *cache }

// For returns the walker whose leaves are *L.
func For[L any]() Walker[L] {
	leaf := reflect.TypeFor[L]()
	if c, ok := caches.Load(leaf); ok {
		return Walker[L]{c.(*cache)}
	}
	c, _ := caches.LoadOrStore(leaf, &cache{leaf: leaf, views: map[reflect.Type]view{}, met: map[reflect.Type]bool{}})
	return Walker[L]{c.(*cache)}
}

// Plan knows how to walk values of one Go type. The methods that take a pointer
// need one to a value of that type.
type Plan[L any] struct {
	c *cache
	n *node
}

// Compile makes the plan for t, or says what in t no tree may have: a leaf held
// by value, an unexported field that could hold a leaf, map keys without an
// order, fields that share a path, a tag that is not understood.
func (w Walker[L]) Compile(t reflect.Type) (Plan[L], error) {
	if t == nil {
		return Plan[L]{}, &Error{Reason: "nil is no tree; give a value"}
	}
	n, err := w.c.node(t)
	if err != nil {
		return Plan[L]{}, err
	}
	return Plan[L]{w.c, n}, nil
}

// Value returns the plan for what v holds and a pointer to it. The pointer is
// for reading: v may share it with other interfaces. A nil v is a tree without slots.
func (w Walker[L]) Value(v any) (Plan[L], unsafe.Pointer, error) {
	if v == nil {
		p, err := w.Compile(reflect.TypeFor[any]())
		return p, unsafe.Pointer(&v), err
	}
	p, err := w.Compile(reflect.TypeOf(v))
	if err != nil {
		return p, nil, err
	}
	return p, held(&v, p.n), nil
}

// Place returns the plan and the address of the variable that ptr points to,
// for [Plan.Assign]. ptr must be a pointer that is not nil, and to a tree: a
// leaf has no place of its own, its variable has.
func (w Walker[L]) Place(ptr any) (Plan[L], unsafe.Pointer, error) {
	v := reflect.ValueOf(ptr)
	switch {
	case !v.IsValid() || v.Kind() != reflect.Pointer || v.IsNil():
		return Plan[L]{}, nil, &Error{Type: reflect.TypeOf(ptr), Reason: "not a pointer to a variable; pass &x"}
	case v.Type().Elem() == w.c.leaf:
		return Plan[L]{}, nil, &Error{Type: v.Type(), Reason: "a leaf, not the variable that holds it; pass &x"}
	}
	p, err := w.Compile(v.Type().Elem())
	return p, v.UnsafePointer(), err
}

// Pointer returns the address of what v holds, of a copy when v has none.
func Pointer(v reflect.Value) unsafe.Pointer {
	if v.CanAddr() {
		return v.Addr().UnsafePointer()
	}
	held := reflect.New(v.Type())
	held.Elem().Set(v)
	return held.UnsafePointer()
}

// Type is the type whose values the plan walks.
func (p Plan[L]) Type() reflect.Type { return p.n.typ }

// Holds reports whether a value of the type could have a slot.
func (p Plan[L]) Holds() bool { return p.n.holds }

// held returns the address of what an interface holds, which for a type that
// fits in a pointer is the interface's own data word.
func held(v *any, n *node) unsafe.Pointer {
	w := (*words)(unsafe.Pointer(v))
	if n.direct {
		return unsafe.Pointer(&w.data)
	}
	return w.data
}

var caches sync.Map // reflect.Type of L -> *cache

// cache holds the nodes for one leaf type. Compiling is rare, so it is done
// under a lock: each type then has one node, and one id.
type cache struct {
	leaf  reflect.Type
	nodes sync.Map // reflect.Type -> *node
	ids   sync.Map // uint64 -> *node, for reading keys
	last  atomic.Uint64

	mu    sync.Mutex
	views map[reflect.Type]view // of registered types
	met   map[reflect.Type]bool // what was compiled, so that it is too late to register it
}

func (c *cache) node(t reflect.Type) (*node, *Error) {
	if n := c.load(t); n != nil {
		return n, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fresh(t)
}

// fresh compiles t. c.mu is held.
func (c *cache) fresh(t reflect.Type) (*node, *Error) {
	k := &compiler{cache: c, made: map[reflect.Type]*node{}}
	n, err := k.node(t)
	if err != nil {
		return nil, err
	}
	for _, t := range k.saw {
		c.met[t] = true
	}
	for t, n := range k.made {
		n.id = c.last.Add(1)
		c.ids.Store(n.id, n)
		c.nodes.Store(t, n)
	}
	return n, nil
}

func (c *cache) load(t reflect.Type) *node {
	if n, ok := c.nodes.Load(t); ok {
		return n.(*node)
	}
	return nil
}

func (c *cache) byID(id uint64) (*node, error) {
	if n, ok := c.ids.Load(id); ok {
		return n.(*node), nil
	}
	return nil, fmt.Errorf("no type has id %d", id)
}
