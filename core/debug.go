package core

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/adjoint-go/adjoint/internal/engine"
)

// DebugOptions choose what is watched. Each makes a program slower, Stacks and
// the hunts many times, and so are off by default. The environment variable
// ADJOINT_DEBUG turns them on from outside: ADJOINT_DEBUG=stacks,nan,inf,depth=100000.
type DebugOptions struct {
	// Stacks keeps the line that each operation was called at. An error that shows
	// only when values are computed names the operation and its line then, also in
	// compiled functions that were traced with Stacks and in derivatives, and so
	// does one about an array that outlived its trace.
	Stacks bool
	// NaN makes an evaluation (Eval, AsyncEval, Data, Item) with a result that holds
	// NaN fail with a [*NonFiniteError], which names the operation that made the
	// first one. NaN that no result depends on, as in the branch that a Where does
	// not take, is none. Compiled functions run as they were traced, nothing fused,
	// and all that is computed stays in memory until the evaluation ends.
	NaN bool
	// Inf does the same for infinities.
	Inf bool
	// MaxDepth makes an operation fail with [ErrGraphTooDeep] when the longest chain
	// of operations below it that are not evaluated is longer: a loop that never
	// evaluates. A call of a transform or a compiled function counts as one. 0 is no
	// limit.
	MaxDepth int
}

// Bits of debugging.
const (
	debugNaN = 1 << iota // as the engine has them
	debugInf
	debugStacks
	debugDepth
	debugValues = debugNaN | debugInf
	debugEval   = debugValues | debugStacks // an evaluation is inspected
	debugOps    = debugStacks | debugDepth  // an operation is observed
)

var (
	// debugging is what is on. Operations read it, so it is one word.
	debugging atomic.Uint32
	debug     struct {
		sync.Mutex
		options DebugOptions
	}
	maxDepth atomic.Int64
)

// Debug sets what is watched, in the whole process, and returns a function that
// sets it back:
//
//	defer core.Debug(core.DebugOptions{Stacks: true, NaN: true})()
//
// Errors: a negative MaxDepth.
func Debug(o DebugOptions) (restore func()) {
	if o.MaxDepth < 0 {
		panic(newError("Debug", nil, fmt.Errorf("MaxDepth %d is negative; 0 is no limit", o.MaxDepth)))
	}
	was := setDebug(o)
	return func() { setDebug(was) }
}

func setDebug(o DebugOptions) (was DebugOptions) {
	debug.Lock()
	defer debug.Unlock()
	was, debug.options = debug.options, o
	var on uint32
	for _, f := range []struct {
		set bool
		bit uint32
	}{{o.NaN, debugNaN}, {o.Inf, debugInf}, {o.Stacks, debugStacks}, {o.MaxDepth > 0, debugDepth}} {
		if f.set {
			on |= f.bit
		}
	}
	maxDepth.Store(int64(o.MaxDepth))
	debugging.Store(on)
	return was
}

// watched is what the engine was told.
var watched bool

// watch tells the engine what is on, before a transform or a program of it. The
// lock is held.
func watch() {
	on := debugging.Load()
	if now := on&debugEval != 0; now != watched {
		engine.Watch(now)
		watched = now
	}
}

func init() {
	setDebug(debugFrom(os.Getenv("ADJOINT_DEBUG"), os.Stderr))
}

// debugFrom reads ADJOINT_DEBUG; what it does not know it says in one line.
func debugFrom(text string, warn io.Writer) (o DebugOptions) {
	var unknown []string
	for word := range strings.SplitSeq(text, ",") {
		word = strings.TrimSpace(word)
		name, value, _ := strings.Cut(word, "=")
		n, err := strconv.Atoi(value)
		switch {
		case word == "" || word == "0":
		case word == "stacks":
			o.Stacks = true
		case word == "nan":
			o.NaN = true
		case word == "inf":
			o.Inf = true
		case name == "depth" && err == nil && n > 0:
			o.MaxDepth = n
		default:
			unknown = append(unknown, strconv.Quote(word))
		}
	}
	if len(unknown) > 0 {
		fmt.Fprintf(warn, "adjoint: ADJOINT_DEBUG has %s, which is unknown: want a list of stacks, nan, inf and depth=N\n", strings.Join(unknown, " and "))
	}
	return o
}

// observe does for new arrays what debugging asks for: it keeps the line that an
// operation was called at, and checks how deep the graph has become. The lock is
// held; a failure gives it back.
func observe(on uint32, op func(pcs []uintptr) string, made, from []*Array) {
	if len(made) == 0 {
		return
	}
	if on&debugStacks != 0 {
		keepLine(op, made, from)
	}
	if on&debugDepth != 0 {
		checkDepth(op, made, from)
	}
}

// checkDepth counts levels of calls. It asks the engine only when the count,
// which does not know of evaluations, passes the limit.
func checkDepth(op func(pcs []uintptr) string, made, from []*Array) {
	var depth uint32
	for _, a := range from {
		if a != nil {
			depth = max(depth, a.depth)
		}
	}
	depth++
	limit := maxDepth.Load()
	if int64(depth) > limit {
		depth = uint32(engine.Depth(made[0].h))
		if int64(depth) > limit {
			engine.Leave()
			panic(newError(op(callers()), from, fmt.Errorf(
				"%w: %d operations deep, more than the %d of core.Debug's MaxDepth; evaluate what a loop computes, with core.Eval, in each round, or make it a flow.For", ErrGraphTooDeep, depth, limit)))
		}
	}
	for _, a := range made {
		a.depth = depth
	}
}
