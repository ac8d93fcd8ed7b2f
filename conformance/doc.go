// Package conformance checks every op of the table against itself: eager against
// compiled, gradients against central differences, forward against reverse mode,
// vmap against a loop. The cases are made from the table's rows, so an op that is
// added is checked without a further line.
package conformance
