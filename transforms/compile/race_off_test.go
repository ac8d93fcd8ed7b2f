//go:build !race

package compile_test

// raced says that the race detector, which keeps memory of its own, is on.
const raced = false
