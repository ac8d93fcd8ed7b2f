// Package look reads the sizes of arrays for checks.
//
// A function that asks a traced array for its sizes cannot be compiled for all
// sizes at once, since the answer may decide what it computes. A check only
// decides whether to fail: what it needs is asked for here, apart from the sizes
// that a result depends on.
package look
