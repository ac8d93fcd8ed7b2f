package vmap

import (
	"fmt"
	"reflect"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/argtree"
	"github.com/adjoint-go/adjoint/internal/walk"
)

// Of returns f mapped over an axis of its arguments. It has the type of f.
// Errors: f is no function, or a parameter or result is no tree of arrays (when
// wrapped); nothing is mapped, a scalar or an axis out of range is, sizes of
// mapped axes differ, an array is evaluated inside f, or an operation has no
// batch rule (when called).
func Of[F any](f F, opts ...Option) F {
	const op = "vmap.Of"
	fn, params, results := argtree.Func(op, f)
	var c config
	for _, o := range opts {
		o(&c)
	}
	in := checked(op, "argument", c.in, params)
	out := checked(op, "result", c.out, results)
	t := fn.Type()
	call := reflect.MakeFunc(t, func(args []reflect.Value) []reflect.Value {
		m := mapping{op: op, fn: fn, args: args, results: results, out: out}
		return m.run(c, params, in)
	})
	return call.Interface().(F)
}

// mapping is one call of a mapped function.
type mapping struct {
	op      string
	fn      reflect.Value
	args    []reflect.Value
	results []argtree.Plan
	out     []any

	slots  []argtree.Slots // of the arguments
	values []reflect.Value // what fn returned
	outs   []argtree.Slots
}

func (m *mapping) run(c config, params []argtree.Plan, in []any) []reflect.Value {
	m.slots = make([]argtree.Slots, len(m.args))
	var arrays []*core.Array
	var axes []int
	for i, a := range m.args {
		m.slots[i] = argtree.Read(m.op, params[i], walk.Pointer(a))
		arrays = m.slots[i].Present(arrays)
		axes = append(axes, perLeaf(m.op, "argument", i, in[i], m.slots[i], 0)...)
	}
	size := checkSizes(m.op, m.slots, arrays, axes)
	call := m.call
	if c.name != "" {
		// The examples' numbers are one more mapped argument.
		arrays = append(arrays, core.Arange(core.Int32, 0, float64(size), 1))
		axes = append(axes, 0)
		call = func(x []*core.Array) (ys []*core.Array, outAxes []int) {
			last := len(x) - 1
			within(axis{c.name, size, x[last]}, func() { ys, outAxes = m.call(x[:last]) })
			return ys, outAxes
		}
	}
	var res []*core.Array
	if c.sequential {
		if c.name != "" {
			core.Failf(m.op, "vmap.Name does not go with vmap.Sequential: an example does not know the others")
		}
		res = sequentially(m.op, call, arrays, axes, size)
	} else {
		res = core.Vectorize(m.op, call, arrays, axes)
	}
	for i := range m.values {
		var filled []*core.Array
		filled, res = m.outs[i].Take(res)
		m.values[i] = argtree.Fill(m.op, m.outs[i].Plan, m.values[i], filled)
	}
	return m.values
}

// call calls the function for one example, and returns the axis of each result.
func (m *mapping) call(x []*core.Array) ([]*core.Array, []int) {
	inner := make([]reflect.Value, len(m.args))
	for i, s := range m.slots {
		var filled []*core.Array
		filled, x = s.Take(x)
		inner[i] = argtree.Fill(m.op, s.Plan, m.args[i], filled)
	}
	m.values = argtree.Call(m.fn, inner)
	var ys []*core.Array
	var axes []int
	m.outs = make([]argtree.Slots, len(m.values))
	for i, v := range m.values {
		m.outs[i] = argtree.Read(m.op, m.results[i], walk.Pointer(v))
		ys = m.outs[i].Present(ys)
		axes = append(axes, perLeaf(m.op, "result", i, m.out[i], m.outs[i], 1)...)
	}
	return ys, axes
}

// sequentially is core.Vectorize by a scan over the examples.
func sequentially(op string, call func([]*core.Array) ([]*core.Array, []int), in []*core.Array, axes []int, size int) []*core.Array {
	var xs []*core.Array
	for i, a := range in {
		if axes[i] != unmapped {
			xs = append(xs, a.MoveAxis(axes[i], 0))
		}
	}
	var outAxes []int
	ys := core.Scan(op, func(x []*core.Array) []*core.Array {
		all := make([]*core.Array, len(in))
		for i, a := range in {
			if all[i] = a; axes[i] != unmapped {
				all[i], x = x[0], x[1:]
			}
		}
		var r []*core.Array
		r, outAxes = call(all)
		return r
	}, xs, core.Steps{Length: size})
	for i, y := range ys {
		switch {
		case outAxes[i] != unmapped:
			ys[i] = y.MoveAxis(0, outAxes[i])
		case size == 0:
			core.Failf(op, "result %d has no out axis and there is no example to take it from", i)
		default:
			ys[i] = y.Index(size - 1)
		}
	}
	return ys
}

// checkSizes returns the size of the mapped axes. It fails unless something is
// mapped and all of them have one size.
func checkSizes(op string, slots []argtree.Slots, arrays []*core.Array, axes []int) int {
	size, firstOf, firstAt := -1, 0, 0
	k := 0
	for i, s := range slots {
		for j, a := range s.Arrays {
			if a == nil {
				continue
			}
			ax := axes[k]
			k++
			if ax == unmapped {
				continue
			}
			whole := fmt.Sprintf("argument %d", i)
			switch n := a.Dim(ax); {
			case size < 0:
				size, firstOf, firstAt = n, i, j
			case n != size:
				core.Failf(op, "%s has size %d along its mapped axis %d, but %s has %d", s.Name(whole, j), n, ax,
					slots[firstOf].Name(fmt.Sprintf("argument %d", firstOf), firstAt), size)
			}
		}
	}
	if size < 0 {
		core.Failf(op, "nothing is mapped: give at least one argument an axis with vmap.In")
	}
	return size
}
