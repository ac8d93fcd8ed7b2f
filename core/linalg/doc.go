// Package linalg has the factorisations, solvers and norms of MLX.
//
// Functions work on the matrices in the last two axes and take the axes before
// them as a batch:
//
//	l := linalg.Cholesky(a)                  // (…, n, n) → (…, n, n)
//	x := linalg.Solve(a, b)                  // a·x = b
//	values, vectors := linalg.Eigh(a)        // of symmetric matrices
//	size := linalg.Norm(v, -1)               // the 2-norm along the last axis
//
// Most run on a CPU stream only. On an engine with a GPU use
//
//	core.Using(core.CPU, func() { q, r = linalg.QR(a) })
//
// What reads a triangle of a matrix does not check the other: Cholesky and Eigh
// read the lower one and their Upper forms the upper one. A matrix without the
// property that is asked for, such as a singular one in Solve, gives an error
// when the result is evaluated, or infinities and NaN.
package linalg
