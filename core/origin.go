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
// where it is still known, and the line that the first of as of that trace was made
// at. The lock is not held.
func leakedFrom(trace uint64, as ...*Array) error {
	if trace == 0 || engine.Enter() != nil {
		return ErrLeaked
	}
	o := origins[trace%uint64(len(origins))]
	made := ""
	for _, a := range as {
		if a != nil && a.trace == trace && a.line != 0 && made == "" {
			op, _, at := lineOf(a.line)
			made = fmt.Sprintf(" by %s at %s,", op, at)
		}
	}
	engine.Leave()
	switch {
	case o.trace == trace:
		return fmt.Errorf("%w: it was made%s in the function that %s traced at %s; return it from there", ErrLeaked, made, o.op, (&Error{Stack: o.stack[:]}).At())
	case made != "":
		return fmt.Errorf("%w: it was made%s in a function that was traced; return it from there", ErrLeaked, made)
	}
	return ErrLeaked
}
