//go:build cgo && (linux || darwin)

package engine

/*
#include "bridge.h"
*/
import "C"

import "unsafe"

// Call builds one call of a foreign op. spec holds dtype, rank and sizes of each
// of its results.
func (f *Foreign) Call(name string, in []Handle, spec []int64, results int) ([]Handle, int) {
	sweepForeigns()
	id := foreigns.put(f)
	var out *C.uint64_t
	var n C.uint64_t
	cn, ck := C.CString(name), C.CString(f.Key)
	traits := cbool(f.Deterministic)*C.ADJ_DETERMINISTIC | cbool(f.Away)*C.ADJ_AWAY
	code := int(C.adjointForeign(C.uint64_t(id), cn, ck, traits, words(in), C.uint64_t(len(in)), (*C.int64_t)(unsafe.Pointer(unsafe.SliceData(spec))), C.uint64_t(results), &out, &n))
	C.free(unsafe.Pointer(cn))
	C.free(unsafe.Pointer(ck))
	return block(out, n), code
}

//export adjointEval
func adjointEval(op, call C.uint64_t) (msg *C.char) {
	in, out := buffers(uint64(call))
	if err := foreigns.get(uint64(op)).eval(in, out); err != nil {
		return C.CString(keepError(err))
	}
	return nil
}

//export adjointRule
func adjointRule(op C.uint64_t, kind C.int, in *C.uint64_t, n C.uint64_t, out **C.uint64_t, nout *C.uint64_t) C.int {
	f := foreigns.get(uint64(op))
	w := handles(in, n)
	head, arrays := w[1:1+w[0]], w[1+w[0]:]
	if kind == 3 {
		if !keeping(func() { reply(f.shapes(head), nil, out, nout) }) {
			return GoFailed
		}
		return OK
	}
	ok := unlocked(func() {
		switch kind {
		case 0:
			np, nc := head[0], head[1]
			reply(f.VJP(arrays[:np], arrays[np:np+nc], arrays[np+nc:]), nil, out, nout)
		case 1:
			args := make([]int, len(head)-1)
			for i, a := range head[1:] {
				args[i] = int(a)
			}
			reply(f.JVP(arrays[:head[0]], arrays[head[0]:], args), nil, out, nout)
		default:
			axes := make([]int, len(head))
			for i, a := range head {
				axes[i] = int(int64(a))
			}
			o, outAxes := f.VMap(arrays, axes)
			reply(o, outAxes, out, nout)
		}
	})
	if !ok {
		return GoFailed
	}
	return OK
}

// sweepForeigns forgets the foreign ops that the engine no longer refers to.
func sweepForeigns() {
	var ids [64]uint64
	for {
		n := C.adjointForeignDropped((*C.uint64_t)(unsafe.Pointer(&ids[0])), C.uint64_t(len(ids)))
		for _, id := range ids[:n] {
			foreigns.drop(id)
		}
		if int(n) < len(ids) {
			return
		}
	}
}

// buffers reads the tensors of a running call.
func buffers(call uint64) (in, out []Buffer) {
	w := make([]int64, 64)
	for {
		n := int(C.adjointForeignBuffers(C.uint64_t(call), (*C.int64_t)(unsafe.Pointer(&w[0])), C.uint64_t(len(w))))
		if n <= len(w) {
			break
		}
		w = make([]int64, n)
	}
	nin, nout := int(w[0]), int(w[1])
	w = w[2:]
	for i := range nin + nout {
		b := Buffer{DType: int(w[2]), Bytes: unsafe.Slice((*byte)(C.adjointAt(C.uint64_t(w[0]))), int(w[1]))}
		rank := int(w[3])
		for _, d := range w[4 : 4+rank] {
			b.Shape = append(b.Shape, int(d))
		}
		w = w[4+rank:]
		if i < nin {
			in = append(in, b)
		} else {
			out = append(out, b)
		}
	}
	return in, out
}
