//go:build cgo && (linux || darwin)

package engine

/*
#include "bridge.h"
*/
import "C"

import "unsafe"

// Arguments returns what a function with rules of its own is given for in: passes
// says whether derivatives enter it.
func Arguments(in []Handle, passes bool) ([]Handle, int) {
	var out *C.uint64_t
	var n C.uint64_t
	code := int(C.adjointArguments(words(in), C.uint64_t(len(in)), cbool(passes), &out, &n))
	return block(out, n), code
}

// Custom returns the last results of in, tied to the rules of f: in are the
// function's arguments and its results, computed from Arguments.
func (f *Foreign) Custom(in []Handle, results int) ([]Handle, int) {
	sweepForeigns()
	id := foreigns.put(f)
	var out *C.uint64_t
	var n C.uint64_t
	code := int(C.adjointCustom(C.uint64_t(id), words(in), C.uint64_t(len(in)), C.uint64_t(results), cbool(f.VJP != nil), cbool(f.JVP != nil), &out, &n))
	return block(out, n), code
}

// Checkpoint returns the last results of in, whose gradients compute them again
// from the others, which came from Arguments. names, by lines, and matmuls say
// what is saved all the same.
func Checkpoint(in []Handle, results int, matmuls bool, names string) ([]Handle, int) {
	var out *C.uint64_t
	var n C.uint64_t
	cn := C.CString(names)
	defer C.free(unsafe.Pointer(cn))
	code := int(C.adjointCheckpoint(words(in), C.uint64_t(len(in)), C.uint64_t(results), cbool(matmuls), cn, &out, &n))
	return block(out, n), code
}

// Named returns a with a name that Checkpoint finds.
func Named(a Handle, name string) ([]Handle, int) {
	var out C.uint64_t
	cn := C.CString(name)
	defer C.free(unsafe.Pointer(cn))
	code := int(C.adjointNamed(C.uint64_t(a), cn, &out))
	return []Handle{Handle(out)}, code
}
