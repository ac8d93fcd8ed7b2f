// Package argtree is what the transforms share: the arguments and results of a
// traced function as trees of arrays, with the errors of the public API.
package argtree
