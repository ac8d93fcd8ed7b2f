package core

import (
	"fmt"
	"runtime"

	"github.com/adjoint-go/adjoint/internal/engine"
)

// The flat layer: transforms of functions of plain lists of arrays. Packages
// grad, vmap and compile put typed trees on top of it.

// FlatFunc is a function of a list of arrays.
type FlatFunc func(in []*Array) []*Array

// tracedBy makes a callback of f: it runs f on the arrays of a new trace in a
// scope of their own, and hands its results to the engine. only says what of f
// cannot be traced.
func tracedBy(op string, trace uint64, outer *uint64, f func(in []*Array) ([]*Array, []int), only mode) engine.Callback {
	return func(hs []engine.Handle) (out []engine.Handle, outAxes []int) {
		if err := engine.Enter(); err != nil {
			panic(newError(op, nil, err))
		}
		id, s := openScope(trace)
		in := make([]*Array, len(hs))
		for i, h := range hs {
			in[i] = adopt(h, trace, id)
		}
		engine.Leave()
		// Also when f panics or ends its goroutine: the scope ends with it.
		defer func() {
			if engine.Reenter() {
				closeScope(id, s, leaked)
				*outer = max(*outer, s.outer)
				engine.Leave()
			}
		}()
		results, axes := f(in)
		if err := engine.Enter(); err != nil {
			panic(newError(op, nil, err))
		}
		for i, r := range results {
			if r == nil || r.h == 0 || r.trace != 0 && !engine.TraceLive(r.trace) {
				engine.Leave()
				why := lack(r)
				if r != nil && r.h != 0 {
					why = leakedFrom(r.trace, r)
				}
				panic(newError(op, nil, fmt.Errorf("result %d: %w", i, why)))
			}
		}
		for _, r := range results {
			out = append(out, engine.Retain(r.h))
			s.note(r.trace)
		}
		captured, sized := only.alone && s.outer != 0, only.sizeless && s.sizes
		engine.Leave()
		if captured || sized {
			engine.ReleaseAll(out)
			panic(&refusal{captured: captured})
		}
		runtime.KeepAlive(results)
		return out, axes
	}
}

// mode restricts what a traced function may do.
type mode struct {
	alone    bool // not use arrays of outer traces
	sizeless bool // not ask for sizes
}

// refusal ends the recording of a function that did what its mode forbids.
type refusal struct{ captured bool }

// transform calls the engine with the handles of in. The goroutine is locked to
// its thread, since the engine may call back; when a callback ends the goroutine
// the thread ends with it.
func transform(op string, in []*Array, call func(trace uint64, outer *uint64, hs []engine.Handle) ([]engine.Handle, int)) []*Array {
	runtime.LockOSThread()
	enter(op)
	var outer uint64
	hs := make([]engine.Handle, len(in))
	for i, a := range in {
		if a == nil || a.h == 0 {
			engine.Leave()
			runtime.UnlockOSThread()
			panic(newError(op, nil, fmt.Errorf("array %d: %w", i, lack(a))))
		}
		if a.trace > outer {
			outer = a.trace
		}
		hs[i] = a.h
	}
	if outer != 0 && !engine.TraceLive(outer) {
		engine.Leave()
		runtime.UnlockOSThread()
		panic(newError(op, in, leakedFrom(outer, in...)))
	}
	var captured uint64
	trace := engine.NewTrace()
	origins.record(trace, op)
	watch()
	out, code := call(trace, &captured, hs)
	runtime.KeepAlive(in)
	if code != engine.OK {
		err := failed(op, in, max(outer, captured), code)
		runtime.UnlockOSThread()
		panic(err)
	}
	outer = max(outer, captured)
	scope := engine.Scope()
	noteOuter(scope, captured)
	for _, a := range in {
		noteOuter(scope, a.trace)
	}
	results := make([]*Array, len(out))
	for i, h := range out {
		results[i] = adopt(h, outer, scope)
	}
	if on := debugging.Load(); on&debugOps != 0 {
		observe(on, func([]uintptr) string { return op }, results, in)
	}
	engine.Leave()
	runtime.UnlockOSThread()
	return results
}

// failed gives the lock back and returns what to panic with. trace is the
// innermost trace of the arrays.
func failed(op string, in []*Array, trace uint64, code int) any {
	switch code {
	case engine.GoFailed:
		v, stack := engine.Failure()
		engine.Leave()
		switch v := v.(type) {
		case *Error, *Panic, *refusal:
			return v
		}
		return &Panic{Value: v, Stack: stack}
	case engine.WrongTrace:
		engine.Leave()
		return newError(op, nil, leakedFrom(trace, in...))
	case engine.Odd:
		f := readFinding()
		engine.Leave()
		return newError(op, nil, &f.NonFiniteError)
	}
	msg := engine.Message()
	f := readFinding()
	engine.Leave()
	if f != nil {
		return f.evaluationError(op, engineError(msg))
	}
	return newError(op, nil, engineError(msg))
}

// traced is tracedBy for a function whose results have no axes.
func traced(op string, trace uint64, outer *uint64, f FlatFunc) engine.Callback {
	return tracedBy(op, trace, outer, func(in []*Array) ([]*Array, []int) { return f(in), nil }, mode{})
}

// Vectorize maps f over one axis of each of in (-1: the array is passed whole).
// f returns with its results the axis along which each is stacked; -1 stands
// for a result that does not depend on a mapped array and is returned as it is.
func Vectorize(op string, f func(in []*Array) ([]*Array, []int), in []*Array, axes []int) []*Array {
	ax := make([]int32, len(axes))
	for i, a := range axes {
		ax[i] = int32(a)
	}
	return transform(op, in, func(trace uint64, outer *uint64, hs []engine.Handle) ([]engine.Handle, int) {
		return engine.VMap(tracedBy(op, trace, outer, f, mode{}), trace, hs, ax)
	})
}

func uint32s(v []int) []uint32 {
	out := make([]uint32, len(v))
	for i, n := range v {
		out[i] = uint32(n)
	}
	return out
}

// Program is the set of traces of one compiled function, by key. The caller's
// part of each is kept with it.
type Program struct {
	p       engine.Program
	entries map[uint64]any // by tag, guarded by the engine lock
}

// NewProgram returns an empty program. It is freed when it is collected.
func NewProgram() *Program {
	enter("compile.Of")
	p := &Program{p: engine.NewProgram(), entries: map[uint64]any{}}
	runtime.AddCleanup(p, func(e engine.Program) { engine.Later(e.Free) }, p.p)
	engine.Leave()
	return p
}

// Close drops the traces.
func (p *Program) Close() {
	if engine.Reenter() {
		p.p.Clear()
		clear(p.entries)
		engine.Leave()
	}
	runtime.KeepAlive(p)
}

// Len is the number of traces held.
func (p *Program) Len() int {
	enter("compile.Of")
	defer engine.Leave()
	return len(p.entries)
}

// Run replays the trace for key, the dtypes and sizes of in, and the current
// stream, and returns the caller's part of it; ok is false when there is none.
func (p *Program) Run(op string, key []byte, in []*Array, shapeless bool) (out []*Array, entry any, ok bool) {
	enter(op)
	var trace uint64
	var small [32]engine.Handle
	hs := small[:0]
	for i, a := range in {
		if a == nil || a.h == 0 {
			engine.Leave()
			panic(newError(op, nil, fmt.Errorf("array %d: %w", i, lack(a))))
		}
		trace = max(trace, a.trace)
		hs = append(hs, a.h)
	}
	if trace != 0 && !engine.TraceLive(trace) {
		engine.Leave()
		panic(newError(op, in, leakedFrom(trace, in...)))
	}
	var buf [32]engine.Handle
	watch()
	res, tag, code := p.p.Run(key, hs, buf[:], shapeless)
	if code == engine.Miss {
		engine.Leave()
		return nil, nil, false
	}
	if code != engine.OK {
		panic(failed(op, in, trace, code))
	}
	scope := engine.Scope()
	for _, a := range in {
		noteOuter(scope, a.trace)
	}
	out = adoptAll(res, trace, scope)
	if on := debugging.Load(); on&debugDepth != 0 { // the operations have their lines
		observe(debugDepth, func([]uintptr) string { return op }, out, in)
	}
	entry = p.entries[tag]
	engine.Leave()
	runtime.KeepAlive(in)
	runtime.KeepAlive(p)
	return out, entry, true
}

// Recording says what became of a call of Trace.
type Recording struct {
	Out     []*Array // the results
	Entry   any      // the caller's part of the trace that gave them
	Tag     uint64   // the number of that trace
	Evicted int      // traces dropped
	// Captured: f used an array of an outer trace, so that it cannot be recorded.
	Captured bool
	// Sized: f asked for sizes, so that it cannot be recorded shapeless.
	Sized bool
}

// Trace records f for key and in with the caller's entry, in one of the engine's
// modes (0: all passes, 1: no fusion, 2: no simplification), drops the least
// recently used traces beyond limit, and gives the results for in.
func (p *Program) Trace(op string, f FlatFunc, key []byte, in []*Array, shapeless bool, passes, limit int, entry any) (r Recording) {
	defer func() {
		if v := recover(); v != nil {
			why, ok := v.(*refusal)
			if !ok {
				panic(v)
			}
			r = Recording{Captured: why.captured, Sized: !why.captured}
		}
	}()
	r.Out = transform(op, in, func(trace uint64, outer *uint64, hs []engine.Handle) ([]engine.Handle, int) {
		lastTag++
		tag := lastTag
		fn := tracedBy(op, trace, outer, func(in []*Array) ([]*Array, []int) { return f(in), nil }, mode{alone: true, sizeless: shapeless})
		gone, code := p.p.Trace(fn, trace, key, hs, shapeless, passes, limit, tag)
		if code != engine.OK {
			return nil, code
		}
		p.entries[tag] = entry
		for _, t := range gone {
			if uint64(t) != tag {
				r.Evicted++
			}
			delete(p.entries, uint64(t))
		}
		out, tag, code := p.p.Run(key, hs, nil, shapeless)
		for i := range out {
			out[i] &^= engine.SmallHandle
		}
		r.Entry, r.Tag = p.entries[tag], tag
		return out, code
	})
	runtime.KeepAlive(p)
	return r
}

// Tracing says whether this goroutine is inside a traced function.
func Tracing() bool {
	if engine.Enter() != nil {
		return false
	}
	defer engine.Leave()
	return engine.TraceCurrent() != 0
}

// ThreadToken identifies the calling thread. It means something only while the
// goroutine is locked to it, as it is inside a traced function.
func ThreadToken() uint64 {
	enter("compile")
	defer engine.Leave()
	return engine.Thread()
}
