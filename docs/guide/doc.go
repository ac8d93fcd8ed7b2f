// Package guide holds the guides to Adjoint: the files ending in .md beside this
// one. Every piece of Go in them is part of an Example of this package, which a
// test compares and go test runs.
//
//   - transforms.md: grad, vmap, control flow, and how they compose
//   - compile.md: what compile records, its pitfalls, and how to look into it
//   - metal.md: checking Metal kernels on machines without Metal
//   - from-mlx.md, from-jax.md, from-pytorch.md: what you know, in Adjoint's words
package guide
