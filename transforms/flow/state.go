package flow

import (
	"slices"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/argtree"
)

// A shaped value is one whose structure, static leaves, shapes and dtypes must
// stay.
type shaped struct {
	what  string
	slots argtree.Slots
	key   []byte
	specs []core.Spec // of the arrays that are present
}

func shapedOf(op, what string, s argtree.Slots) shaped {
	key, err := s.Plan.Key(nil, s.At)
	argtree.Check(op, err)
	r := shaped{what: what, slots: s, key: key}
	for i, a := range s.Arrays {
		if a != nil {
			r.specs = append(r.specs, s.Spec(op, what, i))
		}
	}
	return r
}

// same returns the arrays of s, or fails as op unless it is like r.
func (r shaped) same(op string, s argtree.Slots) []*core.Array {
	key, err := s.Plan.Key(nil, s.At)
	argtree.Check(op, err)
	change, _, err := argtree.Walker.Diff(r.key, key)
	argtree.Check(op, err)
	if change != nil {
		at := ""
		if change.Path != "" {
			at = " at " + change.Path
		}
		core.Failf(op, "%s changes%s: want %s as before, not %s", r.what, at, change.Was, change.Now)
	}
	var out []*core.Array
	for i, a := range s.Arrays {
		if a == nil {
			continue
		}
		want := r.specs[len(out)]
		if got := s.Spec(op, r.what, i); got.DType != want.DType || !slices.Equal(got.Shape, want.Shape) {
			core.Failf(op, "%s is %v, want %v as before", s.Name(r.what, i), got, want)
		}
		out = append(out, a)
	}
	return out
}
