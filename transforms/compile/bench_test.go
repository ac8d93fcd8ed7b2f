package compile_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

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

// trained is a network with Adam's state.
type trained struct {
	P, M, V mlp
	T       arr
}

func newTrained(m mlp) trained {
	zeros := func(p arr) arr { return p.ZerosLike().Eval() }
	return trained{m, tree.Map(m, zeros), tree.Map(m, zeros), num(0)}
}

// adam is one step of training with Adam.
func adam(s trained, x, y arr) (arr, trained) {
	l, g := grad.ValueAndGrad(func(m mlp) arr { return m.loss(x, y) })(s.P)
	t := s.T.AddScalar(1)
	m := tree.Map2(s.M, g, func(m, g arr) arr { return m.MulScalar(0.9).Add(g.MulScalar(0.1)) })
	v := tree.Map2(s.V, g, func(v, g arr) arr { return v.MulScalar(0.999).Add(g.Square().MulScalar(0.001)) })
	root := t.RPowScalar(0.999).RSubScalar(1).Sqrt()
	scale := t.RPowScalar(0.9).RSubScalar(1).RDivScalar(0.001).Mul(root)
	move := tree.Map2(m, v, func(m, v arr) arr { return scale.Mul(m).Div(v.Sqrt().Add(root.MulScalar(1e-8))) })
	return l, trained{tree.Map2(s.P, move, func(p, d arr) arr { return p.Sub(d) }), m, v, t}
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
	// A step of the 784-256-256-10 network with Adam has 21 arrays in and 20 out.
	// Its trees alone are what a call costs beyond the operations that it repeats.
	for _, c := range []struct {
		name string
		f    func(trained, arr, arr) (arr, trained)
	}{{"adam step", adam}, {"adam step's trees", func(s trained, x, y arr) (arr, trained) { return x, s }}} {
		b.Run(c.name, func(b *testing.B) {
			s := newTrained(newMLP(784, 256, 256, 10))
			x, y := batch(128, 784, 10)
			step := compile.Of(c.f)
			step.Call(s, x, y)
			b.ReportAllocs()
			defer cpuTime(b)()
			for b.Loop() {
				step.Call(s, x, y)
			}
		})
	}
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

// BenchmarkFiles exports and imports a function with a constant of 64 MiB, and one
// of 3000 operations.
func BenchmarkFiles(b *testing.B) {
	big := core.Ones(core.Float32, 4096, 4096).MulScalar(2)
	core.Eval(big)
	deep := func(x arr) arr {
		for range 1500 {
			x = x.Sin().MulScalar(0.5)
		}
		return x
	}
	for name, c := range map[string]struct {
		f func(x arr) arr
		x arr
	}{
		"constant": {func(x arr) arr { return x.MatMul(big) }, core.Zeros(core.Float32, 1, 4096)},
		"deep":     {deep, core.Zeros(core.Float32, 16)},
	} {
		path := filepath.Join(b.TempDir(), "f.mlxfn")
		lowered := compile.Of(c.f).Lower(c.x)
		b.Run("export/"+name, func(b *testing.B) {
			for b.Loop() {
				require.NoError(b, compile.Export(path, lowered))
			}
		})
		b.Run("read/"+name, func(b *testing.B) {
			for b.Loop() {
				_, err := os.ReadFile(path) // beside the others: the file alone
				require.NoError(b, err)
			}
		})
		b.Run("import/"+name, func(b *testing.B) {
			for b.Loop() {
				f, err := compile.ImportFile[func(x arr) arr](path)
				require.NoError(b, err)
				f.Close()
			}
		})
	}
}
