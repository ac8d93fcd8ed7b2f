// Package core is Adjoint's array: values of the MLX engine with methods for
// every operation.
//
//	x := core.From([]float32{1, 2, 3, 4}, 2, 2)
//	y := x.MatMul(x).AddScalar(1)
//	fmt.Println(y)
//
// Operations are lazy: they record what is to be computed, and [Eval], printing
// or reading the elements computes it. An array is immutable and may be used
// from any goroutine.
//
// An operation that cannot be done panics with an [*Error] that names the
// operation, the shapes and dtypes, and the line. [Catch] and [Try] turn exactly
// that type into an error:
//
//	func model(x *core.Array) (y *core.Array, err error) {
//		defer core.Catch(&err)
//		return x.MatMul(w).Tanh(), nil
//	}
//
// Native memory is invisible to Go's collector. Arrays are freed when they are
// collected, at once by [Array.Free], or together at the end of [Tidy], which
// keeps only what its function returns. The transforms do the same for what a
// traced function makes.
//
// When values turn to NaN, a loop forgets to evaluate, or an error shows only where
// something is computed, [Debug] and the environment variable ADJOINT_DEBUG name
// the operation and the line that it was called at:
//
//	defer core.Debug(core.DebugOptions{Stacks: true, NaN: true})()
//
// On the CPU all processors that the process may run on compute;
// ADJOINT_NUM_THREADS=n sets how many do, which changes no bit of a result but the
// last ones of matrix products. ADJOINT_CPU=stock computes with MLX's
// kernels in place of Adjoint's, to compare the two, and ADJOINT_VECTORS=128 or 256
// has elementwise and other simple kernels for narrower vectors than the processor's.
// All three are read when the engine opens. How exact the results are is in
// docs/ACCURACY.md.
//
// Which operations have gradients, forward derivatives and batch rules, and what a
// derivative is at ties and zeros, is in docs/RULES.md.
//
// The engine is made once by `adjoint setup`; see the README. Importing and
// building need no engine.
package core

//go:generate go run ../internal/gen
