// Package flow has loops and branches that are recorded once.
//
// A Go loop inside a transformed function is unrolled: every round adds its
// operations to the graph, and a branch on a value needs that value. The
// functions of this package trace their bodies once, whatever the number of
// rounds, and become one operation that grad, vmap and compile know:
//
//	Scan   a step along the first axis of its inputs (a recurrent network, a filter)
//	For    a counted loop
//	While  a loop that ends when its state says so
//	Cond   one of two functions
//
// The bodies follow the rules of compiled functions: they cannot look at the
// values of traced arrays, what they carry keeps its structure, shapes and
// dtypes, and they are called a fixed number of times. They may use arrays from
// outside, and gradients flow to those.
//
// Derivatives. Scan, For and Cond have forward and reverse derivatives of any
// order, While has both of the first order. The reverse pass of a Scan or For
// keeps what it needs of every step; with Remat it keeps only what is carried
// and computes the rest again. That of While keeps the state of every round.
//
// The bodies run on one stream of the CPU. On a GPU, or when a body mixes
// streams, Scan and For are unrolled, Cond computes both branches, and While
// works outside of transforms only.
package flow
