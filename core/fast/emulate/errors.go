package emulate

import (
	"errors"
	"fmt"
	"strings"
)

// What can be wrong with a kernel: the Err of an [Error].
var (
	ErrLaunch        = errors.New("cannot be launched")
	ErrCompile       = errors.New("does not compile")
	ErrUnsupported   = errors.New("is not emulated")
	ErrBounds        = errors.New("out of bounds")
	ErrRace          = errors.New("data race")
	ErrBarrier       = errors.New("barrier not reached by all")
	ErrUninitialized = errors.New("read before written")
	ErrUnwritten     = errors.New("never written")
	ErrMisaligned    = errors.New("misaligned")
	ErrReadOnly      = errors.New("write to an input")
	ErrDivide        = errors.New("division by zero")
	ErrMemory        = errors.New("too much memory")
	ErrTimeout       = errors.New("did not end in time")
	ErrCrash         = errors.New("crashed")
)

// ErrSystem is returned where there is no emulator, and when this machine
// refuses what it needs.
var ErrSystem = errors.New("emulate: not on this machine")

// ErrNoMetal is returned for a plugin's kernel that has no Metal source.
var ErrNoMetal = errors.New("it has no Metal source")

// Error says what is wrong with a kernel, and where.
type Error struct {
	Kernel string
	Err    error   // one of the variables above
	Line   int     // in the kernel's source, counted from 1; 0: no line
	Header bool    // Line is one of its header instead
	Thread *[3]int // its position in the grid; nil: no thread
	Detail string
}

// Error is one line, such as
// "kernel square: line 2: out of bounds: reads x[4], which has 4 elements (thread [4 0 0])".
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "kernel %s: ", e.Kernel)
	if e.Line > 0 {
		part := ""
		if e.Header {
			part = "header "
		}
		fmt.Fprintf(&b, "%sline %d: ", part, e.Line)
	}
	b.WriteString(e.Err.Error())
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	if e.Thread != nil {
		fmt.Fprintf(&b, " (thread %v)", *e.Thread)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }
