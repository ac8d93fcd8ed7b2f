package vmap

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/argtree"
)

// Axes maps paths of a tree to the axis that is mapped there, for the leaf or
// for all leaves below; where paths name the same leaf the longest counts. Leaves
// that no path names are not mapped.
type Axes map[string]int

// Whole in place of an axis passes the leaves below a path unmapped.
const Whole = math.MinInt

// Option says which axes are mapped, and how.
type Option func(*config)

type config struct {
	in, out    []any
	name       string
	sequential bool
}

// Sequential runs the function for one example after the other instead of for
// all at once: for operations without a batch rule, or where all at once takes
// too much memory. The function is still traced once and cannot look at values.
// A result with no out axis is that of the last example.
func Sequential() Option { return func(c *config) { c.sequential = true } }

// In gives one of nil, an int or Axes for each argument. A negative axis counts
// from the last.
func In(axes ...any) Option { return func(c *config) { c.in = axes } }

// Out gives one of nil, an int or Axes for each result. A negative axis counts
// from the last of the result with the mapped axis in it. nil is for a result
// that does not depend on a mapped array; it is returned as it is.
func Out(axes ...any) Option { return func(c *config) { c.out = axes } }

// checked returns one axis specification per argument or result.
func checked(op, what string, given []any, types []argtree.Plan) []any {
	if given == nil {
		out := make([]any, len(types))
		for i := range out {
			if types[i].Holds() {
				out[i] = 0
			}
		}
		return out
	}
	if len(given) != len(types) {
		core.Failf(op, "%d axes for %d %ss: give one per %s", len(given), len(types), what, what)
	}
	for i, g := range given {
		switch g.(type) {
		case nil:
		case int, Axes:
			if !types[i].Holds() {
				core.Failf(op, "%s %d is of type %v, which holds no array to map: give it nil in place of an axis", what, i, types[i].Type())
			}
		default:
			core.Failf(op, "axis of %s %d is a %v: want nil, an int or vmap.Axes", what, i, reflect.TypeOf(g))
		}
	}
	return given
}

// unmapped marks a leaf without a mapped axis.
const unmapped = -1

// perLeaf returns the axis of each present array of s, or unmapped. extra is 1
// where the axis is one of a result that does not have it yet.
func perLeaf(op, what string, index int, spec any, s argtree.Slots, extra int) []int {
	axes := make([]int, len(s.Arrays))
	mapped := make([]bool, len(s.Arrays))
	switch v := spec.(type) {
	case int:
		for i := range axes {
			axes[i], mapped[i] = v, true
		}
	case Axes:
		for _, path := range slices.SortedFunc(maps.Keys(v), func(a, b string) int { return cmp.Or(len(a)-len(b), cmp.Compare(a, b)) }) {
			chosen, err := s.Plan.Select(s.At, path)
			argtree.Check(op, err)
			for i, c := range chosen {
				if c {
					axes[i], mapped[i] = v[path], v[path] != Whole
				}
			}
		}
	}
	var out []int
	for i, a := range s.Arrays {
		switch {
		case a == nil:
		case !mapped[i]: // a scalar may be passed whole
			out = append(out, unmapped)
		default:
			whole := fmt.Sprintf("%s %d", what, index)
			n := s.NDim(op, whole, i) + extra
			if n == 0 {
				core.Failf(op, "%s is a scalar: it has no axis to map", s.Name(whole, i))
			}
			ax := axes[i]
			if ax < 0 {
				ax += n
			}
			if ax < 0 || ax >= n {
				core.Failf(op, "%s: axis %d is out of range: it has axes %d to %d", s.Name(whole, i), axes[i], -n, n-1)
			}
			out = append(out, ax)
		}
	}
	return out
}
