//go:build cgo && (linux || darwin)

package engine

/*
#include "bridge.h"
*/
import "C"

import (
	"sync"
	"unsafe"
)

// Eval evaluates arrays; async does not wait. The lock may be given up and taken
// again meanwhile, when there are ops that are called without it.
func Eval(h []Handle, async bool, trace uint64) int {
	var e C.uint64_t
	code := int(C.adjointEvaluate(words(h), C.uint64_t(len(h)), cbool(async), C.uint64_t(trace), &e))
	if e == 0 {
		return code
	}
	if !async {
		return steps(e)
	}
	// What fails is not evaluated: its reader meets the error.
	go func() {
		mu.Lock()
		defer mu.Unlock()
		steps(e)
	}()
	return OK
}

// Read evaluates h and copies its elements, row-contiguous, to dst. As with Eval,
// the lock may be given up meanwhile.
func Read(h Handle, dst unsafe.Pointer, n int, trace uint64) int {
	for {
		var e C.uint64_t
		code := int(C.adjointRead(C.uint64_t(h), dst, C.uint64_t(n), C.uint64_t(trace), &e))
		if e == 0 {
			return code
		}
		// Others may free h while the lock is not held.
		h = Retain(h)
		defer Free([]Handle{h})
		if code = steps(e); code != OK {
			return code
		}
	}
}

// landed wakes those who wait for calls that other evaluations make.
var landed = sync.NewCond(&mu)

// steps makes the calls of an evaluation until it is done. The lock is not held
// during a call.
func steps(e C.uint64_t) int {
	defer C.adjointEvalEnd(e)
	for {
		code := int(C.adjointEvalStep(e))
		if code != C.ADJ_CALLS {
			return code
		}
		n := C.adjointEvalCalls(e, nil, 0)
		if n == 0 {
			landed.Wait()
			continue
		}
		list := make([]C.uint64_t, 2*n)
		C.adjointEvalCalls(e, &list[0], 2*n)
		if failed := fly(e, list); failed {
			return Failed
		}
	}
}

// fly makes calls, given as pairs of op and call, all at once.
func fly(e C.uint64_t, list []C.uint64_t) (failed bool) {
	errs := make([]error, len(list)/2)
	one := func(i int) {
		in, out := buffers(uint64(list[2*i+1]))
		errs[i] = foreigns.get(uint64(list[2*i])).eval(in, out)
	}
	mu.Unlock()
	var others sync.WaitGroup
	for i := range errs[1:] {
		others.Go(func() { one(i + 1) })
	}
	one(0)
	others.Wait()
	mu.Lock()
	// The message that stays is that of the first failure.
	for i := len(errs) - 1; i >= 0; i-- {
		var message *C.char
		if errs[i] != nil {
			failed = true
			message = C.CString(keepError(errs[i]))
		}
		C.adjointEvalCalled(e, C.uint64_t(i), message)
		C.free(unsafe.Pointer(message))
	}
	landed.Broadcast()
	return failed
}
