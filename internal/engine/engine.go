package engine

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/adjoint-go/adjoint/internal/engine/native"
)

// Handle is an array of the engine; 0 is none.
type Handle uint64

// Codes that calls return. Others are not negative.
const (
	OK         = 0
	Failed     = -1 // Message says why
	WrongTrace = -2 // an array of a trace that is not live on this thread
	GoFailed   = -3 // a Go callback failed; its panic is in the Callback
	Miss       = -4 // a program has no entry for the key
	Odd        = -5 // a result has values that Inspect looked for
)

// Small is set in the scope that Do returns when the op's one result holds at
// most 1 KiB.
const Small = 1 << 62

// SmallHandle is set in the handle of a program's result that holds at most 1 KiB.
// It is no part of the handle.
const SmallHandle Handle = 1

// What Memory asks for.
const (
	MemActive = iota
	MemPeak
	MemCache
	MemLimit
	MemSetLimit
	MemSetCacheLimit
	MemSetWiredLimit
	MemClearCache
	MemResetPeak
)

// ErrClosed is returned by Enter after Close.
var ErrClosed = errors.New("the engine is closed")

var (
	mu     sync.Mutex
	opened bool
	closed bool
	failed error // why opening failed; kept until the process ends

	released struct {
		sync.Mutex
		list  []Handle
		count atomic.Int64
	}
)

// Enter takes the engine lock and opens the engine at first use. When it
// returns an error the lock is not held.
func Enter() error {
	mu.Lock()
	if opened && !closed {
		if released.count.Load() > 0 {
			drain()
		}
		return nil
	}
	err := enterSlow()
	if err != nil {
		mu.Unlock()
	}
	return err
}

func enterSlow() error {
	switch {
	case closed:
		return ErrClosed
	case failed != nil:
		return failed
	}
	dir, m, err := native.Locate()
	if err == nil {
		err = open(dir, m)
	}
	if err != nil {
		failed = err
		return err
	}
	opened = true
	return nil
}

// Reenter takes the engine lock also when the engine was closed since it was
// opened, for what a closed engine still allows: to free and to leave scopes. It
// reports whether the engine was ever opened; if not, the lock is not held.
func Reenter() bool {
	mu.Lock()
	if opened {
		return true
	}
	mu.Unlock()
	return false
}

// Leave gives the engine lock back.
func Leave() { mu.Unlock() }

// Open opens the engine in dir in place of the one that Enter would find. It
// must come before the first use.
func Open(dir string) error {
	mu.Lock()
	defer mu.Unlock()
	if opened {
		return errors.New("engine: it is open already")
	}
	m, err := native.Check(dir, true)
	if err == nil {
		err = open(dir, m)
	}
	opened = err == nil
	return err
}

// Close makes every later use fail with ErrClosed. Arrays that exist may still
// be freed; the libraries stay loaded, since MLX cannot be unloaded.
func Close() {
	mu.Lock()
	defer mu.Unlock()
	closed = true
}

// Reopen undoes Close, for tests.
func Reopen() {
	mu.Lock()
	defer mu.Unlock()
	closed = false
}

// Release queues h to be freed by the next Enter. It may be called from any
// goroutine, also from cleanups, with or without the lock.
func Release(h Handle) {
	released.Lock()
	released.list = append(released.list, h)
	released.count.Add(1)
	released.Unlock()
}

// Forget makes *h none, for a holder whose cleanup would release it.
func Forget(h *Handle) {
	released.Lock()
	*h = 0
	released.Unlock()
}

// ReleaseAll queues those of hs that are not 0.
func ReleaseAll(hs []Handle) {
	released.Lock()
	for _, h := range hs {
		if h != 0 {
			released.list = append(released.list, h)
		}
	}
	released.count.Add(1)
	released.Unlock()
}

// drain frees what was released. The lock is held.
func drain() {
	released.Lock()
	list := released.list
	released.list = nil
	released.count.Store(0)
	released.Unlock()
	Free(list)
	for _, q := range deferred.take() {
		q()
	}
	if foreigns.held.Load() > 0 {
		sweepForeigns()
	}
}

// deferred holds frees of things other than arrays.
var deferred queue

type queue struct {
	sync.Mutex
	list []func()
}

func (q *queue) take() []func() {
	q.Lock()
	defer q.Unlock()
	l := q.list
	q.list = nil
	return l
}

// Later queues f to be run under the lock by a later Enter.
func Later(f func()) {
	deferred.Lock()
	deferred.list = append(deferred.list, f)
	deferred.Unlock()
	released.count.Add(1)
}

// Name returns the op's name in the table.
func (o Op) Name() string { return opNames[o] }

var traces atomic.Uint64

// NewTrace returns a fresh trace number; later traces have greater ones.
func NewTrace() uint64 { return traces.Add(1) }

// Tape is a trace in the form of an .mlxfn file, without the elements of its
// constants. Of those it has the engine's numbers and new handles.
type Tape struct {
	Text []byte
	IDs  []uint64
	Own  []Handle
	Line uint32 // of the operation that no such file can hold
}
