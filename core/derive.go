package core

import (
	"runtime"

	"github.com/adjoint-go/adjoint/internal/engine"
)

// Differentiate runs f on in and returns its results and the gradients of its
// first result, a scalar, with respect to the arrays in[wrt]. The other results
// have no gradient. op names the caller in errors.
func Differentiate(op string, f FlatFunc, in []*Array, wrt []int) (results, grads []*Array) {
	out := transform(op, in, func(trace uint64, outer *uint64, hs []engine.Handle) ([]engine.Handle, int) {
		return engine.Grad(traced(op, trace, outer, f), trace, hs, uint32s(wrt))
	})
	n := len(out) - len(wrt)
	return out[:n], out[n:]
}

// AuxFunc is a function whose second list of results has no derivative.
type AuxFunc func(in []*Array) (results, aux []*Array)

// withAux makes a callback's function of f, which says by an axis of -1 that a
// result has no derivative, and leaves the number of those that have one in *n.
func withAux(f AuxFunc, n *int) func(in []*Array) ([]*Array, []int) {
	return func(in []*Array) ([]*Array, []int) {
		results, aux := f(in)
		*n = len(results)
		marks := make([]int, len(results)+len(aux))
		for i := *n; i < len(marks); i++ {
			marks[i] = -1
		}
		return append(append([]*Array(nil), results...), aux...), marks
	}
}

func withoutAux(f FlatFunc) AuxFunc {
	return func(in []*Array) (results, aux []*Array) { return f(in), nil }
}

// PullBack runs f on in and returns its results and a function from cotangents,
// one per result, to the gradients of in[wrt]. The function may be called many
// times.
func PullBack(op string, f FlatFunc, in []*Array, wrt []int) (results []*Array, pull FlatFunc) {
	results, _, pull = PullBackAux(op, withoutAux(f), in, wrt)
	return results, pull
}

// PullBackAux is [PullBack] for a function with auxiliary results.
func PullBackAux(op string, f AuxFunc, in []*Array, wrt []int) (results, aux []*Array, pull FlatFunc) {
	return recorded(op, f, in, wrt, engine.VJP)
}

// Linearize runs f on in and returns its results and the function from tangents
// of in[wrt] to theirs. The function may be called many times.
func Linearize(op string, f FlatFunc, in []*Array, wrt []int) (results []*Array, push FlatFunc) {
	results, _, push = recorded(op, withoutAux(f), in, wrt, engine.Linearize)
	return results, push
}

// recorded runs f and returns its results and the graph that derive makes of it
// as a function.
func recorded(op string, f AuxFunc, in []*Array, wrt []int,
	derive func(engine.Callback, uint64, []engine.Handle, []uint32) ([]engine.Handle, engine.Graph, int)) (results, aux []*Array, run FlatFunc) {
	var g engine.Graph
	n := 0
	out := transform(op, in, func(trace uint64, outer *uint64, hs []engine.Handle) ([]engine.Handle, int) {
		out, graph, code := derive(tracedBy(op, trace, outer, withAux(f, &n), mode{}), trace, hs, uint32s(wrt))
		g = graph
		return out, code
	})
	return out[:n], out[n:], ownGraph(op, g, out)
}

// ownGraph makes a function of a graph that may use what the arrays use.
func ownGraph(op string, g engine.Graph, arrays []*Array) FlatFunc {
	owner := &graph{g: g}
	runtime.AddCleanup(owner, func(g engine.Graph) { engine.Later(g.Free) }, g)
	for _, a := range arrays {
		owner.trace = max(owner.trace, a.trace)
	}
	return func(in []*Array) []*Array {
		out := transform(op, in, func(_ uint64, outer *uint64, hs []engine.Handle) ([]engine.Handle, int) {
			*outer = owner.trace
			if !engine.TraceLive(owner.trace) {
				return nil, engine.WrongTrace
			}
			return owner.g.Run(hs)
		})
		runtime.KeepAlive(owner)
		return out
	}
}

// graph owns a graph of the engine.
type graph struct {
	g     engine.Graph
	trace uint64
}

// PushForward runs f on in and returns its results and their tangents for
// tangents of in[wrt].
func PushForward(op string, f FlatFunc, in []*Array, wrt []int, tangents []*Array) (results, dresults []*Array) {
	results, dresults, _ = PushForwardAux(op, withoutAux(f), in, wrt, tangents)
	return results, dresults
}

// PushForwardAux is [PushForward] for a function with auxiliary results.
func PushForwardAux(op string, f AuxFunc, in []*Array, wrt []int, tangents []*Array) (results, dresults, aux []*Array) {
	n := 0
	all := append(append([]*Array(nil), in...), tangents...)
	out := transform(op, all, func(trace uint64, outer *uint64, hs []engine.Handle) ([]engine.Handle, int) {
		return engine.JVP(tracedBy(op, trace, outer, withAux(f, &n), mode{}), trace, hs[:len(in)], uint32s(wrt), hs[len(in):])
	})
	k := len(out) - n
	return out[:n], out[k:], out[n:k]
}
