package bench

import "testing"

// BenchmarkSteps runs each workload's step, for a profile:
//
//	go test ./internal/bench -run '^$' -bench Steps/mlp_s -cpuprofile cpu.prof
func BenchmarkSteps(b *testing.B) {
	for _, w := range Workloads {
		b.Run(w.Name, func(b *testing.B) {
			switch j := w.prepare(Seeded()).(type) {
			case steps:
				j.timed(1)
				b.ResetTimer()
				for range b.N {
					j.step()
				}
				j.wait()
			case calls:
				for n := b.N; n > 0; n -= j.n {
					j.run(min(n, j.n))
				}
			}
		})
	}
}
