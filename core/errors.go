package core

import (
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/adjoint-go/adjoint/internal/engine"
)

// What an Error may wrap; test with errors.Is.
var (
	// ErrFreed: an array was used after Free, or after the Tidy or the traced
	// function that made it had ended.
	ErrFreed = errors.New("the array was freed")
	// ErrNil: an operation was given a nil array, which stands for an absent one.
	ErrNil = errors.New("the array is nil (absent)")
	// ErrLeaked: an array of a traced function was used after the trace ended or
	// on another goroutine.
	ErrLeaked = errors.New("the array belongs to a trace that is not live here")
	// ErrTracer: a value was asked for that a trace does not know yet.
	ErrTracer = errors.New("the array has no value while its function is traced")
	// ErrUncaptured: a compiled function captured one of its own arguments.
	ErrUncaptured = errors.New("an argument of the compiled function is also captured by it")
	// ErrNotDifferentiable: an operation has no derivative rule.
	ErrNotDifferentiable = errors.New("the operation has no derivative rule")
	// ErrNoBatchRule: an operation has no vmap rule.
	ErrNoBatchRule = errors.New("the operation has no vmap rule")
	// ErrNoExport: an operation has no place in an .mlxfn file.
	ErrNoExport = errors.New("the operation cannot be exported")
	// ErrShapeless: the operations of a shapeless program, or how many results one
	// of them has, depend on sizes.
	ErrShapeless = errors.New("the program depends on sizes")
	// ErrGraphTooDeep: a chain of operations that are not evaluated is longer than
	// DebugOptions.MaxDepth.
	ErrGraphTooDeep = errors.New("too many operations wait to be evaluated")
	// ErrNoMemory: an array is larger than the memory that can be had.
	ErrNoMemory = errors.New("there is not enough memory")
	// ErrNonFinite: a result holds what DebugOptions watches for.
	ErrNonFinite = errors.New("a result is not finite")
	// ErrClosed: the engine was closed.
	ErrClosed = engine.ErrClosed
)

// Spec is the shape and dtype of an array.
type Spec struct {
	DType DType
	Shape []int
}

// String is like "float32[2 3]".
func (s Spec) String() string {
	if s.DType == NoDType {
		return "?"
	}
	return s.DType.String() + strings.ReplaceAll(fmt.Sprint(s.Shape), ",", "")
}

// Error is what an operation panics with. Its message is one line: the
// operation, its arrays, what is wrong, and the caller's file and line.
type Error struct {
	Op    string // the operation: "MatMul", "grad.Of"
	Args  []Spec // its arrays, where they are known
	Err   error  // what is wrong
	Stack []uintptr
}

// Error returns the one-line message.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("adjoint: " + e.Op)
	if len(e.Args) > 0 {
		b.WriteByte('(')
		for i, a := range e.Args {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(a.String())
		}
		b.WriteByte(')')
	}
	b.WriteString(": " + strings.TrimPrefix(e.Err.Error(), "adjoint: "))
	if at := e.At(); at != "" {
		b.WriteString(" (" + at + ")")
	}
	return b.String()
}

// Unwrap returns what is wrong.
func (e *Error) Unwrap() error { return e.Err }

const module = "github.com/adjoint-go/adjoint/"

// At is the file and line of the first caller outside Adjoint's library, or "".
func (e *Error) At() string {
	frames := runtime.CallersFrames(e.Stack)
	for {
		f, more := frames.Next()
		if f.Function != "" && !library(f) {
			file := f.File
			if i := strings.LastIndexByte(file, '/'); i >= 0 {
				if j := strings.LastIndexByte(file[:i], '/'); j >= 0 {
					file = file[j+1:]
				}
			}
			return fmt.Sprintf("%s:%d", file, f.Line)
		}
		if !more {
			return ""
		}
	}
}

func library(f runtime.Frame) bool {
	for _, p := range []string{"runtime.", "reflect.", "_cgoexp_"} {
		if strings.HasPrefix(f.Function, p) {
			return true
		}
	}
	rest, ok := strings.CutPrefix(f.Function, module)
	if !ok || strings.HasSuffix(f.File, "_test.go") {
		return false
	}
	return !strings.HasPrefix(rest, "examples/") && !strings.HasPrefix(rest, "cmd/")
}

// Fail panics with an *Error. It is how the packages above core report what an
// operation cannot do.
func Fail(op string, args []*Array, err error) {
	panic(newError(op, args, err))
}

// Failf is Fail with a formatted reason; %w wraps.
func Failf(op string, format string, a ...any) {
	panic(newError(op, nil, fmt.Errorf(format, a...)))
}

func newError(op string, args []*Array, err error) *Error {
	e := &Error{Op: op, Err: err, Stack: make([]uintptr, 64)}
	e.Stack = e.Stack[:runtime.Callers(3, e.Stack)]
	for _, a := range args {
		e.Args = append(e.Args, a.specNoFail())
	}
	return e
}

// Catch turns, deferred, a panic with an *Error into an error. Other panics pass.
//
//	defer core.Catch(&err)
func Catch(err *error) {
	switch v := recover().(type) {
	case nil:
	case *Error:
		*err = v
	default:
		panic(v)
	}
}

// Panic is what a transform panics with when the function that it traces
// panicked with anything but an *Error: the value, and the stack it had.
type Panic struct {
	Value any
	Stack []byte
}

// Error gives the value and its stack.
func (p *Panic) Error() string {
	return fmt.Sprintf("panic in a traced function: %v\n\n%s", p.Value, p.Stack)
}

// Unwrap returns the value when it is an error.
func (p *Panic) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}

// engineError makes an error of the engine's message. The message starts with
// the engine's own name for the operation, which the Error already says.
func engineError(msg string) error {
	if err := engine.EvalError(msg); err != nil {
		return err
	}
	text := msg
	if strings.HasPrefix(text, "[") {
		if i := strings.Index(text, "] "); i > 0 {
			text = text[i+2:]
		}
	}
	text = strings.TrimSuffix(strings.TrimSpace(strings.ReplaceAll(text, "\n", " ")), ".")
	text = strings.ReplaceAll(text, "stop_gradient", "grad.Stop")
	wrap := func(kind error) error { return &engineFailure{text, kind} }
	switch {
	case strings.Contains(msg, "during function transformations"), strings.Contains(msg, "inside a graph transformation"),
		strings.Contains(msg, "without a primitive"):
		return fmt.Errorf("%w: evaluate outside compile and vmap, or return the value", ErrTracer)
	case strings.Contains(msg, "also captured by the function"):
		return fmt.Errorf("%w: pass it once, or list it in compile.Inputs", ErrUncaptured)
	case noDerivative(msg):
		return wrap(ErrNotDifferentiable)
	case strings.Contains(msg, "cannot allocate"), strings.Contains(msg, "nable to allocate"),
		strings.Contains(msg, "Attempting to allocate"):
		return wrap(ErrNoMemory)
	case strings.Contains(msg, "::vmap]"), strings.Contains(msg, "::vmap NYI"),
		strings.Contains(msg, "Cannot vmap over"), strings.Contains(msg, "Can only handle groups"):
		return wrap(ErrNoBatchRule)
	case strings.HasPrefix(msg, "[export]"):
		return wrap(ErrNoExport)
	case strings.Contains(msg, "NYI"):
		return errors.New("the engine computes this on a GPU only")
	case strings.Contains(msg, "differs at other sizes"), strings.Contains(msg, "::output_shapes]"):
		return wrap(ErrShapeless)
	}
	return errors.New(text)
}

// engineFailure is a message of the engine that is of a known kind.
type engineFailure struct {
	text string
	kind error
}

func (e *engineFailure) Error() string {
	text := e.kind.Error() + ": " + e.text
	if way := wayOut[e.kind]; way != "" && !strings.Contains(e.text, "grad.") {
		text += "; " + way
	}
	return text
}

// wayOut says what to do where the engine's message does not.
var wayOut = map[error]string{
	ErrNotDifferentiable: "stop the gradient before it with grad.Stop, or give a rule with grad.Custom",
	ErrNoBatchRule:       "give a rule with grad.Custom, or loop with flow.Scan",
	ErrShapeless:         "leave out compile.Shapeless, which records a program for each size",
}

func (e *engineFailure) Unwrap() error { return e.kind }

// noDerivative says whether a message is about a missing derivative rule. The
// engine words it in many ways.
func noDerivative(msg string) bool {
	msg = strings.ToLower(msg)
	for _, s := range []string{
		"::vjp]", "::jvp]", "::jvp nyi", "cannot compute jvp", "not implemented for jvp", "vjp not implemented",
		"jvp not yet implemented", "jvp is not implemented", "jvp for product",
		"cannot calculate vjp", "cannot calculate jvp",
	} {
		if strings.Contains(msg, s) {
			return true
		}
	}
	return false
}
