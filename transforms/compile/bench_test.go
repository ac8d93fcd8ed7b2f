package compile_test

import (
	"syscall"
	"testing"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/core/tree"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
)

// dense is one layer of an mlp.
type dense struct{ W, B arr }

type mlp struct{ L []dense }

func newMLP(sizes ...int) mlp {
	var m mlp
	key := random.Key(1)
	for i := range len(sizes) - 1 {
		var k arr
		key, k = random.Split(key)
		w := random.Normal(k, core.Float32, sizes[i], sizes[i+1]).Mul(num(0.1)).Eval()
		m.L = append(m.L, dense{w, core.Zeros(core.Float32, sizes[i+1]).Eval()})
	}
	return m
}

func (m mlp) loss(x, y arr) arr {
	for i, l := range m.L {
		x = core.AddMM(l.B, x, l.W)
		if i < len(m.L)-1 {
			x = x.Maximum(num(0))
		}
	}
	return x.Sub(y).Square().Mean()
}

// sgd is one step of training.
func sgd(m mlp, x, y arr) (arr, mlp) {
	l, g := grad.ValueAndGrad(func(m mlp) arr { return m.loss(x, y) })(m)
	return l, tree.Map2(m, g, func(p, g arr) arr { return p.Sub(g.Mul(num(0.01))) })
}

func batch(n, in, out int) (x, y arr) {
	a, b := random.Split(random.Key(2))
	x, y = random.Normal(a, core.Float32, n, in), random.Normal(b, core.Float32, n, out)
	core.Eval(x, y)
	return x, y
}

// cpuTime adds the processor time of all threads to b's figures, which other
// programs on the machine disturb less than the time on the wall.
func cpuTime(b *testing.B) (stop func()) {
	used := func() int64 {
		var u syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
		return u.Utime.Nano() + u.Stime.Nano()
	}
	start := used()
	return func() { b.ReportMetric(float64(used()-start)/float64(b.N), "cpu-ns/op") }
}

// BenchmarkCall is what a call costs before its results are evaluated.
func BenchmarkCall(b *testing.B) {
	b.Run("mlp of 6 arrays", func(b *testing.B) {
		m := newMLP(784, 256, 256, 10)
		x, y := batch(8, 784, 10)
		step := compile.Of(sgd)
		step.Call(m, x, y)
		b.ReportAllocs()
		defer cpuTime(b)()
		for b.Loop() {
			step.Call(m, x, y)
		}
	})
	b.Run("20 arrays in and out", func(b *testing.B) {
		m := newMLP(4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4)
		step := compile.Of(func(m mlp) mlp { return tree.Map(m, func(a arr) arr { return a.Neg() }) })
		step.Call(m)
		b.ReportAllocs()
		defer cpuTime(b)()
		for b.Loop() {
			step.Call(m)
		}
	})
	b.Run("one array", func(b *testing.B) {
		x := num(1)
		f := compile.Of(func(x arr) arr { return x.Neg() })
		f.Call(x)
		b.ReportAllocs()
		defer cpuTime(b)()
		for b.Loop() {
			f.Call(x)
		}
	})
}

// BenchmarkStep is a step of training with its evaluation.
func BenchmarkStep(b *testing.B) {
	m := newMLP(64, 32, 10)
	x, y := batch(32, 64, 10)
	step := compile.Of(sgd)
	for _, c := range []struct {
		name string
		f    func(mlp, arr, arr) (arr, mlp)
	}{{"compiled", step.Call}, {"eager", sgd}} {
		b.Run(c.name, func(b *testing.B) {
			p := m
			defer cpuTime(b)()
			for b.Loop() {
				var l arr
				l, p = c.f(p, x, y)
				core.Eval(l, p)
			}
		})
	}
}
