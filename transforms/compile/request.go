package compile

import (
	"reflect"
	"sync"
	"unsafe"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/argtree"
	"github.com/adjoint-go/adjoint/internal/walk"
)

// request is one call: its arguments as arrays and key.
type request struct {
	args   []reflect.Value
	parts  []part        // arguments, then captured inputs
	leaves []*core.Array // their slots, nil where absent
	arrays []*core.Array // those that are present
	key    []byte
}

// part is one tree of a request.
type part struct {
	plan  argtree.Plan
	at    unsafe.Pointer
	slots int
}

// requests are used again, since most calls only repeat a trace.
var requests = sync.Pool{New: func() any { return new(request) }}

// release gives r back. A call that traces keeps its own.
func (r *request) release() {
	clear(r.parts)
	clear(r.leaves)
	clear(r.arrays)
	*r = request{parts: r.parts[:0], leaves: r.leaves[:0], arrays: r.arrays[:0], key: r.key[:0]}
	requests.Put(r)
}

// read collects the arrays and the key of a call.
func (p *program) read(args []reflect.Value) *request {
	r := requests.Get().(*request)
	r.args = args
	for i, a := range args {
		r.scan(p.op, p.params[i], walk.Pointer(a))
	}
	for _, in := range p.in {
		r.scan(p.op, in.plan, in.v.UnsafePointer())
	}
	for _, out := range p.out {
		// The structure of what is written is part of the key too.
		var err error
		r.key, err = out.plan.Key(r.key, out.v.UnsafePointer())
		argtree.Check(p.op, err)
	}
	r.key = append(r.key, byte(p.passes()))
	return r
}

func (r *request) scan(op string, plan argtree.Plan, at unsafe.Pointer) {
	before := len(r.leaves)
	var err error
	r.leaves, r.key, err = plan.Scan(r.leaves, r.key, at)
	argtree.Check(op, err)
	for _, a := range r.leaves[before:] {
		if a != nil {
			r.arrays = append(r.arrays, a)
		}
	}
	r.parts = append(r.parts, part{plan, at, len(r.leaves) - before})
}

// slots are the trees with their slots.
func (r *request) slots() []argtree.Slots {
	var out []argtree.Slots
	rest := r.leaves
	for _, p := range r.parts {
		out = append(out, argtree.Slots{Plan: p.plan, At: p.at, Arrays: rest[:p.slots:p.slots]})
		rest = rest[p.slots:]
	}
	return out
}

// presence says which slots of a result hold an array.
type presence struct {
	slots []bool
	n     int
}

func present(s argtree.Slots) presence {
	p := presence{slots: make([]bool, len(s.Arrays))}
	for i, a := range s.Arrays {
		if a != nil {
			p.slots[i] = true
			p.n++
		}
	}
	return p
}

// spread puts the first of arrays into the slots that are present.
func (p presence) spread(arrays []*core.Array) (filled, rest []*core.Array) {
	if p.n == len(p.slots) {
		return arrays[:p.n:p.n], arrays[p.n:]
	}
	filled = make([]*core.Array, len(p.slots))
	for i, ok := range p.slots {
		if ok {
			filled[i], arrays = arrays[0], arrays[1:]
		}
	}
	return filled, arrays
}
