// Package walk reads and rebuilds trees: Go values with arrays somewhere inside.
//
// A transform takes a function of ordinary Go structs, and has to know four
// things about an argument: which arrays it holds and in which order, what else
// it holds (so that a compiled program is never used for a different value),
// how to make a like value with other arrays in it, and how to name one array
// in an error message. A [Plan] answers all four for one Go type.
//
// # Leaves, nodes, statics
//
// The leaf type L is a type parameter, so the package knows nothing of arrays.
// A field of type *L is a slot: it holds a leaf, or nil, which means absent.
// Structs, slices, arrays, maps, pointers and interfaces that may lead to a
// slot are nodes. All that cannot is static: numbers, strings, funcs, channels,
// and whatever is made of only those, unexported fields included. An interface
// may hold anything, so it is a node whose dynamic type is part of the structure.
//
// Slots come in the order of fields, indices and sorted map keys; nil pointers,
// slices, maps and interfaces have none.
//
// A type whose leaves cannot be seen is registered with functions to and from a
// type that shows them, see [Walker.Register]. It is walked as that one is.
//
// # Keys
//
// [Plan.Key] writes the structure and the statics of a value as bytes. Two
// values have equal keys exactly when they have the same Go type, lengths, map
// keys, dynamic types, nil nodes, absent leaves and static values. Numbers
// compare by bits, so 0.0 and -0.0 differ and a NaN equals itself; statics
// compare through pointers; funcs, channels and unsafe pointers by identity. An
// identity is an address, and an address may be used again after its owner is
// collected: whoever keeps a key must keep the result of [Plan.Pins] with it.
// Keys mean nothing in another process.
//
// # Paths
//
// A slot's path joins the names on the way to it with dots: Blocks.2.Q.weight.
// A field's name is its Go name or that of its tag; fields of an embedded struct
// without a tag name are promoted, as in encoding/json. A map key is written in
// decimal, as true or false, or as the string it is, with \. for a dot, \\ for
// a backslash, \e for the empty string and \xHH for a byte that is not UTF-8,
// so a path names one slot only and survives in files. In errors about types, * stands
// for any index or key.
//
// # Tags
//
//	W     *core.Array `tree:"weight"`   // named weight in paths
//	Mean  *core.Array `tree:",state"`   // a running statistic; holds for all below
//	Cache any         `tree:"-"`        // copied, and otherwise not looked at
//
// # How it is fast
//
// A type is compiled once into a list of operations with offsets from the
// value's start, structs within structs flattened into the same list. Reading a
// struct of 200 leaves is then one loop over 200 offsets. Values are addressed
// by unsafe.Pointer; the pointer must be to a value of the plan's type.
package walk
