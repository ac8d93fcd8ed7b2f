// Package native holds the engine's native sources and knows where the built engine lives.
//
// Adjoint links against nothing: a program opens the engine at its first operation. The engine is a folder that
// `adjoint setup` makes once per user: MLX's library from its Python wheel, the BLAS forwarders, and two small
// libraries compiled from the sources that this package embeds (mlxc, ext and blas).
//
// Three ideas hold it together:
//
//   - [Key] is a digest of everything that decides what an engine is: the embedded sources, the pinned versions, the
//     build flags, the backend and the platform. It is part of the folder's name, so two versions of Adjoint never
//     share an engine and an upgrade never mixes files.
//   - The [Manifest] (engine.json) lists the files with sizes, times and digests, and the libraries in the order in
//     which they are opened. It is written last, and the folder appears under its name by one rename.
//   - [Locate] finds the engine for this very program, or says in one sentence which command makes it.
//
// An engine of the backend "cpu" looks like this:
//
//	$ADJOINT_HOME/engines/cpu-3f0c…/
//	    engine.json
//	    mlx/lib/libmlx.so
//	    mlx/lib/libblas-….so        forwards to OpenBLAS, under the name that libmlx asks for
//	    mlx/lib/liblapack-….so
//	    mlx/lib/libscipy_openblas.so
//	    mlx/lib/libadjoint_mlxc.so
//	    mlx/lib/libadjoint_ext.so
//
// The libraries stay two levels deep, as in the wheels, because MLX looks for its CUDA headers and libraries
// relative to its own.
package native
