package tree

import (
	"errors"
	"reflect"
	"unsafe"

	"github.com/adjoint-go/adjoint/core"
)

// Register makes values of T trees although their arrays cannot be seen, being in
// unexported fields or in a structure of another kind. flatten gives a tree that
// shows the arrays, and all else that a T holds; unflatten makes a T of such a
// tree with other arrays in it. The transforms, optimizers and savers then take a
// T like any struct:
//
//	type shown struct {
//		Weight *core.Array
//		Heads  int
//	}
//	var _ = tree.Register(
//		func(a attention) shown { return shown{a.weight, a.heads} },
//		func(s shown) attention { return attention{s.Weight, s.Heads} })
//
// Paths, tags, absent arrays and statics are those of V, which may be any tree: a
// struct, a slice, a map, an array, and may lead to further T. T is a defined type
// or a pointer to one; a nil pointer has no arrays and is not flattened. Both
// functions are called often, also while a function is traced: they must copy and
// compute nothing else, give the same each time, undo each other, and pass on
// absent (nil) arrays, which gradients have. Where unflatten loses an array, the
// operation that called it fails.
//
// Register where T is declared, before a T is used: in a package variable, for
// which the result is there, or in an init function. Errors: a nil function; a T
// that is registered, was used as a tree before, is an array or no defined type; a
// V that is T or no tree. They panic, wrapping an [*Error].
func Register[T, V any](flatten func(T) V, unflatten func(V) T) struct{} {
	const op = "tree.Register"
	if flatten == nil || unflatten == nil {
		core.Fail(op, nil, errors.New("a nil function; give both flatten and unflatten"))
	}
	check(op, walker.Register(reflect.TypeFor[T](), reflect.TypeFor[V](),
		func(t unsafe.Pointer) unsafe.Pointer {
			v := flatten(*(*T)(t))
			return unsafe.Pointer(&v)
		},
		func(v, t unsafe.Pointer) { *(*T)(t) = unflatten(*(*V)(v)) }))
	return struct{}{}
}
