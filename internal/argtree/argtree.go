package argtree

import (
	"fmt"
	"reflect"
	"unsafe"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/walk"
)

// Walker walks trees of arrays.
var Walker = walk.For[core.Array]()

// Plan knows how to walk values of one Go type.
type Plan = walk.Plan[core.Array]

// PlanFor compiles t, or fails as op.
func PlanFor(op string, t reflect.Type) Plan {
	p, err := Walker.Compile(t)
	Check(op, err)
	return p
}

// Check fails as op when err is one.
func Check(op string, err error) {
	if err != nil {
		core.Fail(op, nil, err)
	}
}

// Slots are the arrays of one value of a plan's type, in order.
type Slots struct {
	Plan   Plan
	At     unsafe.Pointer
	Arrays []*core.Array // nil where absent
}

// Read returns the slots of the value at p.
func Read(op string, plan Plan, p unsafe.Pointer) Slots {
	as, err := plan.Flatten(nil, p)
	Check(op, err)
	return Slots{plan, p, as}
}

// Of returns the slots of *t.
func Of[T any](op string, t *T) Slots {
	return Read(op, PlanFor(op, reflect.TypeFor[T]()), unsafe.Pointer(t))
}

// Path is the path of slot i; "the argument" when there is nothing but it.
func (s Slots) Path(i int) string {
	if path := s.Plan.Path(s.At, i); path != "" {
		return path
	}
	return "the argument"
}

// Name names slot i in errors: whole, or a place in it.
func (s Slots) Name(whole string, i int) string {
	if path := s.Plan.Path(s.At, i); path != "" {
		return whole + " at " + path
	}
	return whole
}

// Spec returns the spec of slot i, or fails as op with its name.
func (s Slots) Spec(op, whole string, i int) core.Spec {
	defer s.rename(op, whole, i)
	return s.Arrays[i].Spec()
}

// DType returns the dtype of slot i. Like NDim it does not ask for sizes.
func (s Slots) DType(op, whole string, i int) core.DType {
	defer s.rename(op, whole, i)
	return s.Arrays[i].DType()
}

// NDim returns the number of axes of slot i.
func (s Slots) NDim(op, whole string, i int) int {
	defer s.rename(op, whole, i)
	return s.Arrays[i].NDim()
}

// rename, deferred, makes an error about a slot one of op.
func (s Slots) rename(op, whole string, i int) {
	switch v := recover().(type) {
	case nil:
	case *core.Error:
		core.Fail(op, nil, fmt.Errorf("%s: %w", s.Name(whole, i), v.Err))
	default:
		panic(v)
	}
}

// Present appends the arrays that are not absent.
func (s Slots) Present(dst []*core.Array) []*core.Array {
	for _, a := range s.Arrays {
		if a != nil {
			dst = append(dst, a)
		}
	}
	return dst
}

// Take puts the next arrays of in into the slots that are not absent and returns
// the slots and the rest.
func (s Slots) Take(in []*core.Array) (filled, rest []*core.Array) {
	filled = make([]*core.Array, len(s.Arrays))
	for i, a := range s.Arrays {
		if a != nil {
			filled[i], in = in[0], in[1:]
		}
	}
	return filled, in
}

// With returns a copy of t whose slots hold arrays.
func With[T any](op string, plan Plan, t T, arrays []*core.Array) T {
	Check(op, plan.Replace(unsafe.Pointer(&t), arrays))
	return t
}

// Match fails as op unless two values have the same structure and the same slots
// present; what names the second in the error.
func Match(op string, a, b Slots, what string) {
	var keys [2][]byte
	for i, s := range []Slots{a, b} {
		k, err := s.Plan.Shape(nil, s.At)
		Check(op, err)
		keys[i] = k
	}
	change, _, err := Walker.DiffShapes(keys[0], keys[1])
	Check(op, err)
	if change != nil {
		at := ""
		if change.Path != "" {
			at = " at " + change.Path
		}
		core.Failf(op, "%s does not have the structure of its counterpart%s: want %s, not %s", what, at, change.Was, change.Now)
	}
}

// Func checks that f is a function and not nil, and compiles plans for its
// parameters and results.
func Func(op string, f any) (v reflect.Value, params, results []Plan) {
	v = reflect.ValueOf(f)
	if !v.IsValid() || v.Kind() != reflect.Func {
		core.Failf(op, "want a function, not %T", f)
	}
	if v.IsNil() {
		core.Failf(op, "the function is nil")
	}
	t := v.Type()
	for i := range t.NumIn() {
		params = append(params, PlanFor(fmt.Sprintf("%s: parameter %d", op, i), t.In(i)))
	}
	for i := range t.NumOut() {
		results = append(results, PlanFor(fmt.Sprintf("%s: result %d", op, i), t.Out(i)))
	}
	return v, params, results
}

// Fill returns a copy of v with arrays in its slots.
func Fill(op string, plan Plan, v reflect.Value, arrays []*core.Array) reflect.Value {
	fresh := reflect.New(v.Type()).Elem()
	fresh.Set(v)
	Check(op, plan.Replace(walk.Pointer(fresh), arrays))
	return fresh
}

// Call calls fn with one value per parameter, also when the last is variadic.
func Call(fn reflect.Value, args []reflect.Value) []reflect.Value {
	if fn.Type().IsVariadic() {
		return fn.CallSlice(args)
	}
	return fn.Call(args)
}
