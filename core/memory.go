package core

import (
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/adjoint-go/adjoint/internal/engine"
)

// MemoryUse is the engine's memory, in bytes.
type MemoryUse struct {
	Active int // held by live arrays and running operations
	Peak   int // the most that was active since ResetPeakMemory
	Cache  int // kept for re-use
	Limit  int // above which evaluation waits for what was started before
}

// Memory reports the engine's memory.
func Memory() MemoryUse {
	enter("Memory")
	defer engine.Leave()
	get := func(what int) int { n, _ := engine.Memory(what, 0); return int(n) }
	return MemoryUse{get(engine.MemActive), get(engine.MemPeak), get(engine.MemCache), get(engine.MemLimit)}
}

func setMemory(op string, what, n int) int {
	if n < 0 {
		panic(newError(op, nil, fmt.Errorf("%d bytes is negative", n)))
	}
	enter(op)
	old, ok := engine.Memory(what, uint64(n))
	msg := ""
	if !ok {
		msg = engine.Message()
	}
	engine.Leave()
	if !ok {
		panic(newError(op, nil, engineError(msg)))
	}
	return int(old)
}

// SetMemoryLimit sets the bytes above which evaluation waits until what was started
// before it has run and let go of what it read, and returns the old limit. Live arrays
// may hold more; memory that the system does not give is [ErrNoMemory].
func SetMemoryLimit(bytes int) int { return setMemory("SetMemoryLimit", engine.MemSetLimit, bytes) }

// SetCacheLimit sets the bytes of freed memory that are kept for re-use, and
// returns the old limit. On the CPU that is 1/64 of the memory limit at first, from
// 32 to 512 MiB; what was freed longest ago is given back first.
func SetCacheLimit(bytes int) int { return setMemory("SetCacheLimit", engine.MemSetCacheLimit, bytes) }

// SetWiredLimit sets the bytes that are kept resident (Metal on macOS 15 or
// later), and returns the old limit.
func SetWiredLimit(bytes int) int { return setMemory("SetWiredLimit", engine.MemSetWiredLimit, bytes) }

// ClearCache gives the memory that is kept for re-use back to the system.
func ClearCache() { setMemory("ClearCache", engine.MemClearCache, 0) }

// ResetPeakMemory sets the peak to what is active now.
func ResetPeakMemory() { setMemory("ResetPeakMemory", engine.MemResetPeak, 0) }

// collectAt is the number of active native bytes above which an evaluation asks
// for a Go collection, since Go's collector does not see them.
var (
	collectLimit atomic.Int64
	collectAt    atomic.Int64
	collecting   atomic.Bool
)

func init() { SetCollectLimit(512 << 20) }

// SetCollectLimit sets the active native bytes above which evaluations start
// Go's collector, so that unreachable arrays are freed, and returns the old
// limit. The default is 512 MiB; 0 turns it off.
func SetCollectLimit(bytes int) int {
	old := collectLimit.Swap(int64(bytes))
	collectAt.Store(int64(bytes))
	return int(old)
}

// collect starts a collection when native memory has grown past the mark. The
// lock is held.
func collect() {
	at := collectAt.Load()
	if at <= 0 {
		return
	}
	active, _ := engine.Memory(engine.MemActive, 0)
	if int64(active) < at || !collecting.CompareAndSwap(false, true) {
		return
	}
	go func() {
		runtime.GC()
		if engine.Enter() == nil {
			left, _ := engine.Memory(engine.MemActive, 0)
			collectAt.Store(max(collectLimit.Load(), 2*int64(left)))
			engine.Leave()
		}
		collecting.Store(false)
	}()
}
