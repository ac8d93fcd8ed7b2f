//go:build cgo && (linux || darwin)

package engine

/*
#include "bridge.h"
*/
import "C"

// Scan records f as trace number trace and repeats it length times along the
// first axis of in[carried:]; see core.Scan.
func Scan(f Callback, trace uint64, in []Handle, carried, length int, reverse, remat bool) ([]Handle, int) {
	var out *C.uint64_t
	var n C.uint64_t
	code := call(f, func(fn C.uint64_t) C.int {
		return C.adjointScan(fn, C.uint64_t(trace), words(in), C.uint64_t(len(in)), C.uint64_t(carried), C.uint64_t(length), flag(reverse), flag(remat), &out, &n)
	})
	return block(out, n), code
}

// Branch records both functions and runs one of them on in[1:], yes when in[0],
// a bool, is true.
func Branch(yes, no Callback, trace uint64, in []Handle) ([]Handle, int) {
	var out *C.uint64_t
	var n C.uint64_t
	code := call(yes, func(y C.uint64_t) C.int {
		return C.int(call(no, func(z C.uint64_t) C.int {
			return C.adjointBranch(y, z, C.uint64_t(trace), words(in), C.uint64_t(len(in)), &out, &n)
		}))
	})
	return block(out, n), code
}

// Loop records both functions and repeats body while condition holds.
func Loop(condition, body Callback, trace uint64, in []Handle) ([]Handle, int) {
	var out *C.uint64_t
	var n C.uint64_t
	code := call(condition, func(c C.uint64_t) C.int {
		return C.int(call(body, func(b C.uint64_t) C.int {
			return C.adjointLoop(c, b, C.uint64_t(trace), words(in), C.uint64_t(len(in)), &out, &n)
		}))
	})
	return block(out, n), code
}

func flag(b bool) C.int {
	if b {
		return 1
	}
	return 0
}
