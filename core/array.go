package core

import (
	"fmt"
	"runtime"

	"github.com/adjoint-go/adjoint/internal/engine"
)

// Array is an n-dimensional array of the engine. It is immutable and lazy, and
// may be used from any goroutine. A nil *Array stands for an absent one.
type Array struct {
	// h is guarded by the engine lock; 0 once freed.
	h engine.Handle
	// trace is the innermost live trace whose values the array depends on.
	trace   uint64
	cleanup runtime.Cleanup
	// hold is where the slab that the array lies in keeps its handle.
	hold *engine.Handle
	gone gone
	// line and depth are for debugging: where it was made, 0 when not known, and
	// how many operations deep.
	line, depth uint32
}

// gone says how an array lost its handle.
type gone uint8

const (
	alive gone = iota
	freed
	scoped // its Tidy ended
	leaked // its trace ended
	donated
)

// adopt makes an Array of a handle. scope owns it; without one the collector
// does. The lock is held.
func adopt(h engine.Handle, trace uint64, scope int64) *Array {
	a := &Array{h: h, trace: trace}
	if scope != 0 {
		own(scope, a)
	} else {
		a.cleanup = runtime.AddCleanup(a, engine.Release, h)
	}
	return a
}

// slab is a group of small arrays that are made one after the other outside any
// scope. They share one cleanup, which is what most of an array costs otherwise,
// and are freed when none of them is reachable. An evaluation begins a new slab,
// so that a value that is kept does not keep what other steps made.
type slab struct {
	arrays [8]Array
	used   int
	held   *[8]engine.Handle
}

// current is the slab that is being filled. It is guarded by the engine lock.
var current *slab

func adoptSmall(h engine.Handle, trace uint64) *Array {
	s := current
	if s == nil || s.used == len(s.arrays) {
		s = &slab{held: new([8]engine.Handle)}
		runtime.AddCleanup(s, releaseHeld, s.held)
		current = s
	}
	a := &s.arrays[s.used]
	a.h, a.trace, a.hold = h, trace, &s.held[s.used]
	s.held[s.used] = h
	s.used++
	return a
}

func releaseHeld(held *[8]engine.Handle) { engine.ReleaseAll(held[:]) }

// adoptAll is adopt for the results of one call. Those that are marked as small
// share one block and one cleanup, and are freed together; a large one does not
// wait for the others. The lock is held.
func adoptAll(hs []engine.Handle, trace uint64, scope int64) []*Array {
	out := make([]*Array, len(hs))
	small := 0
	for _, h := range hs {
		small += int(h & engine.SmallHandle)
	}
	var arrays []Array
	var held []engine.Handle
	if scope == 0 && small > 1 {
		arrays, held = make([]Array, small), make([]engine.Handle, small)
		runtime.AddCleanup(&arrays[0], engine.ReleaseAll, held)
	}
	for i, marked := range hs {
		h := marked &^ engine.SmallHandle
		if marked == h || len(arrays) == 0 {
			out[i] = adopt(h, trace, scope)
			continue
		}
		a := &arrays[0]
		held[0] = h
		a.h, a.trace, a.hold = h, trace, &held[0]
		arrays, held = arrays[1:], held[1:]
		out[i] = a
	}
	return out
}

// enter opens the engine or panics with an *Error.
func enter(op string) {
	if err := engine.Enter(); err != nil {
		panic(newError(op, nil, err))
	}
}

// lack says why a has no handle.
func lack(a *Array) error {
	switch {
	case a == nil:
		return ErrNil
	case a.gone == leaked:
		return leakedFrom(a.trace, a)
	case a.gone == donated:
		return fmt.Errorf("%w: it was donated to a compiled function (compile.Donate); use what that returned", ErrFreed)
	}
	return ErrFreed
}

// Free frees the array's memory at once. Using it afterwards is an error with
// ErrFreed; freeing twice, or nil, does nothing. An array that others were
// computed from may be freed: what they need stays alive.
func (a *Array) Free() {
	if a == nil {
		return
	}
	if !engine.Reenter() {
		return
	}
	if a.h != 0 {
		hs := [1]engine.Handle{a.h}
		a.disown()
		engine.Free(hs[:])
	}
	engine.Leave()
	runtime.KeepAlive(a)
}

// disown makes the array one without a handle, which is the caller's to free.
// The lock is held.
func (a *Array) disown() {
	a.cleanup.Stop()
	if a.hold != nil {
		engine.Forget(a.hold)
	}
	a.h, a.gone = 0, freed
}

// sizesFollowed asks spec for sizes of which nothing is made that a shapeless
// program could not follow.
const sizesFollowed = "Spec of an input"

// spec reads shape and dtype.
func (a *Array) spec(op string) Spec {
	if a == nil {
		panic(newError(op, nil, ErrNil))
	}
	enter(op)
	if a.h == 0 {
		engine.Leave()
		panic(newError(op, nil, lack(a)))
	}
	s := a.specLocked()
	if a.trace != 0 && op != "DType" && op != "NDim" && op != sizesFollowed {
		noteSizes()
	}
	engine.Leave()
	runtime.KeepAlive(a)
	return s
}

func (a *Array) specLocked() Spec {
	var info [64]int64
	engine.Info(a.h, &info)
	s := Spec{DType: DType(info[0] + 1), Shape: make([]int, info[1])}
	for i := range s.Shape {
		s.Shape[i] = int(info[4+i])
	}
	return s
}

// specNoFail is spec for error messages: what has none is an empty Spec.
func (a *Array) specNoFail() Spec {
	if a == nil || engine.Enter() != nil {
		return Spec{}
	}
	defer engine.Leave()
	if a.h == 0 {
		return Spec{}
	}
	return a.specLocked()
}

// Spec returns the shape and the dtype.
func (a *Array) Spec() Spec { return a.spec("Spec") }

// Shape returns the size of each axis; a scalar has none.
func (a *Array) Shape() []int { return a.spec("Shape").Shape }

// DType returns the type of the elements.
func (a *Array) DType() DType { return a.spec("DType").DType }

// NDim returns the number of axes.
func (a *Array) NDim() int { return len(a.spec("NDim").Shape) }

// Size returns the number of elements.
func (a *Array) Size() int { return sizeOf(a.spec("Size").Shape) }

// NBytes returns the number of bytes that the elements take, row-contiguous.
func (a *Array) NBytes() int {
	s := a.spec("NBytes")
	return sizeOf(s.Shape) * s.DType.Size()
}

// Dim returns the size of an axis; a negative axis counts from the last.
func (a *Array) Dim(axis int) int {
	s := a.spec("Dim")
	ax := axis
	if ax < 0 {
		ax += len(s.Shape)
	}
	if ax < 0 || ax >= len(s.Shape) {
		panic(&Error{Op: "Dim", Args: []Spec{s}, Err: axisError(axis, len(s.Shape)), Stack: callers()})
	}
	return s.Shape[ax]
}

func sizeOf(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}
