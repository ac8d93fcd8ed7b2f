// Package compile records what a function computes, once per kind of argument,
// and repeats it without calling the function again.
//
//	step := compile.Of(grad.ValueAndGrad2(loss))
//	l, g := step.Call(params, batch)
//
// A call with new shapes, dtypes, ranks, tree structure or static values calls
// the Go function again and records another trace; [Func.Stats] counts them.
// Static values (numbers, strings, funcs, anything in the arguments that is no
// array) are compared by Go type and value. The Go function must therefore
// depend on nothing else: an array that it captures is a constant, printing
// happens once, and reading a value (Item, Data) inside it is an error.
//
// State that changes between calls is captured by [State], [Inputs] and
// [Outputs]: variables that are read before and written after each call.
//
// On the CPU elementwise operations run as one, a cache-sized tile at a time, and
// with them sums, extremes, softmax and logsumexp along the last axis: a layer norm
// or a cross entropy, with its gradient, goes over memory once. What takes less time
// to compute than to keep is computed again. Results are those of the operations by
// themselves, bit for bit; functions such as exp and tanh are within 4 units in the
// last place of the true value.
//
// # Looking into it
//
// [Func.Explain] says of each trace what asked for it, down to the argument
// ("argument 1 at X: shape (128,784) -> (96,784)"), and what was fused;
// [Func.Program] lists what a call computes, with estimates of its cost, as text,
// as JSON for the command adjoint graph, or in graphviz' language. [Func.Lower]
// records ahead of time, for arguments that need no memory, and [Shapes] only
// finds out the shapes of results. [Strict] makes a trace too many an error. With
// ADJOINT_LOG=recompiles in the environment each trace after a function's first
// prints a line; a static value that makes every call record another is warned of
// in any case, unless ADJOINT_LOG is off.
//
// # Files
//
// [Func.Export] writes what a function computes to an .mlxfn file, which MLX runs
// without the Go program; [ImportFile] reads such files, MLX's too, as functions
// like others. They are checked as hostile input is.
//
// One Func may be called from many goroutines. A compiled function may be used
// inside other transforms and may contain them.
package compile
