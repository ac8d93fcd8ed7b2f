//go:build asan && cgo

package engine

/*
// AddressSanitizer looks at start for the function that throws C++ exceptions,
// which the engine's libraries would bring only later.
#cgo LDFLAGS: -Wl,--no-as-needed -lstdc++
extern void (*adjointFault)(int);
static void fault(int which) { adjointFault(which); }
*/
import "C"

// Faults that a sanitizer reports.
const (
	FaultOverflow = iota
	FaultFreed
	FaultArithmetic
	FaultLeak
)

// Fault makes the engine's code commit one of the faults.
func Fault(which int) { C.fault(C.int(which)) }
