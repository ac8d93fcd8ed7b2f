package core

import (
	"runtime"

	"github.com/adjoint-go/adjoint/internal/engine"
)

// lines are the places that operations were called at while debugging kept them,
// by number; 0 is none. They are guarded by the engine lock.
var lines = struct {
	numbers map[stack]uint32
	all     []line
}{numbers: map[stack]uint32{}, all: []line{{}}}

type stack [32]uintptr

type line struct {
	op    string
	stack stack
}

// mostLines bounds the table; what is called at further places has no line.
const mostLines = 1 << 16

// keepLine gives made, which was computed from from, the line of the caller.
func keepLine(op func(pcs []uintptr) string, made, from []*Array) {
	var s stack
	n := runtime.Callers(3, s[:])
	number, known := lines.numbers[s]
	if !known {
		if len(lines.all) == mostLines {
			return
		}
		number = uint32(len(lines.all))
		lines.all = append(lines.all, line{op(s[:n]), s})
		lines.numbers[s] = number
	}
	for _, a := range made {
		a.line = number
	}
	engine.Mark(handlesOf(made), handlesOf(from), uint64(number))
}

func handlesOf(as []*Array) []engine.Handle {
	hs := make([]engine.Handle, 0, len(as))
	for _, a := range as {
		if a != nil && a.h != 0 {
			hs = append(hs, a.h)
		}
	}
	return hs
}

// lineOf returns what is known of a line: the operation, its stack and its place
// in the user's code. The lock is held.
func lineOf(number uint32) (op string, pcs []uintptr, at string) {
	if number == 0 || int(number) >= len(lines.all) {
		return "", nil, ""
	}
	l := &lines.all[number]
	return l.op, l.stack[:], (&Error{Stack: l.stack[:]}).At()
}
