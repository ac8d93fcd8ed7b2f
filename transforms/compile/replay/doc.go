// Package replay repeats the traces of .mlxfn files, operation by operation.
//
//	f, err := mlxio.LoadFunction("step.mlxfn")
//	out := replay.Run("step", &f.Traces[0], f.Shapeless, inputs)
//
// A file names primitives of MLX and what they hold. Each is done here by the
// operation of core that computes the same, which checks what it is given as it
// does when a program calls it: a file cannot make the engine read foreign
// memory. What an operation gives must have the shape and dtype that the file
// says. The functions that package compile imports are made so, and transforms
// see nothing but operations.
package replay
