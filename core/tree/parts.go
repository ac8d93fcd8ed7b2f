package tree

import (
	"unsafe"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/walk"
)

// Only returns t with the arrays at and below paths; the others are absent. A
// path that is not in t is an error.
func Only[T any](t T, paths ...string) T { return choose("tree.Only", t, paths, true) }

// Except returns t without the arrays at and below paths. A path that is not in
// t is an error.
func Except[T any](t T, paths ...string) T { return choose("tree.Except", t, paths, false) }

func choose[T any](op string, t T, paths []string, keep bool) T {
	p := planOf[T](op)
	chosen, err := p.Select(unsafe.Pointer(&t), paths...)
	check(op, err)
	arrays := leaves(op, p, unsafe.Pointer(&t))
	for i := range arrays {
		if chosen[i] != keep {
			arrays[i] = nil
		}
	}
	return with(op, p, t, arrays)
}

// Merge returns a with b's arrays where a's are absent, so that
// Merge(Only(t, paths...), Except(t, paths...)) is t again. The trees must have
// the same structure; what is no array is taken from a.
func Merge[T any](a, b T) T {
	const op = "tree.Merge"
	p := planOf[T](op)
	match(op, p, unsafe.Pointer(&a), unsafe.Pointer(&b))
	as, bs := leaves(op, p, unsafe.Pointer(&a)), leaves(op, p, unsafe.Pointer(&b))
	for i := range as {
		if as[i] == nil {
			as[i] = bs[i]
		}
	}
	return with(op, p, a, as)
}

// Clone returns t with slices, maps and pointers of its own wherever they lead
// to arrays. A plain Go copy shares them with t, so what is done to one through
// a pointer shows in the other.
func Clone[T any](t T) T {
	const op = "tree.Clone"
	p := planOf[T](op)
	return with(op, p, t, leaves(op, p, unsafe.Pointer(&t)))
}

// Shared returns the paths of the first two places that hold the same array,
// and whether there are any.
func Shared[T any](t T) (first, second string, found bool) {
	const op = "tree.Shared"
	p := planOf[T](op)
	seen := map[*core.Array]int{}
	for i, a := range leaves(op, p, unsafe.Pointer(&t)) {
		if a == nil {
			continue
		}
		if j, ok := seen[a]; ok {
			return p.Path(unsafe.Pointer(&t), j), p.Path(unsafe.Pointer(&t), i), true
		}
		seen[a] = i
	}
	return "", "", false
}

// Paths returns the paths of the arrays of t in order, without the absent ones.
func Paths[T any](t T) []string {
	const op = "tree.Paths"
	p := planOf[T](op)
	var out []string
	check(op, p.Slots(unsafe.Pointer(&t), func(s walk.Slot[core.Array]) bool {
		if s.Leaf != nil {
			out = append(out, s.Path)
		}
		return true
	}))
	return out
}
