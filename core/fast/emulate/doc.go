// Package emulate runs kernels written in Metal's language on machines without
// Metal, to see whether they are right. A kernel is what MLX's fast.metal_kernel
// takes: the body of a function, the names of its inputs and outputs, and a
// launch.
//
//	k := emulate.Kernel{Name: "square", Inputs: []string{"x"}, Outputs: []string{"y"},
//		Source: "uint i = thread_position_in_grid.x; y[i] = x[i] * x[i];"}
//	l := emulate.Launch{Grid: [3]int{n, 1, 1}, Group: [3]int{256, 1, 1}, Outputs: []spec.Type{x.Type}}
//	out, err := k.Run(ctx, l, x)
//
// The body is compiled as C++ against a header that gives it Metal's types,
// functions and address spaces, by the compiler that setup uses, and run over
// the whole grid in a process of its own. There every access to memory is
// watched. Reported, each with the line of the kernel and the thread, are
//
//   - code that does not compile, or that Metal does not have,
//   - accesses outside a buffer, an array or a threadgroup variable,
//   - two threads that use the same memory without a barrier or an atomic
//     between them, and barriers that not all threads reach,
//   - output elements that are read before they are written, or never written,
//   - division of integers by zero, endless loops, too much private memory.
//
// All of these are an [*Error]. What is not checked: speed, whether Apple's
// compiler takes the code (address spaces above all: `device`, `constant` and
// `thread` are accepted and ignored), rounding as on a GPU, and communication
// between threadgroups, which is reported as a race. Textures and function
// constants are an error that says so.
//
// The kernel runs as machine code, as a plugin's own program does. Where the
// system allows it (seccomp), its process can neither open a file nor a
// connection. The emulator runs on Linux, amd64 and arm64, and needs a C++
// compiler; what it compiled is kept in the folder of the engines.
package emulate
