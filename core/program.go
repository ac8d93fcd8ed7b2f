package core

import (
	"fmt"
	"runtime"

	"github.com/adjoint-go/adjoint/internal/engine"
)

// lastTag numbers the traces of all programs. It is guarded by the engine lock.
var lastTag uint64

// Take moves the traces of from into p, drops the least recently used beyond
// limit, and returns how many were dropped.
func (p *Program) Take(op string, from *Program, limit int) (evicted int) {
	enter(op)
	gone, code := p.p.Take(from.p, limit)
	if code != engine.OK {
		panic(failed(op, nil, 0, code))
	}
	for tag, e := range from.entries {
		p.entries[tag] = e
	}
	clear(from.entries)
	for _, t := range gone {
		delete(p.entries, uint64(t))
	}
	engine.Leave()
	runtime.KeepAlive(p)
	runtime.KeepAlive(from)
	return len(gone)
}

// Describe returns what the engine knows of the trace with that tag, as JSON; ok
// is false when the trace was dropped.
func (p *Program) Describe(op string, tag uint64) (text []byte, ok bool) {
	enter(op)
	text, code := p.p.Describe(tag)
	if code != engine.OK && code != engine.Miss {
		panic(failed(op, nil, 0, code))
	}
	engine.Leave()
	runtime.KeepAlive(p)
	return text, code == engine.OK
}

// Has says whether the trace with that tag is held.
func (p *Program) Has(tag uint64) bool {
	if !engine.Reenter() {
		return false
	}
	defer engine.Leave()
	_, ok := p.entries[tag]
	return ok
}

// CurrentStream names the stream that operations of this goroutine run on.
func CurrentStream() string {
	enter("compile")
	defer engine.Leave()
	n := engine.StreamCurrent()
	for _, d := range []Device{GPU, CPU} {
		if engine.Devices(d.kind()) > 0 && engine.StreamDefault(d.kind(), 0) == n {
			return d.String()
		}
	}
	return fmt.Sprint("stream ", n)
}

// Donate frees arrays that were given to a compiled function. Arrays of a trace
// stay: the trace is not theirs alone.
func Donate(arrays []*Array) {
	if !engine.Reenter() {
		return
	}
	var hs []engine.Handle
	for _, a := range arrays {
		if a != nil && a.h != 0 && a.trace == 0 {
			hs = append(hs, a.h)
			a.disown()
			a.gone = donated
		}
	}
	engine.Free(hs)
	engine.Leave()
	runtime.KeepAlive(arrays)
}
