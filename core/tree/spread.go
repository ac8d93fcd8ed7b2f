package tree

import (
	"maps"
	"slices"
	"unsafe"

	"github.com/adjoint-go/adjoint/internal/walk"
)

// Spread gives each array of t the value that by has for its path or, failing
// that, for the longest path above it, and returns them by the arrays' paths. The
// empty path is the root, which is above all: its value is the default. Arrays
// below no path of by are not in the result.
//
//	rates := tree.Spread(map[string]float64{"": 1e-3, "Head": 1e-2, "Embed": 0}, model)
//
// It is what other systems call broadcasting a prefix tree. A path that is not in
// t is an error.
func Spread[V, T any](by map[string]V, t T) map[string]V {
	const op = "tree.Spread"
	p := planOf[T](op)
	paths := slices.Sorted(maps.Keys(by))
	_, err := p.Select(unsafe.Pointer(&t), paths...)
	check(op, err)
	slices.SortStableFunc(paths, func(a, b string) int { return len(b) - len(a) })
	out := map[string]V{}
	for path := range All(t) {
		if i := slices.IndexFunc(paths, func(above string) bool { return walk.Under(path, above) }); i >= 0 {
			out[path] = by[paths[i]]
		}
	}
	return out
}
