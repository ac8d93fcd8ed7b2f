// Package plugins runs kernel plugins: programs of their own that bring
// functions on tensors, written with package sdk. A plugin cannot take the host
// down; when it crashes, the call that was running fails with an error that
// says so, and the next call starts the program again.
//
//	reg, err := plugins.Open(plugins.Options{Dirs: []string{"plugins"}})
//	p, err := reg.Load(ctx, "acme/sq")
//	k, err := p.Kernel("square")
//	y := k.Call(x)[0]
//	...
//	err = reg.Close()
//
// [Kernel.Call] makes an op: it works eagerly and inside grad, vmap and
// compile, by the rules that the plugin brings; [Kernel.With] sets its attributes,
// device and timeout. [Plugin.Run] is the level below: bytes in, bytes out, no
// engine.
//
// # Where plugins are found, and which are trusted
//
// [Registry.Load] looks for DIR/org/name/version/GOOS_GOARCH in each of
// Options.Dirs and takes the highest version; "acme/sq@1.0.0" asks for one.
// Looking never runs anything. Two folders that provide a plugin are an error
// that names both. The package there has a manifest, plugin.json (package
// manifest), that lists the hash of every file; Options.Lock and Options.Policy
// say what must vouch for the manifest (package trust). What runs is a private
// copy that was hashed itself (package store). A package that is not as it
// should be is refused before anything of it runs, with a [*manifest.Error], a
// [*trust.Error] or a [*store.Error].
//
// [Registry.LoadFile] takes the path of a program instead and verifies nothing.
//
// # Supervision
//
// A plugin runs in a process group of its own with a short list of environment
// variables, no standard input, and a private folder for its socket and temporary
// files. On Linux it has limits, and writes files only there and in
// Options.WriteDirs. Control goes over gRPC with mutual TLS. Every wait has an end:
//
//   - starting takes at most Options.StartTimeout; the failure is a [*StartError];
//   - a call takes at most Options.CallTimeout or the context's deadline; then
//     the kernel is asked to stop, and killed if it does not: [*TimeoutError];
//   - a crash ends the calls that were running with a [*CrashError], which
//     holds the exit status and the last lines of standard error;
//   - the next call starts the process again, after a pause that doubles with
//     each crash; Options.CrashLimit crashes within Options.CrashWindow open the
//     breaker, and calls fail with a [*BreakerError] until the window has passed;
//   - [Plugin.Stop] asks, waits two seconds and kills the process group;
//   - a plugin whose host is killed ends itself.
//
// What a plugin sends is checked before memory is allocated for it: a reply
// with another count, shape, dtype, size or place than the kernel's rules say is
// a [*ReplyError].
//
// A process boundary is no sandbox: a plugin reads what the user who runs the host
// may read, and its GPU sources run in the host's own process. Load only programs
// you trust.
//
// # Where tensors are
//
// A tensor of more than 16 KiB goes through shared memory, which host and plugin
// keep mapped from call to call, up to 512 MiB of it while it is idle. The host
// copies inputs in, and outputs out before anybody sees them, so that a plugin
// which writes on changes nothing. On Linux the memory is sealed: a plugin can
// neither shrink it nor write what holds inputs. Memory of a call that did not end
// well is not used again, and each process has its own.
//
// # While a kernel runs
//
// The engine is free: other goroutines compute, and kernels that do not depend on
// each other run at the same time, of one plugin or of several. In the body of
// flow.Scan and flow.While kernels run one after another, and the engine waits. A
// call that fails leaves its outputs unevaluated; to evaluate them again is to
// call again.
//
// # GPUs
//
// A kernel with a Metal or CUDA source runs in the host where operations run on
// such a GPU ([With] may say otherwise), with the kernel's own rules for
// derivatives and batches. The source is the one of the description, never of a
// reply. Attributes are constants in it, but for texts.
//
// # Limits
//
// The inputs of a call, and its outputs, are at most 1 GiB together; more is a
// [*spec.SizeError] before anything is sent. Linux and macOS are supported.
package plugins
