// Package tree works on Go values with arrays in them, whatever their shape.
//
// A model, its gradient, an optimizer's state and a batch of data are all
// trees: structs, slices, maps, pointers and interfaces that lead to
// *core.Array. The functions here go over the arrays and leave the rest alone:
//
//	half := tree.Map(model, func(a *core.Array) *core.Array { return a.AsType(core.Float16) })
//	for path, a := range tree.All(model) {
//		fmt.Println(path, a.Shape())
//	}
//
// Nothing is ever written into an argument. A result has slices, maps and
// pointers of its own, down to the arrays, which are immutable and shared; what
// leads to no array is copied as Go copies it.
//
// # Leaves
//
// A *core.Array is a leaf, and a nil one is an absent leaf: a bias that a layer
// does without, a weight that was not selected. Absent leaves keep their place
// and are passed over. A core.Array that is not behind a pointer is an error, as
// is an unexported field that could hold an array, since it would be missed
// silently. A pointer may be met once: tie weights by holding a layer once and
// using it twice.
//
// A type whose arrays cannot be seen becomes a tree by [Register].
//
// # Paths
//
// Each leaf has a path, as in Blocks.2.Q.weight: field names or their tags
// (`tree:"weight"`), indices, and map keys in sorted order. Fields of embedded
// structs are promoted. In map keys a dot is written \. and a backslash \\, an
// empty key \e. A path that is asked for also stands for all that lies below it.
//
// `tree:"-"` leaves a field out: it is copied. `tree:",state"` marks running
// statistics, which have no gradient.
//
// # Errors
//
// A tree that is none, trees that do not match and paths that are not there
// panic with a [*core.Error], as operations do; [core.Catch] turns it into an
// error. What it wraps is an [*Error], which names the path and the Go type.
package tree
