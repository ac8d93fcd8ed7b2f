package core

import (
	"fmt"
	"strings"

	"github.com/adjoint-go/adjoint/internal/engine"
)

// NonFiniteError says where values stopped being numbers, when [Debug] watches
// for it. It wraps [ErrNonFinite], and an [*Error] wraps it.
type NonFiniteError struct {
	// Op is the operation that was called, "" when its line is not known, and
	// Primitive the engine's part of it.
	Op, Primitive string
	// Derivative says that it is part of the derivative of Op.
	Derivative bool
	// Made is what its results hold: NaN, Inf or both.
	Made Values
	// Given says that its inputs hold it already: an array that was made elsewhere.
	Given bool
	// Number is its place among the Of operations that were evaluated.
	Number, Of int
	Inputs     []Spec
	Holds      []Values // the inputs' values
	At         string   // the line it was called at, where DebugOptions.Stacks kept it
}

// Values says which values that are no finite numbers an array holds.
type Values uint8

// The bits of Values.
const (
	HasNaN Values = 1 << iota
	HasInf
)

func (v Values) String() string {
	return [...]string{"finite values", "NaN", "Inf", "NaN and Inf"}[v&3]
}

// Error is one line.
func (e *NonFiniteError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v: op %d of %d, %s(", ErrNonFinite, e.Number, e.Of, e.name())
	for i, s := range e.Inputs {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(s.String())
		if e.Holds[i] != 0 {
			fmt.Fprintf(&b, " with %v", e.Holds[i])
		}
	}
	if e.Given {
		fmt.Fprintf(&b, "), was given an array with such values")
	} else {
		fmt.Fprintf(&b, "), made %v", e.Made)
	}
	if e.At != "" {
		b.WriteString(" at " + e.At)
	} else {
		b.WriteString("; DebugOptions.Stacks names its line")
	}
	return b.String()
}

// name is the operation in words.
func (e *NonFiniteError) name() string {
	name := e.Primitive
	switch op := e.Op[strings.LastIndexByte(e.Op, '.')+1:]; {
	case e.Derivative:
		return fmt.Sprintf("%s in the derivative of %s", name, e.Op)
	case strings.EqualFold(op, name):
		return e.Op
	case op != "":
		return fmt.Sprintf("%s in %s", name, e.Op)
	}
	return name
}

// Unwrap returns ErrNonFinite.
func (e *NonFiniteError) Unwrap() error { return ErrNonFinite }

// finding is what the engine says of the operation at which an inspection stopped.
type finding struct {
	NonFiniteError
	stack []uintptr // where it was called, nil when that is not known
}

// readFinding returns nil when the engine knows of no operation. The lock is held.
func readFinding() *finding {
	name, w := engine.Found()
	if len(w) == 0 {
		return nil
	}
	f := &finding{NonFiniteError: NonFiniteError{
		Primitive: name, Given: w[0] != 0, Number: int(w[1]), Of: int(w[2]), Derivative: w[4] != 0, Made: Values(w[5]),
	}}
	f.Op, f.stack, f.At = lineOf(uint32(w[3]))
	for n, w := int(w[6]), w[7:]; n > 0; n-- {
		s := Spec{DType: DType(w[0] + 1), Shape: make([]int, w[2])}
		for i := range s.Shape {
			s.Shape[i] = int(w[3+i])
		}
		f.Inputs = append(f.Inputs, s)
		f.Holds = append(f.Holds, Values(w[1]))
		w = w[3+len(s.Shape):]
	}
	return f
}

// evaluationError makes the error of an evaluation that failed at one operation,
// at the line where that was called, where it is known. The lock is held.
func (f *finding) evaluationError(op string, err error) *Error {
	at := (&Error{Stack: callers()}).At()
	if f.stack == nil {
		return newError(op, nil, fmt.Errorf("%w, in %s", err, f.call()))
	}
	when := ""
	if at != "" {
		when = fmt.Sprintf("; it was computed by %s at %s", op, at)
	}
	name := f.Op
	if f.Derivative {
		name = "derivative of " + name
	}
	return &Error{Op: name, Args: f.Inputs, Err: fmt.Errorf("%w%s", err, when), Stack: f.stack}
}

// call is like "Cholesky(float32[2 2])".
func (f *finding) call() string {
	var args []string
	for _, s := range f.Inputs {
		args = append(args, s.String())
	}
	return f.Primitive + "(" + strings.Join(args, ", ") + ")"
}
