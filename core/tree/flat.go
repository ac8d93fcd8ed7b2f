package tree

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unsafe"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/walk"
)

// Flatten returns the arrays of t by their paths, as a file of weights has them.
func Flatten[T any](t T) map[string]*core.Array {
	return maps.Collect(All(t))
}

// Unflatten returns like with the arrays that have its paths. Each array of
// like must be there, of the same shape, and no other may be; the dtypes are
// those of arrays. Arrays that are absent in like stay so. Since names and
// shapes often come from a file, what does not fit is an error and no panic.
func Unflatten[T any](like T, arrays map[string]*core.Array) (out T, err error) {
	defer core.Catch(&err)
	const op = "tree.Unflatten"
	p := planOf[T](op)
	left := maps.Clone(arrays)
	var placed []*core.Array
	var missing, absent, misshapen []string
	check(op, p.Slots(unsafe.Pointer(&like), func(s walk.Slot[core.Array]) bool {
		a := left[s.Path]
		switch {
		case s.Leaf == nil && a != nil:
			absent = append(absent, s.Path)
		case s.Leaf != nil && a == nil:
			missing = append(missing, s.Path)
		case s.Leaf != a && !slices.Equal(s.Leaf.Shape(), a.Shape()):
			misshapen = append(misshapen, fmt.Sprintf("%s %v for %v", s.Path, a.Shape(), s.Leaf.Shape()))
		}
		delete(left, s.Path)
		placed = append(placed, a)
		return true
	}))
	for _, bad := range []struct {
		what  string
		names []string
	}{
		{"arrays are missing", missing},
		{"arrays have no place in the tree", slices.Sorted(maps.Keys(left))},
		{"arrays are given for absent leaves", absent},
		{"arrays have another shape", misshapen},
	} {
		if len(bad.names) > 0 {
			core.Failf(op, "%s: %s", bad.what, listing(bad.names))
		}
	}
	return with(op, p, like, placed), nil
}

// listing joins a few names.
func listing(names []string) string {
	const few = 8
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s, … (%d in all)", strings.Join(names[:few], ", "), len(names))
}
