// Package sdk is for authors of kernel plugins: programs that bring kernels to
// a host and run in a process of their own.
//
// A plugin's main declares its kernels and calls Main:
//
//	func main() {
//		p := sdk.New("acme/sq", "1.0.0")
//		p.Kernel("square").
//			In("x", sdk.Float32).
//			Out("y", "shape(x)", "dtype(x)").
//			CPU(square).
//			VJP("square_vjp").
//			VMap(sdk.BatchLeading)
//		...
//		p.Main()
//	}
//
// The shape and dtype of an output are rules in the language of package shape,
// so that the host knows them without asking. A kernel fills memory that is
// already there, and answers with an error, which reaches the caller with the
// plugin's and the kernel's name:
//
//	func square(c *sdk.Call) error {
//		x, y := c.F32In(0), c.F32Out(0)
//		for i := range y {
//			y[i] = x[i] * x[i]
//		}
//		return c.Err()
//	}
//
// Large tensors lie in memory that the host shares with the plugin: an input cannot
// be written (the attempt is an error of the kernel), an output is zero at first,
// and neither may be kept when the kernel returns. [Kernel.Attr] declares settings
// that are no tensors.
//
// Kernels may be called at the same time, from several goroutines. A panic in a
// kernel becomes an error; a crash of the process is the host's to survive,
// which starts the program again at the next call. A kernel that takes long
// looks at c.Context(): the host ends the process of one that does not stop.
//
// [Kernel.Sample] and [Kernel.Values] give examples of inputs. `adjoint plugin
// certify` tries a kernel with them, and finds shapes itself where there are none.
//
// Main serves when a host started the program. Run by hand the program prints
// help and exits with status 1. `PROGRAM manifest` prints the plugin.json of a
// package that holds the program alone, and `PROGRAM manifest DIR` writes that
// of the package in a folder (see package manifest); `PROGRAM -debug` serves in
// the foreground, to run under a debugger.
// What is printed to os.Stdout before Main breaks the handshake; afterwards
// everything printed goes to the host's log.
//
// The package needs no C compiler (CGO_ENABLED=0) and imports nothing of the
// engine. [Plugin.Run] calls a kernel in this process, for unit tests.
package sdk
