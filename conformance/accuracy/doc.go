// Package accuracy measures how exact elementwise operations are on the CPU: the largest
// error in units in the last place of each, and whether NaN, infinities, subnormal numbers
// and signed zeros are what they are for MLX's kernels.
//
// [Ops] lists the operations with what is promised of each, the bound of its error, and
// an oracle: the function in float64, from Go's math package. [Measure] tries the numbers
// of a [Domain]: all of a dtype, or special ones and a sample of every sign and exponent.
//
// One process has one set of kernels: those for the widest vectors of the processor. Other
// processes, its [Peer]s, compute the same with ADJOINT_VECTORS=256 and 128 and with
// ADJOINT_CPU=stock, and are measured with the same values of the oracle.
//
// The tests try all of float16 and bfloat16 and a sample of float32. `make ulp` tries
// every float32 and writes docs/ACCURACY.md.
package accuracy
