package engine

import (
	"fmt"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// Callback is a Go function that the engine calls while it traces: it owns the
// handles in, and returns handles that the engine takes over, with the axis of
// each where the transform asks for it. It runs without the engine lock, on the
// thread of the call that led to it.
type Callback func(in []Handle) (out []Handle, axes []int)

// failure is what a Go callback panicked with, and where. It is set just before
// the C frames below are left and read by Failure just after, both under the
// lock.
var failure struct {
	value any
	stack []byte
}

// Failure returns what the Go callback panicked with that ended a call with
// GoFailed, and the stack it had.
func Failure() (value any, stack []byte) {
	value, stack = failure.value, failure.stack
	failure.value, failure.stack = nil, nil
	return value, stack
}

// Foreign is an op whose evaluation and rules are Go functions.
type Foreign struct {
	// Key, if not empty, is shared by ops that compute the same.
	Key string
	// Deterministic says that equal inputs give equal outputs.
	Deterministic bool
	// Away says that Eval may take long. Where possible it is called without the
	// engine lock, while others compute.
	Away bool
	// Eval runs on a stream's thread or on the thread that waits. The engine
	// lock must not be taken in it.
	Eval func(in, out []Buffer) error
	// Rules run without the lock, on the thread of the transform. An error from
	// one ends the transform as if it had panicked with it. Shapes runs with the
	// lock and must not use the engine.
	VJP    func(primals, cotangents, outputs []Handle) []Handle
	JVP    func(primals, tangents []Handle, args []int) []Handle
	VMap   func(inputs []Handle, axes []int) ([]Handle, []int)
	Shapes func(in []Shaped) [][]int
}

// Shaped is the type of an input: its dtype by MLX's number, and its sizes.
type Shaped struct {
	DType int
	Shape []int
}

// eval is Eval with panics as errors.
func (f *Foreign) eval(in, out []Buffer) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return f.Eval(in, out)
}

// shapes calls Shapes on types written as numbers, and writes its answer so.
func (f *Foreign) shapes(w []Handle) []Handle {
	var in []Shaped
	for len(w) > 0 {
		s := Shaped{DType: int(w[0]), Shape: make([]int, w[1])}
		for i := range s.Shape {
			s.Shape[i] = int(w[2+i])
		}
		in, w = append(in, s), w[2+len(s.Shape):]
	}
	var out []Handle
	for _, shape := range f.Shapes(in) {
		out = append(out, Handle(len(shape)))
		for _, size := range shape {
			out = append(out, Handle(size))
		}
	}
	return out
}

// Buffer is one row-contiguous tensor of a foreign op's evaluation.
type Buffer struct {
	DType int
	Shape []int
	Bytes []byte
}

// table numbers Go values that C holds.
type table[T any] struct {
	m    sync.Map
	next atomic.Uint64
	held atomic.Int64
}

func (t *table[T]) put(v T) uint64 {
	id := t.next.Add(1)
	t.m.Store(id, v)
	t.held.Add(1)
	return id
}

func (t *table[T]) get(id uint64) T {
	v, _ := t.m.Load(id)
	return v.(T)
}

func (t *table[T]) drop(id uint64) {
	t.m.Delete(id)
	t.held.Add(-1)
}

var (
	callbacks table[Callback]
	foreigns  table[*Foreign]
)

// evalErrors holds the latest errors of foreign evaluations: C carries only
// their text, with a number in front.
var evalErrors struct {
	sync.Mutex
	next uint64
	last [64]error
}

const errorMark = "foreign error "

func keepError(err error) string {
	e := &evalErrors
	e.Lock()
	defer e.Unlock()
	e.next++
	e.last[e.next%uint64(len(e.last))] = err
	return fmt.Sprintf("%s%d: %v", errorMark, e.next, err)
}

// EvalError returns the error of a foreign evaluation that led to the message,
// nil if none did or it is too long ago.
func EvalError(msg string) error {
	_, rest, ok := strings.Cut(msg, errorMark)
	number, _, _ := strings.Cut(rest, ":")
	id, err := strconv.ParseUint(number, 10, 64)
	if !ok || err != nil {
		return nil
	}
	e := &evalErrors
	e.Lock()
	defer e.Unlock()
	if id > e.next || id+uint64(len(e.last)) <= e.next {
		return nil
	}
	return e.last[id%uint64(len(e.last))]
}

// keeping runs f, which must not use the engine, with the lock held, and reports
// whether it came back. A panic is kept for Failure.
func keeping(f func()) (ok bool) {
	defer func() {
		if v := recover(); v != nil {
			failure.value, failure.stack = v, debug.Stack()
		}
	}()
	f()
	return true
}
