// Package jax compares derivatives with those that JAX computes. Its tests are
// programs written twice, in Python for JAX and in Go for Adjoint: linear
// algebra, convolutions, attention, recurrent networks, differential equations,
// likelihoods, losses, and programs that index, sort and accumulate. Each gives
// values, gradients, Jacobians, Hessians or products with them.
//
// testdata/programs.npz holds for every program the inputs and JAX's results,
// computed in float64. The Go twin computes in float32, eagerly and compiled, and
// must come within 1e-4 of the largest element of each result.
//
// The tests need no JAX. The file is made, and compared with what JAX says now, by
//
//	make jax-check                      # a virtual environment, then make.py --check
//	python testdata/make.py             # writes the file anew
//	python testdata/make.py solve rnn   # tries some programs, writes nothing
//
// A new program is a function in one of the Python files, with the decorator that
// draws its inputs, and its twin of the same name in the Go file beside it.
//
// Where conventions differ the programs stay away from the difference: there are
// no ties in sorts and maxima, no functions of the signs of eigenvectors, and no
// results that are zero, which no relative error fits.
package jax
