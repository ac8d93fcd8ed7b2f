// Package programs tries random programs over the op table under random stacks
// of transforms.
//
// A program is a graph of up to 30 ops with shared parts, several results, mixed
// dtypes, views, scatters, linear algebra, random numbers, and constructs with
// programs as bodies: flow.Scan, For, While and Cond, compile, vmap, checkpoints,
// functions with rules of their own, gradients inside. The engine is the type
// checker: a step is taken when the op accepts the arrays at hand, mended into
// the op's domain by further ops where need be. A stack is up to four of compile,
// vmap (random axes), checkpoint, grad, value_and_grad, vjp, jvp, linearize,
// Hessian products and Jacobians. Each answer is held against one that was
// computed another way:
//
//	eager        twice the same bits, announced shapes and dtypes
//	plain        the program with Go loops for vmap and flow, and without what changes no value
//	compile      recorded on other arguments, replayed, evicted, recorded again: the bits without
//	             fusion; with it too, but for the rounding of exp and the like
//	differences  each derivative of the stack, in float64, where the function is smooth
//	float64      the whole in float64
//	shapeless    recorded without sizes (a quarter of the programs), or a typed error
//	goroutines   from several at once (an eighth)
//
// How far numbers may differ is measured: the plain program is run again with
// every operation off by some roundings.
//
// A program that fails is shrunk, step by step and transform by transform, and
// printed as Go with the command that runs it again. A typed error for a missing
// rule passes where the row of an op in the program declares it.
//
// [Run] returns a [Report]; `adjoint conformance --programs 5000` prints it.
package programs
