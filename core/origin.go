package core

import (
	"fmt"
	"runtime"

	"github.com/adjoint-go/adjoint/internal/engine"
)

// origins remembers which transforms the latest traces belong to, for errors
// about arrays that outlive them. It is guarded by the engine lock.
var origins ring

type ring [64]origin

type origin struct {
	trace uint64
	op    string
	stack [48]uintptr
}

func (r *ring) record(trace uint64, op string) {
	o := &r[trace%uint64(len(r))]
	o.trace, o.op, o.stack = trace, op, [48]uintptr{}
	runtime.Callers(3, o.stack[:])
}

// leakedFrom is ErrLeaked with the transform whose function made the array,
// where it is still known. The lock is not held.
func leakedFrom(trace uint64) error {
	if trace == 0 || engine.Enter() != nil {
		return ErrLeaked
	}
	o := origins[trace%uint64(len(origins))]
	engine.Leave()
	if o.trace != trace {
		return ErrLeaked
	}
	return fmt.Errorf("%w: it was made in the function that %s traced at %s; return it from there", ErrLeaked, o.op, (&Error{Stack: o.stack[:]}).At())
}
