package compile

import (
	"reflect"
	"time"
	"unsafe"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/argtree"
	"github.com/adjoint-go/adjoint/internal/walk"
)

// miss records a trace for a call that has none, unless another goroutine is
// doing so, and answers the call.
func (p *program) miss(prog *core.Program, r *request) []reflect.Value {
	key := p.traceKey(r)
	for {
		p.mu.Lock()
		other := p.tracing[key]
		if other == nil {
			break
		}
		p.mu.Unlock()
		if core.Tracing() && other.thread == core.ThreadToken() {
			core.Failf(p.op, "the function calls itself with the same kind of arguments while it is traced")
		}
		<-other.done
		if out, tag, ok := prog.Run(p.op, r.key, r.arrays, p.shapeless); ok {
			return p.replayed(prog, r, out, tag)
		}
	}
	mine := &inProgress{done: make(chan struct{})}
	p.tracing[key] = mine
	traces := p.stats.Traces
	p.nextTag++
	tag := p.nextTag
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.tracing, key)
		p.mu.Unlock()
		close(mine.done)
	}()
	// Another goroutine may have finished between the first look and now.
	if out, t, ok := prog.Run(p.op, r.key, r.arrays, p.shapeless); ok {
		return p.replayed(prog, r, out, t)
	}
	if p.strict > 0 && traces >= p.strict {
		core.Failf(p.op, "a call needs trace %d, but compile.Strict allows %d: the arguments' structure, static values, shapes or dtypes changed", traces+1, p.strict)
	}
	start := time.Now()
	e := &entry{pins: p.pins(r)}
	gone, inline := p.trace(prog, r, e, mine, tag)
	if inline {
		p.count(func(s *Stats) { s.Calls++; s.Inline++ })
		return callFunc(p.fn, r.args)
	}
	p.mu.Lock()
	p.entries[tag] = e
	for _, g := range gone {
		if g != tag {
			p.stats.Evictions++
		}
		delete(p.entries, g)
	}
	p.stats.Calls++
	p.stats.Traces++
	p.stats.TraceTime += time.Since(start)
	p.mu.Unlock()
	out, t, ok := prog.Run(p.op, r.key, r.arrays, p.shapeless)
	if !ok {
		core.Failf(p.op, "the compiled function was closed during the call")
	}
	p.mu.Lock()
	e = p.entries[t]
	p.mu.Unlock()
	return p.results_(e, out)
}

// traceKey tells calls apart that need traces of their own.
func (p *program) traceKey(r *request) string {
	key := append([]byte(nil), r.key...)
	for _, a := range r.arrays {
		s := a.Spec()
		key = append(key, byte(s.DType), byte(len(s.Shape)))
		for _, d := range s.Shape {
			key = append(key, byte(d), byte(d>>8), byte(d>>16), byte(d>>24))
		}
	}
	return string(key)
}

// pins keeps what the key compares by address.
func (p *program) pins(r *request) []any {
	var ptrs []unsafe.Pointer
	for _, s := range r.slots {
		var err error
		ptrs, err = s.Plan.Pins(ptrs, s.At)
		argtree.Check(p.op, err)
	}
	for _, out := range p.out {
		var err error
		ptrs, err = out.plan.Pins(ptrs, out.v.UnsafePointer())
		argtree.Check(p.op, err)
	}
	if len(ptrs) == 0 {
		return nil
	}
	return []any{ptrs}
}

// trace calls the function on placeholders and records it in the engine.
func (p *program) trace(prog *core.Program, r *request, e *entry, mine *inProgress, tag uint64) (gone []uint64, inline bool) {
	return prog.Trace(p.op, func(x []*core.Array) []*core.Array {
		p.mu.Lock()
		mine.thread = core.ThreadToken()
		p.mu.Unlock()
		args := make([]reflect.Value, len(r.args))
		for i := range r.args {
			var filled []*core.Array
			filled, x = r.slots[i].Take(x)
			args[i] = fill(p.op, r.slots[i].Plan, r.args[i], filled)
		}
		restore := p.substitute(r.slots[len(r.args):], x)
		defer restore()
		values := callFunc(p.fn, args)
		var outs []*core.Array
		e.values, e.slots, e.out = make([]reflect.Value, len(values)), nil, nil
		for i, v := range values {
			s := argtree.Read(p.op, p.results[i], walk.Pointer(v))
			outs = s.Present(outs)
			e.slots = append(e.slots, present(s))
			// The kept results hold no arrays of the trace.
			e.values[i] = fill(p.op, p.results[i], v, make([]*core.Array, len(s.Arrays)))
		}
		for _, out := range p.out {
			s := out.slots(p.op)
			outs = s.Present(outs)
			e.out = append(e.out, present(s))
		}
		return outs
	}, r.key, r.arrays, p.shapeless, p.maxEntries, tag)
}

func present(s argtree.Slots) []bool {
	out := make([]bool, len(s.Arrays))
	for i, a := range s.Arrays {
		out[i] = a != nil
	}
	return out
}

// substitute puts the placeholders x into the captured inputs and returns what
// puts back, after the trace, what was there before. The static parts of what is
// captured may not change meanwhile.
func (p *program) substitute(slots []argtree.Slots, x []*core.Array) (restore func()) {
	type saved struct {
		at     place
		arrays []*core.Array
		key    []byte
	}
	var all []saved
	seen := map[any]bool{}
	for _, at := range append(append([]place(nil), p.in...), p.out...) {
		if !seen[at.ptr] {
			seen[at.ptr] = true
			key, err := at.plan.Key(nil, at.v.UnsafePointer())
			argtree.Check(p.op, err)
			all = append(all, saved{at, at.slots(p.op).Arrays, key})
		}
	}
	for i, in := range p.in {
		var filled []*core.Array
		filled, x = slots[i].Take(x)
		argtree.Check(p.op, in.plan.Assign(in.v.UnsafePointer(), filled))
	}
	return func() {
		var changed *walk.Change
		for _, s := range all {
			key, err := s.at.plan.Key(nil, s.at.v.UnsafePointer())
			if err == nil && changed == nil {
				changed, _, err = argtree.Walker.Diff(s.key, key)
			}
			if e := s.at.plan.Assign(s.at.v.UnsafePointer(), s.arrays); err == nil {
				err = e
			}
			if err != nil {
				core.Fail(p.op, nil, err)
			}
		}
		if changed != nil {
			core.Failf(p.op, "the traced function changed captured state that is no array, at %v", changed)
		}
	}
}
