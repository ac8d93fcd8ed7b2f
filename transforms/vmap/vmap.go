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
		return mapped(op, fn, args, params, results, in, out)
	})
	return call.Interface().(F)
}

func mapped(op string, fn reflect.Value, args []reflect.Value, params, results []argtree.Plan, in, out []any) []reflect.Value {
	slots := make([]argtree.Slots, len(args))
	var arrays []*core.Array
	var axes []int
	for i, a := range args {
		slots[i] = argtree.Read(op, params[i], walk.Pointer(a))
		arrays = slots[i].Present(arrays)
		axes = append(axes, perLeaf(op, "argument", i, in[i], slots[i], 0)...)
	}
	checkSizes(op, slots, arrays, axes)
	var values []reflect.Value
	var outs []argtree.Slots
	res := core.Vectorize(op, func(x []*core.Array) ([]*core.Array, []int) {
		inner := make([]reflect.Value, len(args))
		for i, s := range slots {
			var filled []*core.Array
			filled, x = s.Take(x)
			inner[i] = argtree.Fill(op, s.Plan, args[i], filled)
		}
		values = argtree.Call(fn, inner)
		var ys []*core.Array
		var outAxes []int
		outs = make([]argtree.Slots, len(values))
		for i, v := range values {
			outs[i] = argtree.Read(op, results[i], walk.Pointer(v))
			ys = outs[i].Present(ys)
			outAxes = append(outAxes, perLeaf(op, "result", i, out[i], outs[i], 1)...)
		}
		return ys, outAxes
	}, arrays, axes)
	for i := range values {
		var filled []*core.Array
		filled, res = outs[i].Take(res)
		values[i] = argtree.Fill(op, outs[i].Plan, values[i], filled)
	}
	return values
}

// checkSizes fails unless something is mapped and all mapped axes have one size.
func checkSizes(op string, slots []argtree.Slots, arrays []*core.Array, axes []int) {
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
}
