package compile

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
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
	mine := &inProgress{done: make(chan struct{})}
	for {
		p.mu.Lock()
		other := p.tracing[key]
		if other == nil {
			p.tracing[key] = mine
			p.mu.Unlock()
			break
		}
		thread := other.thread
		p.mu.Unlock()
		if core.Tracing() {
			if thread == core.ThreadToken() {
				core.Failf(p.op, "the function calls itself with the same kind of arguments while it is traced")
			}
			// To wait inside a trace could be to wait for each other.
			return p.inline(r.args)
		}
		<-other.done
		if values, ok := p.retry(prog, r); ok {
			return values
		}
	}
	defer func() {
		p.mu.Lock()
		delete(p.tracing, key)
		p.mu.Unlock()
		close(mine.done)
	}()
	// Another goroutine may have finished between the first look and now.
	if values, ok := p.retry(prog, r); ok {
		return values
	}
	log := p.begin(r)
	p.checkStrict(log)
	rec := p.trace(prog, r, mine, log)
	if rec.Captured {
		return p.inline(r.args)
	}
	p.calls.Add(1)
	p.keep(log, rec.Evicted)
	p.donate(log.entry, r)
	return p.finish(rec.Entry.(*entry), rec.Out)
}

// begin starts the record of a trace that a call needs.
func (p *program) begin(r *request) *record {
	rec := &record{signature: p.sign(r), when: time.Now(), caller: caller()}
	p.mu.Lock()
	defer p.mu.Unlock()
	if near, changes := nearest(p.history.records, rec.signature); near != nil {
		rec.against, rec.changes = near.number, changes
	}
	return rec
}

// keep counts and remembers a trace that is in the cache.
func (p *program) keep(rec *record, evicted int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.Traces++
	p.stats.Evictions += evicted
	p.stats.TraceTime += rec.took
	p.remember(rec)
}

// trace records the function, once more with its sizes where it asks for one, or
// the engine needs one for what the function does.
func (p *program) trace(prog *core.Program, r *request, mine *inProgress, rec *record) core.Recording {
	got, ok := p.traceWithoutSizes(prog, r, mine, rec)
	if !ok {
		p.sized.Store(true)
		rec.mode = p.modeName()
		done := false
		defer func() { p.sized.Store(done) }()
		got = p.traceOnce(prog, r, mine, rec)
		done = true
	}
	rec.took = time.Since(rec.when)
	return got
}

// traceWithoutSizes is traceOnce, which where it is shapeless may find that it must
// not be. A derivative of a factorisation, for one, has no rule without sizes.
func (p *program) traceWithoutSizes(prog *core.Program, r *request, mine *inProgress, rec *record) (got core.Recording, ok bool) {
	if p.isShapeless() {
		defer func() {
			if ok {
				return
			}
			v := recover()
			if err, failed := v.(*core.Error); v != nil && (!failed || errors.Is(err, core.ErrShapeless)) {
				panic(v)
			}
		}()
	}
	got = p.traceOnce(prog, r, mine, rec)
	return got, !got.Sized
}

func (p *program) traceOnce(prog *core.Program, r *request, mine *inProgress, rec *record) core.Recording {
	e := &entry{pins: p.pins(r), donated: p.donatedSlots(r)}
	slot := 0
	for _, part := range rec.parts {
		for _, l := range part.leaves {
			if l.spec.DType != core.NoDType {
				e.inputs = append(e.inputs, input{at(part.name, l.path), l.spec, slices.Contains(e.donated, slot)})
			}
			slot++
		}
	}
	got := p.record(prog, r, mine, e)
	if got.Entry != nil {
		rec.entry = got.Entry.(*entry)
		rec.confirms = rec.entry != e
		if !rec.confirms {
			e.tag = got.Tag
		}
	}
	return got
}

func (p *program) tracedOn(t *inProgress, thread uint64) {
	p.mu.Lock()
	t.thread = thread
	p.mu.Unlock()
}

// retry is a second look for a trace.
func (p *program) retry(prog *core.Program, r *request) ([]reflect.Value, bool) {
	out, e, ok := prog.Run(p.op, r.key, r.arrays, p.isShapeless())
	if !ok {
		return nil, false
	}
	return p.hit(e.(*entry), r, out), true
}

func (p *program) checkStrict(rec *record) {
	p.mu.Lock()
	traces := p.stats.Traces
	p.mu.Unlock()
	if p.strict > 0 && traces >= p.strict {
		core.Failf(p.op, "a call needs trace %d, but compile.Strict allows %d; compared with trace %d: %s",
			traces+1, p.strict, rec.against, summary(rec.changes))
	}
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
	for _, s := range r.parts {
		var err error
		ptrs, err = s.plan.Pins(ptrs, s.at)
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

// record calls the function on placeholders and records it in the engine.
func (p *program) record(prog *core.Program, r *request, mine *inProgress, e *entry) core.Recording {
	slots := r.slots()
	return prog.Trace(p.op, func(x []*core.Array) []*core.Array {
		// Only during the callback is the goroutine bound to its thread.
		p.tracedOn(mine, core.ThreadToken())
		defer p.tracedOn(mine, 0)
		args := make([]reflect.Value, len(r.args))
		for i := range r.args {
			var filled []*core.Array
			filled, x = slots[i].Take(x)
			args[i] = argtree.Fill(p.op, slots[i].Plan, r.args[i], filled)
		}
		var outs []*core.Array
		p.substitute(slots[len(r.args):], x, func() {
			values := argtree.Call(p.fn, args)
			e.values = make([]reflect.Value, len(values))
			for i, v := range values {
				s := argtree.Read(p.op, p.results[i], walk.Pointer(v))
				outs = s.Present(outs)
				e.slots = append(e.slots, present(s))
				e.outputs = append(e.outputs, paths(fmt.Sprintf("result %d", i), s)...)
				// The kept results hold no arrays of the trace.
				e.values[i] = argtree.Fill(p.op, p.results[i], v, make([]*core.Array, len(s.Arrays)))
			}
			for i, out := range p.out {
				s := out.slots(p.op)
				outs = s.Present(outs)
				e.out = append(e.out, present(s))
				e.outputs = append(e.outputs, paths(fmt.Sprintf("output %d", i), s)...)
			}
		})
		return outs
	}, r.key, r.arrays, p.isShapeless(), int(p.passes()), p.maxEntries, e)
}

// paths names the arrays of a result.
func paths(whole string, s argtree.Slots) []string {
	var out []string
	for i, a := range s.Arrays {
		if a != nil {
			out = append(out, at(whole, s.Plan.Path(s.At, i)))
		}
	}
	return out
}
