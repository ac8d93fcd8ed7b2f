package compile

import (
	"fmt"
	"reflect"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/argtree"
	"github.com/adjoint-go/adjoint/internal/walk"
)

// place is a captured variable.
type place struct {
	plan argtree.Plan
	ptr  any // keeps the variable alive
	v    reflect.Value
}

func places(op string, pointers []any) []place {
	var out []place
	for _, ptr := range pointers {
		plan, _, err := argtree.Walker.Place(ptr)
		argtree.Check(op, err)
		out = append(out, place{plan, ptr, reflect.ValueOf(ptr)})
	}
	return out
}

func (p place) slots(op string) argtree.Slots { return argtree.Read(op, p.plan, p.v.UnsafePointer()) }

// saved is what a variable held before a trace.
type saved struct {
	place
	value  reflect.Value
	arrays []*core.Array
	key    []byte
}

func (p *program) save(at place) saved {
	s := saved{place: at, value: reflect.New(at.v.Type().Elem()).Elem(), arrays: at.slots(p.op).Arrays}
	s.value.Set(at.v.Elem())
	var err error
	s.key, err = at.plan.Key(nil, at.v.UnsafePointer())
	argtree.Check(p.op, err)
	return s
}

// restore puts the arrays back. The rest of the variable must be as it was: what
// a trace changes in it would not change again when the trace is repeated.
func (s saved) restore() (changed *walk.Change, err error) {
	at := s.v.UnsafePointer()
	if err = s.plan.Assign(at, s.arrays); err == nil {
		var key []byte
		if key, err = s.plan.Key(nil, at); err == nil {
			changed, _, err = argtree.Walker.Diff(s.key, key)
		}
	}
	if changed != nil || err != nil {
		s.v.Elem().Set(s.value)
		_ = s.plan.Assign(at, s.arrays) // behind pointers, as far as it goes
	}
	return changed, err
}

// substitute calls f with the placeholders x in the captured inputs and puts
// back, however f ends, what was there before.
func (p *program) substitute(slots []argtree.Slots, x []*core.Array, f func()) {
	var all []saved
	seen := map[any]bool{}
	for _, list := range [][]place{p.in, p.out} {
		for _, at := range list {
			if !seen[at.ptr] {
				seen[at.ptr] = true
				all = append(all, p.save(at))
			}
		}
	}
	for i, in := range p.in {
		var filled []*core.Array
		filled, x = slots[i].Take(x)
		argtree.Check(p.op, in.plan.Assign(in.v.UnsafePointer(), filled))
	}
	returned := false
	defer func() {
		var why error
		for _, s := range all {
			changed, err := s.restore()
			if err != nil {
				why = fmt.Errorf("the traced function changed the structure of captured state: %w", err)
			} else if changed != nil {
				why = fmt.Errorf("the traced function changed captured state that is no array, at %v: make it an array, or change it outside", changed)
			}
		}
		if why != nil && returned { // else f's own failure is what counts
			core.Fail(p.op, nil, why)
		}
	}()
	f()
	returned = true
}
