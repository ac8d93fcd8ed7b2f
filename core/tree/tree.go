package tree

import (
	"fmt"
	"iter"
	"reflect"
	"unsafe"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/walk"
)

// Error says what is wrong with a tree, or with a type that is used as one: the
// path, the Go type found there, and the reason.
type Error = walk.Error

var walker = walk.For[core.Array]()

type plan = walk.Plan[core.Array]

// planOf compiles T, or fails as op.
func planOf[T any](op string) plan {
	p, err := walker.Compile(reflect.TypeFor[T]())
	check(op, err)
	return p
}

func check(op string, err error) {
	if err != nil {
		core.Fail(op, nil, err)
	}
}

// leaves returns the arrays of *t in order, nil where they are absent.
func leaves(op string, p plan, t unsafe.Pointer) []*core.Array {
	out, err := p.Flatten(nil, t)
	check(op, err)
	return out
}

// with returns t with other arrays; t is a copy already.
func with[T any](op string, p plan, t T, arrays []*core.Array) T {
	check(op, p.Replace(unsafe.Pointer(&t), arrays))
	return t
}

// All yields the paths and arrays of t in order, without the absent ones.
func All[T any](t T) iter.Seq2[string, *core.Array] {
	p := planOf[T]("tree.All")
	return func(yield func(string, *core.Array) bool) {
		check("tree.All", p.Slots(unsafe.Pointer(&t), func(s walk.Slot[core.Array]) bool {
			return s.Leaf == nil || yield(s.Path, s.Leaf)
		}))
	}
}

// Map returns t with f of each array. f may return nil, which makes it absent.
func Map[T any](t T, f func(*core.Array) *core.Array) T {
	const op = "tree.Map"
	p := planOf[T](op)
	arrays := leaves(op, p, unsafe.Pointer(&t))
	for i, a := range arrays {
		if a != nil {
			arrays[i] = f(a)
		}
	}
	return with(op, p, t, arrays)
}

// MapPath is Map for a function that wants to know where the array is.
func MapPath[T any](t T, f func(path string, a *core.Array) *core.Array) T {
	const op = "tree.MapPath"
	p := planOf[T](op)
	var arrays []*core.Array
	check(op, p.Slots(unsafe.Pointer(&t), func(s walk.Slot[core.Array]) bool {
		if s.Leaf != nil {
			s.Leaf = f(s.Path, s.Leaf)
		}
		arrays = append(arrays, s.Leaf)
		return true
	}))
	return with(op, p, t, arrays)
}

// Map2 returns a with f of each array of a and the one of b in the same place.
// Where b's is absent, as in the gradient of a frozen weight, a's stays as it
// is. An array of b that a lacks is an error, since it would be lost, and so
// are trees of different structure. What is no array is taken from a.
func Map2[T any](a, b T, f func(a, b *core.Array) *core.Array) T {
	const op = "tree.Map2"
	p := planOf[T](op)
	match(op, p, unsafe.Pointer(&a), unsafe.Pointer(&b))
	as, bs := leaves(op, p, unsafe.Pointer(&a)), leaves(op, p, unsafe.Pointer(&b))
	for i := range as {
		switch {
		case as[i] != nil && bs[i] != nil:
			as[i] = f(as[i], bs[i])
		case bs[i] != nil:
			core.Fail(op, nil, &Error{Path: p.Path(unsafe.Pointer(&a), i),
				Reason: "the second tree has an array where the first has none; give it one, or leave it out with tree.Except"})
		}
	}
	return with(op, p, a, as)
}

// match fails unless the slots of two trees correspond.
func match(op string, p plan, a, b unsafe.Pointer) {
	was, err := p.Shape(nil, a)
	check(op, err)
	now, err := p.Shape(nil, b)
	check(op, err)
	if string(was) == string(now) {
		return
	}
	change, _, err := walker.DiffShapes(was, now)
	check(op, err)
	core.Fail(op, nil, &Error{Path: change.Path,
		Reason: fmt.Sprintf("the trees differ in structure: the first has %s, the second %s", change.Was, change.Now)})
}

// Reduce folds f over the arrays of t in order.
func Reduce[T, R any](t T, init R, f func(R, *core.Array) R) R {
	const op = "tree.Reduce"
	for _, a := range leaves(op, planOf[T](op), unsafe.Pointer(&t)) {
		if a != nil {
			init = f(init, a)
		}
	}
	return init
}

// Count returns how many arrays t has.
func Count[T any](t T) int {
	return Reduce(t, 0, func(n int, _ *core.Array) int { return n + 1 })
}

// Size returns how many elements the arrays of t have together: the number of
// parameters of a model.
func Size[T any](t T) int {
	return Reduce(t, 0, func(n int, a *core.Array) int { return n + a.Size() })
}

// NBytes returns how many bytes the arrays of t take together.
func NBytes[T any](t T) int {
	return Reduce(t, 0, func(n int, a *core.Array) int { return n + a.NBytes() })
}
