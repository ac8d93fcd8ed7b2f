//go:build cgo && (linux || darwin)

package engine

/*
#include "bridge.h"
#cgo noescape adjointProgramRun
#cgo nocallback adjointProgramRun
*/
import "C"

import (
	"runtime/debug"
	"unsafe"
)

// reply leaves handles, and axes behind them, in a block that C frees.
func reply(out []Handle, axes []int, p **C.uint64_t, n *C.uint64_t) {
	size := len(out) + len(axes) + 1
	b := (*C.uint64_t)(C.malloc(C.size_t(size) * 8))
	w := unsafe.Slice((*uint64)(unsafe.Pointer(b)), size)
	for i, h := range out {
		w[i] = uint64(h)
	}
	for i, a := range axes {
		w[len(out)+i] = uint64(int64(a))
	}
	*p, *n = b, C.uint64_t(len(out))
}

func handles(in *C.uint64_t, n C.uint64_t) []Handle {
	return append([]Handle(nil), unsafe.Slice((*Handle)(unsafe.Pointer(in)), int(n))...)
}

// unlocked runs f without the engine lock and reports whether it came back. A
// panic is kept for Failure. When f ends its goroutine (runtime.Goexit), unlocked does
// not return: the frames of C++ below are abandoned together with the thread,
// to which the goroutine is locked, and the lock stays free.
func unlocked(f func()) (ok bool) {
	mu.Unlock()
	returned := false
	defer func() {
		if returned {
			return
		}
		v := recover()
		if v == nil {
			C.adjointAbandonFrames()
			return
		}
		stack := debug.Stack()
		mu.Lock()
		failure.value, failure.stack = v, stack
	}()
	f()
	returned = true
	mu.Lock()
	return true
}

//export adjointFunction
func adjointFunction(fn C.uint64_t, in *C.uint64_t, n C.uint64_t, out **C.uint64_t, nout *C.uint64_t) C.int {
	c := callbacks.get(uint64(fn))
	args := handles(in, n)
	exited := true
	defer func() {
		if exited {
			C.adjointTraceAbandon()
		}
	}()
	ok := unlocked(func() { o, axes := c(args); reply(o, axes, out, nout) })
	exited = false
	if !ok {
		return GoFailed
	}
	return OK
}

// call numbers f for the time of one call into the engine. The goroutine must be
// locked to its thread.
func call(f Callback, do func(fn C.uint64_t) C.int) int {
	id := callbacks.put(f)
	defer callbacks.drop(id) // also when f ends the goroutine
	return int(do(C.uint64_t(id)))
}

func indices(w []uint32) *C.uint32_t { return (*C.uint32_t)(unsafe.Pointer(unsafe.SliceData(w))) }

// Grad runs f on in as trace number trace; its first result is the scalar loss.
// The results are f's, then one gradient for each of wrt.
func Grad(f Callback, trace uint64, in []Handle, wrt []uint32) ([]Handle, int) {
	var out *C.uint64_t
	var n C.uint64_t
	code := call(f, func(fn C.uint64_t) C.int {
		return C.adjointGrad(fn, C.uint64_t(trace), words(in), C.uint64_t(len(in)), indices(wrt), C.uint64_t(len(wrt)), &out, &n)
	})
	return block(out, n), code
}

// Graph is a recorded computation of the engine.
type Graph uint64

// VJP runs f on in and returns its results and the graph from cotangents to the
// gradients of wrt. With its results f returns a mark of each: -1 for one that
// has no derivative.
func VJP(f Callback, trace uint64, in []Handle, wrt []uint32) ([]Handle, Graph, int) {
	var out *C.uint64_t
	var n, g C.uint64_t
	code := call(f, func(fn C.uint64_t) C.int {
		return C.adjointVJP(fn, C.uint64_t(trace), words(in), C.uint64_t(len(in)), indices(wrt), C.uint64_t(len(wrt)), &g, &out, &n)
	})
	return block(out, n), Graph(g), code
}

// Linearize runs f on in and returns its results and the graph from tangents of
// wrt to those of the results.
func Linearize(f Callback, trace uint64, in []Handle, wrt []uint32) ([]Handle, Graph, int) {
	var out *C.uint64_t
	var n, g C.uint64_t
	code := call(f, func(fn C.uint64_t) C.int {
		return C.adjointLinearize(fn, C.uint64_t(trace), words(in), C.uint64_t(len(in)), indices(wrt), C.uint64_t(len(wrt)), &g, &out, &n)
	})
	return block(out, n), Graph(g), code
}

// Run repeats a graph on other inputs.
func (g Graph) Run(in []Handle) ([]Handle, int) {
	var out *C.uint64_t
	var n C.uint64_t
	code := int(C.adjointGraphRun(C.uint64_t(g), words(in), C.uint64_t(len(in)), &out, &n))
	return block(out, n), code
}

// Free frees a graph.
func (g Graph) Free() { C.adjointGraphFree(C.uint64_t(g)) }

// JVP returns f's results and their tangents for tangents of wrt.
func JVP(f Callback, trace uint64, in []Handle, wrt []uint32, tangents []Handle) ([]Handle, int) {
	var out *C.uint64_t
	var n C.uint64_t
	code := call(f, func(fn C.uint64_t) C.int {
		return C.adjointJVP(fn, C.uint64_t(trace), words(in), C.uint64_t(len(in)), indices(wrt), C.uint64_t(len(wrt)), words(tangents), &out, &n)
	})
	return block(out, n), code
}

// VMap maps f over axes of in (-1: not mapped); f returns an axis per result.
func VMap(f Callback, trace uint64, in []Handle, axes []int32) ([]Handle, int) {
	var out *C.uint64_t
	var n C.uint64_t
	code := call(f, func(fn C.uint64_t) C.int {
		return C.adjointVMap(fn, C.uint64_t(trace), words(in), (*C.int)(unsafe.SliceData(axes)), C.uint64_t(len(in)), &out, &n)
	})
	return block(out, n), code
}

// AxisSum sums x over the axis that trace maps; index is an array of that trace.
func AxisSum(x, index Handle, trace uint64) (Handle, int) {
	var out C.uint64_t
	code := int(C.adjointAxisSum(C.uint64_t(x), C.uint64_t(index), C.uint64_t(trace), &out))
	return Handle(out), code
}

// Program is the set of traces of one compiled function.
type Program uint64

// NewProgram returns an empty one.
func NewProgram() Program { return Program(C.adjointProgramNew()) }

// Free frees it with all its traces.
func (p Program) Free() { C.adjointProgramFree(C.uint64_t(p)) }

// Len is the number of traces.
func (p Program) Len() int { return int(C.adjointProgramSize(C.uint64_t(p))) }

// Clear drops all traces.
func (p Program) Clear() { C.adjointProgramClear(C.uint64_t(p)) }

func keyOf(key []byte) *C.char { return (*C.char)(unsafe.Pointer(unsafe.SliceData(key))) }

// Run replays the trace for key and the dtypes and sizes of in, and returns its
// tag; the code is Miss when there is none. The results are in buf if they fit. A
// small one has SmallHandle set.
func (p Program) Run(key []byte, in, buf []Handle, shapeless bool) (out []Handle, tag uint64, code int) {
	if shapeless {
		return p.runShapeless(key, in)
	}
	var o *C.uint64_t
	var n, t C.uint64_t
	code = int(C.adjointProgramRun(C.uint64_t(p), keyOf(key), C.uint64_t(len(key)), words(in), C.uint64_t(len(in)), &t, words(buf), C.uint64_t(len(buf)), &o, &n))
	if o == nil {
		return buf[:n], uint64(t), code
	}
	return block(o, n), uint64(t), code
}

// runShapeless may call back. What the engine writes to must then not lie on the
// stack, which may move meanwhile.
func (p Program) runShapeless(key []byte, in []Handle) (out []Handle, tag uint64, code int) {
	var o *C.uint64_t
	var n, t C.uint64_t
	code = int(C.adjointProgramRunShapeless(C.uint64_t(p), keyOf(key), C.uint64_t(len(key)), words(in), C.uint64_t(len(in)), &t, &o, &n))
	return block(o, n), uint64(t), code
}

// Trace records f for key and in under a tag of the caller's, with all passes in
// mode 0, without fusion in 1, without simplification in 2, and drops the least
// recently used traces beyond limit. It returns the tags of entries that are no
// longer there, which may be the new one.
func (p Program) Trace(f Callback, trace uint64, key []byte, in []Handle, shapeless bool, mode, limit int, tag uint64) (gone []Handle, code int) {
	var o *C.uint64_t
	var n C.uint64_t
	code = call(f, func(fn C.uint64_t) C.int {
		return C.adjointProgramTrace(C.uint64_t(p), fn, C.uint64_t(trace), keyOf(key), C.uint64_t(len(key)), words(in), C.uint64_t(len(in)), cbool(shapeless), C.int(mode), C.uint64_t(limit), C.uint64_t(tag), &o, &n)
	})
	return block(o, n), code
}

// Take moves the traces of from into p and drops the least recently used beyond
// limit, whose tags it returns.
func (p Program) Take(from Program, limit int) (gone []Handle, code int) {
	var o *C.uint64_t
	var n C.uint64_t
	code = int(C.adjointProgramTake(C.uint64_t(p), C.uint64_t(from), C.uint64_t(limit), &o, &n))
	return block(o, n), code
}

// Describe returns the trace with that tag as JSON; the code is Miss when it is
// gone.
func (p Program) Describe(tag uint64) (text []byte, code int) {
	var o *C.char
	var n C.uint64_t
	code = int(C.adjointProgramDescribe(C.uint64_t(p), C.uint64_t(tag), &o, &n))
	if o != nil {
		text = C.GoBytes(unsafe.Pointer(o), C.int(n))
		C.free(unsafe.Pointer(o))
	}
	return text, code
}

// Bare makes the arrays of the trace with that tag as often as said, with nothing
// around it, and says whether there is such a trace. Benchmarks measure Run
// against it.
func (p Program) Bare(tag uint64, in []Handle, times int) bool {
	return bool(C.adjointProgramBare(C.uint64_t(p), C.uint64_t(tag), words(in), C.uint64_t(len(in)), C.uint64_t(times)))
}

// Export returns the trace with that tag in operations of MLX's alone; the code is
// Miss when it is gone.
func (p Program) Export(tag uint64, shapeless bool) (t Tape, code int) {
	var o *C.char
	var cs *C.uint64_t
	var n, nc, line C.uint64_t
	code = int(C.adjointProgramExport(C.uint64_t(p), C.uint64_t(tag), cbool(shapeless), &o, &n, &cs, &nc, &line))
	t.Line = uint32(line)
	if o != nil {
		t.Text = C.GoBytes(unsafe.Pointer(o), C.int(n))
		C.free(unsafe.Pointer(o))
	}
	pairs := block(cs, nc)
	for i := 0; i < len(pairs); i += 2 {
		t.IDs = append(t.IDs, uint64(pairs[i]))
		t.Own = append(t.Own, pairs[i+1])
	}
	return t, code
}
