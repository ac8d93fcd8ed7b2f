package compile_test

import (
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
