package core

import (
	"fmt"
	"runtime"

	"github.com/adjoint-go/adjoint/internal/engine"
)

// Tape is a recorded program in operations of MLX's alone: a trace of an .mlxfn
// file without the elements of its constants. IDs tell which constants of
// several tapes are the same array while one of them is held.
type Tape struct {
	Text      []byte
	Constants []*Array
	IDs       []uint64
}

// Export returns the trace with that tag as a Tape; ok is false when the trace was
// dropped. Errors: an operation that is not MLX's, with the line of the caller's
// that it comes from when [Debug] keeps lines.
func (p *Program) Export(op string, tag uint64, shapeless bool) (tape Tape, ok bool) {
	enter(op)
	t, code := p.p.Export(tag, shapeless)
	if code != engine.OK && code != engine.Miss {
		made, _, at := lineOf(t.Line)
		if at == "" {
			panic(failed(op, nil, 0, code))
		}
		err := engineError(engine.Message())
		engine.Leave()
		panic(newError(op, nil, fmt.Errorf("%w (%s at %s)", err, made, at)))
	}
	for _, h := range t.Own {
		tape.Constants = append(tape.Constants, adopt(h, 0, 0))
	}
	engine.Leave()
	runtime.KeepAlive(p)
	tape.Text, tape.IDs = t.Text, t.IDs
	return tape, code == engine.OK
}
