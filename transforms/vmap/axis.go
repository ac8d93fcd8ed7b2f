package vmap

import (
	"slices"
	"strings"
	"sync"

	"github.com/adjoint-go/adjoint/core"
)

// Name names the mapped axis, so that the function can speak of it: [Sum],
// [Mean], [Index] and [Size] look across its examples. An inner vmap's axis of
// the same name comes first.
func Name(name string) Option { return func(c *config) { c.name = name } }

// axis is a named axis while its function is traced.
type axis struct {
	name  string
	size  int
	index *core.Array // 0, 1, …: an int32 of the trace
}

// live holds the named axes by the thread that traces, outermost first.
var live = struct {
	sync.Mutex
	on map[uint64][]axis
}{on: map[uint64][]axis{}}

// within calls f while the axis is live on this thread.
func within(a axis, f func()) {
	if a.name == "" {
		f()
		return
	}
	thread := core.ThreadToken()
	live.Lock()
	live.on[thread] = append(live.on[thread], a)
	live.Unlock()
	defer func() {
		live.Lock()
		defer live.Unlock()
		rest := live.on[thread][:len(live.on[thread])-1]
		if live.on[thread] = rest; len(rest) == 0 {
			delete(live.on, thread)
		}
	}()
	f()
}

// named returns the innermost axis of a name.
func named(op, name string) axis {
	var all []axis
	if core.Tracing() {
		thread := core.ThreadToken()
		live.Lock()
		all = slices.Clone(live.on[thread])
		live.Unlock()
	}
	var names []string
	for _, a := range slices.Backward(all) {
		if a.name == name {
			return a
		}
		names = append(names, a.name)
	}
	if len(names) == 0 {
		core.Failf(op, "no axis is named %q: it works inside a function mapped with vmap.Name", name)
	}
	core.Failf(op, "no axis is named %q: there are %s", name, strings.Join(names, ", "))
	panic("unreachable")
}

// Sum adds x up over the examples of the axis of a name; the result is the same
// for all of them. Its derivative is that of all examples' results: the gradient
// that arrives is added up likewise. Errors: x is nil, or there is no such axis.
func Sum(x *core.Array, name string) *core.Array {
	const op = "vmap.Sum"
	a := named(op, name)
	return core.AxisSum(op, x, a.index)
}

// Mean is [Sum] divided by the number of examples. Integers and bool become float32.
func Mean(x *core.Array, name string) *core.Array {
	const op = "vmap.Mean"
	a := named(op, name)
	return core.AxisSum(op, x, a.index).DivScalar(float64(max(a.size, 1)))
}

// Index is the number of the example, from 0: an int32 without axes.
func Index(name string) *core.Array { return named("vmap.Index", name).index }

// Size is the number of examples.
func Size(name string) int {
	a := named("vmap.Size", name)
	// A compiled function that this is called in captures the axis, and keeps no
	// program for axes of other sizes.
	a.index.Neg()
	return a.size
}
