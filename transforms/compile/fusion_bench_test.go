package compile_test

import (
	"fmt"
	"testing"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/transforms/compile"
)

// gelu is its approximation by tanh: eight elementwise ops.
func gelu(x arr) arr {
	cubic := x.Mul(x).Mul(x)
	inner := cubic.Mul(num(0.044715)).Add(x).Mul(num(0.7978845608))
	return inner.Tanh().Add(num(1)).Mul(x)
}

// BenchmarkGELU is one evaluation on a million float32 values.
func BenchmarkGELU(b *testing.B) {
	x := random.Normal(random.Key(1), core.Float32, 1<<20).Eval()
	for _, c := range []struct {
		name string
		f    func(arr) arr
	}{{"compiled", compile.Of(gelu).Call}, {"eager", gelu}} {
		b.Run(c.name, func(b *testing.B) {
			core.Eval(c.f(x))
			b.SetBytes(4 << 20)
			defer cpuTime(b)()
			for b.Loop() {
				core.TidyDo(func() { core.Eval(c.f(x)) })
			}
		})
	}
}

// BenchmarkElements is the same from ten thousand values to a hundred million: the cost
// of one should not grow, but where they no longer fit in a cache.
func BenchmarkElements(b *testing.B) {
	f := compile.Of(gelu)
	for _, n := range []int{1e4, 1e5, 1e6, 1e7, 1e8} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			x := core.Full(core.Float32, 0.5, n).Contiguous().Eval()
			defer x.Free()
			run := func() { core.TidyDo(func() { core.Eval(f.Call(x)) }) }
			run()
			calls := max(1, int(1e7)/n)
			for b.Loop() {
				for range calls {
					run()
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*calls*n), "ns/element")
		})
	}
}
