package core

import (
	"fmt"
	"runtime"

	"github.com/adjoint-go/adjoint/internal/engine"
	"github.com/adjoint-go/adjoint/internal/walk"
)

var trees = walk.For[Array]()

// leaves collects the arrays of trees, leaving out absent ones.
func leaves(op string, ts []any) []*Array {
	var out []*Array
	for _, t := range ts {
		if a, ok := t.(*Array); ok {
			if a != nil {
				out = append(out, a)
			}
			continue
		}
		plan, p, err := trees.Value(t)
		if err == nil {
			var all []*Array
			all, err = plan.Flatten(nil, p)
			for _, a := range all {
				if a != nil {
					out = append(out, a)
				}
			}
		}
		if err != nil {
			panic(newError(op, nil, err))
		}
	}
	return out
}

// Eval computes all arrays of trees (arrays, structs, slices, maps of them) and
// waits for them. Errors: an array is being traced by compile or vmap.
func Eval(trees ...any) { evaluate("Eval", leaves("Eval", trees), false) }

// AsyncEval starts computing all arrays of trees and returns. What fails shows
// when a result is read. Errors: inside any transform.
func AsyncEval(trees ...any) { evaluate("AsyncEval", leaves("AsyncEval", trees), true) }

// Eval computes the array, waits, and returns it.
func (a *Array) Eval() *Array {
	evaluate("Eval", []*Array{a}, false)
	return a
}

func evaluate(op string, as []*Array, async bool) {
	if len(as) == 0 {
		return
	}
	enter(op)
	var trace uint64
	var small [32]engine.Handle
	hs := small[:0]
	for _, a := range as {
		if a == nil || a.h == 0 {
			engine.Leave()
			panic(newError(op, nil, lack(a)))
		}
		trace = max(trace, a.trace)
		hs = append(hs, a.h)
	}
	if async && trace != 0 {
		engine.Leave()
		panic(newError(op, nil, fmt.Errorf("%w: AsyncEval works only outside transforms", ErrTracer)))
	}
	if trace != 0 {
		noteOuter(engine.Scope(), trace)
	}
	var code int
	if on := debugging.Load(); on&debugEval != 0 {
		code = engine.Inspect(hs, int(on&debugValues), trace)
	} else {
		code = engine.Eval(hs, async, trace)
	}
	if code != engine.OK {
		panic(failed(op, as, trace, code))
	}
	current = nil
	collect()
	engine.Leave()
	runtime.KeepAlive(as)
}

// Free frees all arrays of trees at once, as [Array.Free] does one. A training
// loop frees the state that a step has replaced:
//
//	newParams, newOpt := step(params, opt, batch)
//	core.Free(params, opt)
func Free(trees ...any) {
	as := leaves("Free", trees)
	if len(as) == 0 {
		return
	}
	if !engine.Reenter() {
		return
	}
	hs := make([]engine.Handle, 0, len(as))
	for _, a := range as {
		if a.h != 0 {
			hs = append(hs, a.h)
			a.disown()
		}
	}
	engine.Free(hs)
	engine.Leave()
	runtime.KeepAlive(as)
}

// Tidy calls f and frees every array made during the call by this goroutine that
// f's result does not reach. The result may be an array or any tree of arrays.
// Arrays stored elsewhere by f are freed too.
func Tidy[T any](f func() T) T {
	runtime.LockOSThread()
	enter("Tidy")
	id, s := openScope(0)
	engine.Leave()
	var kept []*Array
	defer func() {
		if engine.Reenter() {
			for _, a := range kept {
				s.release(a, id)
			}
			closeScope(id, s, scoped)
			engine.Leave()
		}
		runtime.UnlockOSThread()
	}()
	out := f()
	kept = leaves("Tidy", []any{out})
	return out
}

// TidyDo is Tidy for a function without a result.
func TidyDo(f func()) { Tidy(func() struct{} { f(); return struct{}{} }) }
