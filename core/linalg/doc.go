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
//
// # Derivatives
//
// Every function has them, in both modes and of any order. Where only a triangle
// of a matrix is read, the gradient lies in this triangle: it is that of what is
// computed, and half of it belongs to either side when the matrix is symmetric.
// Of factors that are not unique the derivative is that of the factors returned,
// with these exceptions, where only what does not depend on the choice has a
// derivative: the phases of complex vectors of SVD and Eigh, and the vectors that
// SVD adds to fill a rectangle's larger basis.
//
// Where a function is not differentiable its gradient holds infinities or NaN:
// vectors of Eigh, Eig and SVD at equal values (the values themselves, their sums
// and Pinv are fine), QR without full rank in the first min(m, n) columns, LU,
// SlogDet and, above size 3, Det of a singular matrix, Cholesky of one that is not
// positive definite.
package linalg
