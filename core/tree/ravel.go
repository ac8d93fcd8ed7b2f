package tree

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/adjoint-go/adjoint/core"
)

// Ravel lays the differentiable arrays of t end to end in one vector, and
// returns with it the function that makes a tree like t of such a vector. With
// it, what is defined for vectors works on structs:
//
//	v, unravel := tree.Ravel(params)
//	h := grad.Hessian(func(v *core.Array) *core.Array { return loss(unravel(v)) })(v)
//
// Shapes: the vector has as many elements as the arrays together. Dtypes: that
// which all of them promote to; unravel gives each its own back. Integer, bool
// and state arrays are not in the vector: unravel takes them from t. Errors: no
// differentiable array; a vector of another size.
func Ravel[T any](t T) (*core.Array, func(*core.Array) T) {
	const op = "tree.Ravel"
	p := planOf[T](op)
	arrays := leaves(op, p, unsafe.Pointer(&t))
	states, err := p.States(nil, unsafe.Pointer(&t))
	check(op, err)
	var parts []part
	var flat []*core.Array
	var cuts []int
	size := 0
	for i, a := range arrays {
		if a == nil || states[i] {
			continue
		}
		spec := a.Spec()
		if !spec.DType.IsInexact() {
			continue
		}
		if len(parts) > 0 {
			cuts = append(cuts, size)
		}
		size += a.Size()
		parts = append(parts, part{i, spec})
		flat = append(flat, a.Flatten())
	}
	if len(parts) == 0 {
		core.Fail(op, nil, errors.New("the tree has no differentiable array; give it one of a floating-point or complex dtype"))
	}
	like := Clone(t)
	return core.Concatenate(0, flat...), func(v *core.Array) T {
		if s := v.Spec(); len(s.Shape) != 1 || s.Shape[0] != size {
			core.Fail("tree.Ravel's inverse", []*core.Array{v}, fmt.Errorf("expected a vector of %d elements", size))
		}
		pieces := []*core.Array{v}
		if len(cuts) > 0 {
			pieces = v.SplitAt(0, cuts...)
		}
		out := append([]*core.Array(nil), arrays...)
		for i, p := range parts {
			a := pieces[i].Reshape(p.spec.Shape...)
			if a.DType() != p.spec.DType {
				a = a.AsType(p.spec.DType)
			}
			out[p.slot] = a
		}
		return with(op, p, like, out)
	}
}

// part is an array of a vector: where it goes and what it was.
type part struct {
	slot int
	spec core.Spec
}
