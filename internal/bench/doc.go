// Package bench holds the workloads that Adjoint is measured by, and their
// timing.
//
//	in := bench.Seeded()
//	for _, w := range bench.Workloads {
//		r, err := w.Run(in, bench.Timing{})
//		...
//	}
//
// [Workloads] are whole computations, such as training steps. [Ops] are operations
// one by one; each says what it cannot do without, so that its time can be set
// against what the machine does at its peak, which [MeasurePeak] finds.
//
// The same workloads are written for other frameworks in the folder benchmarks
// at the top of the repository: same inputs, same arithmetic, same timing rule.
// Each workload has check values, by which it can be told that two frameworks
// computed the same thing.
//
// A workload's time is that of its fastest batch: after a first call and two
// more to see how long a step takes, batches of steps are started one after
// another, and each batch waits once, at its end.
package bench
