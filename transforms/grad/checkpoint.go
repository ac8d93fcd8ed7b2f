package grad

import (
	"reflect"
	"strings"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/argtree"
	"github.com/adjoint-go/adjoint/internal/walk"
)

// Policy says which intermediate values a [Checkpoint] keeps all the same.
// Several add up.
type Policy func(*policy)

type policy struct {
	all, matmuls bool
	names        []string
}

// SaveAll keeps everything: nothing is computed again.
func SaveAll() Policy { return func(p *policy) { p.all = true } }

// SaveMatMuls keeps the results of matrix products, which are slow to compute
// again, and computes what is elementwise again.
func SaveMatMuls() Policy { return func(p *policy) { p.matmuls = true } }

// SaveNamed keeps the arrays that [Name] gave one of the names.
func SaveNamed(names ...string) Policy {
	return func(p *policy) { p.names = append(p.names, names...) }
}

// Checkpoint returns f, of any number of arguments and results, with gradients
// that trade time for memory: f's intermediate values are not kept for the
// backward pass but computed again when it needs them, from f's arguments and
// what it captured. f is called once per call; what is repeated are its
// operations, with the same random numbers. Forward mode keeps nothing and is
// not changed. Errors: f is no function, or a parameter or result is no tree of
// arrays (when wrapped); SaveNamed names an array that f does not have (when
// called).
func Checkpoint[F any](f F, policies ...Policy) F {
	const op = "grad.Checkpoint"
	fn, params, results := argtree.Func(op, f)
	var p policy
	for i, o := range policies {
		if o == nil {
			core.Failf(op, "policy %d is nil", i)
		}
		o(&p)
	}
	for _, n := range p.names {
		checkName(op, n)
	}
	if p.all {
		return f
	}
	call := reflect.MakeFunc(fn.Type(), func(args []reflect.Value) []reflect.Value {
		return p.call(op, fn, args, params, results)
	})
	return call.Interface().(F)
}

func (p policy) call(op string, fn reflect.Value, args []reflect.Value, params, results []argtree.Plan) []reflect.Value {
	slots := make([]argtree.Slots, len(args))
	var arrays []*core.Array
	for i, a := range args {
		slots[i] = argtree.Read(op, params[i], walk.Pointer(a))
		arrays = slots[i].Present(arrays)
	}
	var values []reflect.Value
	var outs []argtree.Slots
	out := core.Checkpoint(op, func(x []*core.Array) []*core.Array {
		inner := make([]reflect.Value, len(args))
		for i, s := range slots {
			var filled []*core.Array
			filled, x = s.Take(x)
			inner[i] = argtree.Fill(op, s.Plan, args[i], filled)
		}
		values = argtree.Call(fn, inner)
		outs = make([]argtree.Slots, len(values))
		var ys []*core.Array
		for i, v := range values {
			outs[i] = argtree.Read(op, results[i], walk.Pointer(v))
			inexact(op, outs[i]) // for its errors
			ys = outs[i].Present(ys)
		}
		return ys
	}, arrays, p.matmuls, strings.Join(p.names, "\n"))
	for i := range values {
		var filled []*core.Array
		filled, out = outs[i].Take(out)
		values[i] = argtree.Fill(op, outs[i].Plan, values[i], filled)
	}
	return values
}

// Name returns t with a name on its arrays, by which [SaveNamed] finds them.
// Errors: the name is empty or has a line break.
func Name[T any](t T, name string) T {
	const op = "grad.Name"
	checkName(op, name)
	s := argtree.Of(op, &t)
	out := make([]*core.Array, len(s.Arrays))
	for i, a := range s.Arrays {
		if a != nil {
			out[i] = core.Named(op, a, name)
		}
	}
	return argtree.With(op, s.Plan, t, out)
}

func checkName(op, name string) {
	if name == "" || strings.ContainsAny(name, "\n\x00") {
		core.Failf(op, "%q is no name of an array: want one line of text", name)
	}
}
