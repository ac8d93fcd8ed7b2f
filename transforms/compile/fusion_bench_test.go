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

// BenchmarkReplay is a call of a program of n nodes that nothing fuses. Its cost
// for each node must not grow with n.
func BenchmarkReplay(b *testing.B) {
	for _, n := range []int{100, 1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			x := core.Ones(core.Float32, 2, 2)
			f := compile.Of(func(x arr) arr {
				for range n {
					x = x.MatMul(x)
				}
				return x
			})
			f.Call(x)
			stop := cpuTime(b)
			for b.Loop() {
				core.TidyDo(func() { f.Call(x) })
			}
			stop()
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/node")
		})
	}
}
