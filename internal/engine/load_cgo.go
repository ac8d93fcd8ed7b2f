//go:build cgo && (linux || darwin)

package engine

/*
#cgo linux LDFLAGS: -ldl
#cgo noescape adjointOp
#cgo nocallback adjointOp
#cgo noescape adjointArray
#cgo nocallback adjointArray
#cgo noescape adjointFree
#cgo nocallback adjointFree
#cgo noescape adjointInfo
#cgo nocallback adjointInfo
#cgo noescape adjointMemory
#cgo nocallback adjointMemory
#include "bridge.h"
*/
import "C"

import (
	"fmt"
	"strings"
	"unsafe"

	"github.com/adjoint-go/adjoint/internal/engine/native"
)

// open loads the libraries of the engine in dir. The lock is held.
func open(dir string, m *native.Manifest) error {
	// OpenBLAS workers would otherwise spin for 100 ms of CPU time after every
	// call; the variable is read when the library is opened.
	env(C.CString("OPENBLAS_THREAD_TIMEOUT"), C.CString("4"))
	loaded := map[string]unsafe.Pointer{}
	for _, l := range m.Load {
		path := native.Abs(dir, l.Path)
		deep := C.int(0)
		// libmlx prefers the forwarders below over any BLAS of the program's own.
		if l.Role == native.RoleMLX {
			deep = 1
		}
		var why *C.char
		cp := C.CString(path)
		h := C.adjointLoad(cp, deep, &why)
		C.free(unsafe.Pointer(cp))
		if h == nil {
			return &native.DamagedError{Dir: dir, Backend: m.Backend, File: l.Path, Err: fmt.Errorf("it cannot be loaded: %s", C.GoString(why))}
		}
		loaded[l.Role] = h
	}
	var names **C.char
	var n C.int
	if m.Official != nil && len(m.Official.Fallback) > 0 {
		n = C.int(len(m.Official.Fallback))
		block := C.malloc(C.size_t(n) * C.size_t(unsafe.Sizeof(uintptr(0))))
		names = (**C.char)(block)
		for i, f := range m.Official.Fallback {
			unsafe.Slice(names, n)[i] = C.CString(f)
		}
	}
	if missing := C.adjointOpen(loaded[native.RoleExt], loaded[native.RoleMLXC], loaded[native.RoleFallback], names, n); missing != nil {
		if setting, why, ok := strings.Cut(C.GoString(missing), ": "); ok && strings.HasPrefix(setting, "ADJOINT_") {
			return &native.SettingError{Setting: setting, Why: why}
		}
		return &native.DamagedError{Dir: dir, Backend: m.Backend, File: m.Library(native.RoleExt), Err: fmt.Errorf("it does not open: %s", C.GoString(missing))}
	}
	if int(C.adjointOps()) != Ops {
		return &native.DamagedError{Dir: dir, Backend: m.Backend, File: m.Library(native.RoleExt), Err: fmt.Errorf("it has %d ops, not %d", int(C.adjointOps()), Ops)}
	}
	return nil
}

func env(k, v *C.char) {
	C.adjointEnv(k, v)
	C.free(unsafe.Pointer(k))
	C.free(unsafe.Pointer(v))
}

// Message is the engine's message for the last failed call on this thread.
func Message() string { return C.GoString(C.adjointError()) }

// Do builds op id from the words at w, which receive its results. It returns the
// scope that owns them, or a code.
func Do(id Op, w *uint64, trace uint64) int64 {
	return int64(C.adjointOp(C.uint32_t(id), (*C.uint64_t)(w), C.uint64_t(trace)))
}

// Block takes the n handles of a list that an op left at address p.
func Block(p, n uint64) []Handle {
	return block((*C.uint64_t)(C.adjointAt(C.uint64_t(p))), C.uint64_t(n))
}

// block copies and frees a block of handles that C allocated.
func block(p *C.uint64_t, n C.uint64_t) []Handle {
	if p == nil {
		return nil
	}
	out := make([]Handle, n)
	copy(out, unsafe.Slice((*Handle)(unsafe.Pointer(p)), int(n)))
	C.free(unsafe.Pointer(p))
	return out
}

func words(h []Handle) *C.uint64_t { return (*C.uint64_t)(unsafe.Pointer(unsafe.SliceData(h))) }

// NewArray copies data, of the dtype with MLX's number, into a new array. It
// returns the owning scope, or a code.
func NewArray(data unsafe.Pointer, shape []int32, dtype int, out *Handle) int64 {
	return int64(C.adjointArray(data, (*C.int)(unsafe.SliceData(shape)), C.int(len(shape)), C.int(dtype), (*C.uint64_t)(unsafe.Pointer(out))))
}

// Free frees arrays.
func Free(h []Handle) {
	if len(h) > 0 {
		C.adjointFree(words(h), C.uint64_t(len(h)))
	}
}

// Info fills out with dtype, rank, status, tracer mark and sizes of an array.
func Info(h Handle, out *[64]int64) {
	C.adjointInfo(C.uint64_t(h), (*C.int64_t)(&out[0]))
}

// Watch says whether lines are kept and operations are to be seen one by one.
func Watch(on bool) { C.adjointWatch(cbool(on)) }

// Mark says that the operations which h depends on, down to in, come from a line
// of the caller's.
func Mark(h, in []Handle, line uint64) {
	C.adjointMark(words(h), C.uint64_t(len(h)), words(in), C.uint64_t(len(in)), C.uint64_t(line))
}

// Inspect is Eval, one operation at a time. look is what values to look for: 1
// NaN, 2 infinities.
func Inspect(h []Handle, look int, trace uint64) int {
	return int(C.adjointInspect(words(h), C.uint64_t(len(h)), C.int(look), C.uint64_t(trace)))
}

// Found is the name of the operation at which Inspect stopped, with what adj.h
// says of it.
func Found() (name string, about []Handle) {
	var out *C.uint64_t
	var n C.uint64_t
	name = C.GoString(C.adjointFound(&out, &n))
	return name, block(out, n)
}

// Depth is the longest chain of operations below h that are not evaluated.
func Depth(h Handle) int { return int(C.adjointDepth(C.uint64_t(h))) }

// Retain returns another handle of the same array.
func Retain(h Handle) Handle { return Handle(C.adjointRetain(C.uint64_t(h))) }

func cbool(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

// Devices is the number of devices of a type: 0 CPU, 1 GPU.
func Devices(typ int) int { return int(C.adjointDevices(C.int(typ))) }

// DeviceInfo returns what MLX says of a device: key, tab, value a line.
func DeviceInfo(typ, index int) string {
	buf := make([]byte, 4096)
	if C.adjointDeviceInfo(C.int(typ), C.int(index), (*C.char)(unsafe.Pointer(&buf[0])), C.uint64_t(len(buf))) != 0 {
		return ""
	}
	return C.GoString((*C.char)(unsafe.Pointer(&buf[0])))
}

// Streams: numbers of streams; negative is a failure.
func StreamNew(typ, index int) int64 { return int64(C.adjointStreamNew(C.int(typ), C.int(index))) }
func StreamDefault(typ, index int) int64 {
	return int64(C.adjointStreamDefault(C.int(typ), C.int(index)))
}
func StreamCurrent() int64   { return int64(C.adjointStreamCurrent()) }
func StreamUse(s int64)      { C.adjointStreamUse(C.int64_t(s)) }
func StreamSync(s int64) int { return int(C.adjointStreamSync(C.int64_t(s))) }

// Scope is the scope that owns new arrays of this thread; 0 is none.
func Scope() int64     { return int64(C.adjointScope()) }
func ScopeSet(s int64) { C.adjointScopeSet(C.int64_t(s)) }

// Memory reads or sets one figure of the allocator.
func Memory(what int, arg uint64) (uint64, bool) {
	var out C.uint64_t
	code := C.adjointMemory(C.int(what), C.uint64_t(arg), &out)
	return uint64(out), code == 0
}

// TraceCurrent is the innermost live trace of this thread; 0 is none.
func TraceCurrent() uint64 { return uint64(C.adjointTraceCurrent()) }

// TraceLive says whether a trace is live on this thread.
func TraceLive(t uint64) bool { return C.adjointTraceLive(C.uint64_t(t)) != 0 }

// Thread is a number that no other live thread has.
func Thread() uint64 { return uint64(C.adjointThread()) }
