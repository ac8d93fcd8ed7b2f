package core

import (
	"runtime"

	"github.com/adjoint-go/adjoint/internal/engine"
)

// scope owns the arrays that one thread makes while it is that thread's current
// one. The table and the lists are guarded by the engine lock.
type scope struct {
	arrays []*Array
	// trace is the trace that the scope lies in, 0 for none.
	trace uint64
	// outer is the innermost other trace whose arrays were used.
	outer uint64
	// sizes says that somebody asked for the sizes of a traced array.
	sizes bool
	// parent is the scope that the thread had before.
	parent int64
}

var scopes = struct {
	all  map[int64]*scope
	next int64
	// last and lastID are the scope that was used last.
	last   *scope
	lastID int64
}{all: map[int64]*scope{}}

func own(id int64, a *Array) {
	s := scopes.last
	if id != scopes.lastID {
		s = scopes.all[id]
		scopes.last, scopes.lastID = s, id
	}
	s.arrays = append(s.arrays, a)
	s.note(a.trace)
}

// note records that an array of a trace was used in the scope, for all scopes
// around it too: each is a user of the trace if it lies within it.
func (s *scope) note(trace uint64) {
	if trace == 0 {
		return
	}
	for ; s != nil && trace < s.trace; s = scopes.all[s.parent] {
		s.outer = max(s.outer, trace)
	}
}

func noteOuter(id int64, trace uint64) {
	if trace != 0 && id != 0 {
		scopes.all[id].note(trace)
	}
}

// noteSizes records that the sizes of an array of a trace were asked for, for
// the current scope and all around it.
func noteSizes() {
	for s := scopes.all[engine.Scope()]; s != nil; s = scopes.all[s.parent] {
		s.sizes = true
	}
}

// openScope makes a new scope the thread's current one. The lock is held and the
// goroutine locked to its thread.
func openScope(trace uint64) (int64, *scope) {
	scopes.next++
	id := scopes.next
	s := &scope{trace: trace, parent: engine.Scope()}
	if p := scopes.all[s.parent]; trace == 0 && p != nil {
		s.trace = p.trace // Tidy within a traced function
	}
	scopes.all[id] = s
	engine.ScopeSet(id)
	return id, s
}

// closeScope frees what the scope still owns and makes its parent current. The
// lock is held.
func closeScope(id int64, s *scope, why gone) {
	var hs []engine.Handle
	for _, a := range s.arrays {
		if a.h != 0 {
			hs = append(hs, a.h)
			a.h, a.gone = 0, why
			if why == leaked && a.trace == 0 {
				a.trace = s.trace // made in the function, of nothing that it was given
			}
		}
	}
	engine.Free(hs)
	s.arrays = nil
	delete(scopes.all, id)
	scopes.last, scopes.lastID = nil, 0
	engine.ScopeSet(s.parent)
}

// release takes a out of the scope that is being closed and gives it to the
// parent, or to the collector. The lock is held.
func (s *scope) release(a *Array, id int64) {
	h := a.h
	if h == 0 || a.cleanup != (runtime.Cleanup{}) {
		return
	}
	for i, b := range s.arrays {
		if b == a {
			s.arrays[i] = s.arrays[len(s.arrays)-1]
			s.arrays = s.arrays[:len(s.arrays)-1]
			if s.parent != 0 {
				own(s.parent, a)
			} else {
				a.cleanup = runtime.AddCleanup(a, engine.Release, h)
			}
			return
		}
	}
}
