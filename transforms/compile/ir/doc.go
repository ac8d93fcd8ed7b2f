// Package ir holds a recorded program as plain data: what a compiled function
// computes, node by node, with estimates of what each costs.
//
//	p := step.Program()       // of a *compile.Func
//	fmt.Print(p)              // one line per node
//	p.WriteFile("step.json")  // or step.dot, step.txt
//
// A node's results are values, which are written as letters, and captured numbers
// as they are:
//
//	c:f32[128,10] = Matmul a b
//	d:f32[128,10] = Multiply c 0.5
//
// Elementwise nodes that run as one are the body of a node Fused. The command
// adjoint graph draws a program that was written as JSON.
//
// # Estimates
//
// Floating-point operations (FLOP), with |x| the number of elements of x:
//
//	elementwise      |result|
//	reductions, scans, softmax and norms
//	                 k·|input|; k is 1 for sums, extrema and scans, 4 for LogSumExp,
//	                 5 for Softmax, 8 for norms and for CrossEntropy
//	Matmul           2·|result|·K for an inner size of K; AddMM adds 2·|result|
//	Convolution      2·|result|·|kernel| / output channels
//	attention        4·|q|·L for L keys, and 5 for each score
//	FFT              5·n·log2 n, n = |input|
//	sorts            n·log2 of the axis' size, counted as if it were the last
//	Cholesky, LU, QR, inverse of m×m
//	                 m³/3, 2m³/3, 4m³/3, 2m³ per matrix
//
// What only moves data is 0, and so is what is not in this list, which
// [Cost.Unknown] counts.
//
// Bytes are those of a node's inputs and results, once each, since it reads and
// writes them; a node that makes a view (Reshape, Transpose, Broadcast, Slice, …)
// moves none, and to read a view is to read no more than what it shows. Within a Fused node only what enters and leaves counts.
//
// Peak memory is that of running the nodes in order: inputs (unless they
// are donated) and constants stay, a value is dropped after its last reader, a view takes nothing and keeps what
// it views, and an elementwise node writes over an input of its size that ends
// there.
package ir
