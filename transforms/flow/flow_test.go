package flow_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/flow"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

type arr = *core.Array

func num(v float32) arr      { return core.Scalar(v) }
func vec(v ...float32) arr   { return core.From(v) }
func floats(a arr) []float32 { return core.Data[float32](a) }
func near(t *testing.T, want, got arr, what string) {
	t.Helper()
	require.Equal(t, want.Shape(), got.Shape(), what)
	require.InDeltaSlice(t, floats(want), floats(got), 2e-4, what)
}

// net is a small recurrent network, and what it reads.
type net struct{ W, U, B, H, X arr }

func sample(seed uint64) net {
	k := random.SplitN(random.Key(seed), 5)
	n := func(i int, shape ...int) arr {
		return random.Normal(k.Index(i), core.Float32, shape...).MulScalar(0.5)
	}
	return net{n(0, 4, 4), n(1, 3, 4), n(2, 4), n(3, 4), n(4, 6, 3)}
}

func (n net) cell(h, x arr) arr { return h.MatMul(n.W).Add(x.MatMul(n.U)).Add(n.B).Tanh() }

// scanned and unrolled compute the same; the step captures the weights.
func scanned(opts ...flow.Option) func(net) arr {
	return func(n net) arr {
		h, ys := flow.Scan(func(h, x arr) (arr, arr) {
			h = n.cell(h, x)
			return h, h.Square().Sum().Mul(x.Sum())
		}, n.H, n.X, opts...)
		return h.Sum().Add(ys.Sin().Sum())
	}
}

func unrolled(reverse bool) func(net) arr {
	return func(n net) arr {
		h, sum := n.H, num(0)
		for t := range 6 {
			if reverse {
				t = 5 - t
			}
			x := n.X.Index(t)
			h = n.cell(h, x)
			sum = sum.Add(h.Square().Sum().Mul(x.Sum()).Sin())
		}
		return h.Sum().Add(sum)
	}
}

func same(t *testing.T, want, got net, what string) {
	t.Helper()
	near(t, want.W, got.W, what+".W")
	near(t, want.U, got.U, what+".U")
	near(t, want.B, got.B, what+".B")
	near(t, want.H, got.H, what+".H")
	near(t, want.X, got.X, what+".X")
}

// A scan is the loop that it stands for, under every transform.
func TestScanIsTheLoop(t *testing.T) {
	for name, c := range map[string]struct {
		scan, loop func(net) arr
	}{
		"plain":         {scanned(), unrolled(false)},
		"remat":         {scanned(flow.Remat()), unrolled(false)},
		"reverse":       {scanned(flow.Reverse()), unrolled(true)},
		"reverse remat": {scanned(flow.Reverse(), flow.Remat()), unrolled(true)},
	} {
		t.Run(name, func(t *testing.T) {
			n, d := sample(1), sample(2)
			near(t, c.loop(n), c.scan(n), "value")
			near(t, c.loop(n), compile.Of(c.scan).Call(n), "compiled")
			want := grad.Of(c.loop)(n)
			same(t, want, grad.Of(c.scan)(n), "grad")
			same(t, want, compile.Of(grad.Of(c.scan)).Call(n), "compile(grad)")
			same(t, want, grad.Of(compile.Of(c.scan).Call)(n), "grad(compile)")
			_, pull := grad.VJP(c.scan, n)
			same(t, want, pull(num(1)), "pullback")
			_, dwant := grad.JVP(c.loop, n, d)
			_, dgot := grad.JVP(c.scan, n, d)
			near(t, dwant, dgot, "jvp")
			_, dgot = grad.JVP(compile.Of(c.scan).Call, n, d)
			near(t, dwant, dgot, "jvp(compile)")

			// Second order, three ways.
			dot := func(f func(net) arr) func(net) arr {
				return func(n net) arr {
					g := grad.Of(f)(n)
					return g.W.Mul(d.W).Sum().Add(g.U.Mul(d.U).Sum()).Add(g.B.Mul(d.B).Sum()).Add(g.H.Mul(d.H).Sum()).Add(g.X.Mul(d.X).Sum())
				}
			}
			second := grad.Of(dot(c.loop))(n)
			same(t, second, grad.Of(dot(c.scan))(n), "grad(grad)")
			_, h := grad.JVP(grad.Of(c.scan), n, d)
			same(t, second, h, "jvp(grad)")
			same(t, second, grad.Of(func(n net) arr { _, d := grad.JVP(c.scan, n, d); return d })(n), "grad(jvp)")
			same(t, second, compile.Of(grad.Of(dot(c.scan))).Call(n), "compile(grad(grad))")
		})
	}
}

// The gradients of weights that a batch of rows goes through are products of all steps'
// rows at once, for weights on either side of their transposition, used more than once.
func TestScanSumsUpProducts(t *testing.T) {
	type weights struct{ W, U, B arr }
	const steps, rows, in, out = 5, 3, 6, 8
	x := random.Normal(random.Key(1), core.Float32, steps, rows, in)
	w := weights{random.Normal(random.Key(2), core.Float32, in, out), random.Normal(random.Key(3), core.Float32, out, out), random.Normal(random.Key(4), core.Float32, out)}
	step := func(w weights) func(h, x arr) (arr, arr) {
		return func(h, x arr) (arr, arr) {
			a := x.MatMul(w.W).Add(h.MatMul(w.U.T())).Add(w.B).Tanh()
			h = a.Mul(h.MatMul(w.U).Sigmoid())
			return h, h.Square().Sum()
		}
	}
	zero := core.Zeros(core.Float32, rows, out)
	for name, options := range map[string][]flow.Option{"": nil, "remat": {flow.Remat()}, "reverse": {flow.Reverse()}} {
		t.Run(name, func(t *testing.T) {
			scan := func(w weights, x arr) arr {
				h, y := flow.Scan(step(w), zero, x, options...)
				return h.Sum().Add(y.Sum())
			}
			loop := func(w weights, x arr) arr {
				h, sum := zero, num(0)
				for i := range steps {
					if name == "reverse" {
						i = steps - 1 - i
					}
					var y arr
					h, y = step(w)(h, x.Index(i))
					sum = sum.Add(y)
				}
				return h.Sum().Add(sum)
			}
			equal := func(want, got weights, what string) {
				t.Helper()
				near(t, want.W, got.W, what+".W")
				near(t, want.U, got.U, what+".U")
				near(t, want.B, got.B, what+".B")
			}
			at := func(f func(weights, arr) arr) func(weights) arr { return func(w weights) arr { return f(w, x) } }
			want := grad.Of(at(loop))(w)
			equal(want, grad.Of(at(scan))(w), "grad")
			equal(want, compile.Of(grad.Of(at(scan))).Call(w), "compile(grad)")
			d := weights{w.W.Cos(), w.U.Cos(), w.B.Cos()}
			dot := func(f func(weights) arr) func(weights) arr {
				return func(w weights) arr {
					g := grad.Of(f)(w)
					return g.W.Mul(d.W).Sum().Add(g.U.Mul(d.U).Sum()).Add(g.B.Mul(d.B).Sum())
				}
			}
			second := grad.Of(dot(at(loop)))(w)
			equal(second, grad.Of(dot(at(scan)))(w), "grad(grad)")
			_, forward := grad.JVP(grad.Of(at(scan)), w, d)
			equal(second, forward, "jvp(grad)")
			many := core.Stack(0, x, x.Neg())
			per := vmap.Of(func(x arr) weights { return grad.Of(func(w weights) arr { return scan(w, x) })(w) })(many)
			other := grad.Of(func(w weights) arr { return loop(w, x.Neg()) })(w)
			equal(weights{core.Stack(0, want.W, other.W), core.Stack(0, want.U, other.U), core.Stack(0, want.B, other.B)}, per, "vmap(grad)")
		})
	}
}

func TestScanOverExamples(t *testing.T) {
	a, b := sample(3), sample(4)
	both := net{core.Stack(0, a.W, b.W), core.Stack(1, a.U, b.U), core.Stack(1, a.B, b.B), core.Stack(0, a.H, b.H), core.Stack(2, a.X, b.X)}
	axes := vmap.Axes{"W": 0, "U": 1, "B": 1, "H": 0, "X": 2}
	for _, f := range []func(net) arr{scanned(), scanned(flow.Remat())} {
		got := vmap.Of(f, vmap.In(axes))(both)
		near(t, core.Stack(0, f(a), f(b)), got, "vmap")
		g := vmap.Of(grad.Of(f), vmap.In(axes))(both)
		ga, gb := grad.Of(f)(a), grad.Of(f)(b)
		same(t, net{core.Stack(0, ga.W, gb.W), core.Stack(0, ga.U, gb.U), core.Stack(0, ga.B, gb.B), core.Stack(0, ga.H, gb.H), core.Stack(0, ga.X, gb.X)}, g, "vmap(grad)")
		gv := grad.Of(func(n net) arr { return vmap.Of(f, vmap.In(axes))(n).Sum() })(both)
		near(t, core.Stack(2, ga.X, gb.X), gv.X, "grad(vmap)")
		near(t, core.Stack(0, ga.W, gb.W), gv.W, "grad(vmap)")
		near(t, core.Stack(0, f(a), f(b)), compile.Of(vmap.Of(f, vmap.In(axes))).Call(both), "compile(vmap)")
	}
	// Only what is scanned is mapped: the state becomes mapped on the way.
	sum := func(x arr) arr {
		s, _ := flow.Scan(func(s, x arr) (arr, arr) { return s.Add(x), s }, num(0), x)
		return s
	}
	near(t, vec(6, 15), vmap.Of(sum)(core.From([]float32{1, 2, 3, 4, 5, 6}, 2, 3)), "mapped on the way")
	// Per-example gradients with shared weights.
	x := core.Stack(0, a.X, b.X)
	f := func(w, x arr) arr { n := a; n.W, n.X = w, x; return scanned()(n) }
	g := vmap.Of(grad.Of2(f), vmap.In(nil, 0))(a.W, x)
	near(t, grad.Of2(f)(a.W, b.X), g.Index(1), "per example")
}

func TestForCounts(t *testing.T) {
	factorial := func(x arr) arr {
		return flow.For(5, func(i, s arr) arr { return s.Mul(x.Add(i.AsType(core.Float32))) }, num(1))
	}
	require.InDelta(t, 120, factorial(num(1)).Item(), 1e-3)
	// d/dx of x(x+1)(x+2)(x+3)(x+4) at 1 is 120·(1 + 1/2 + 1/3 + 1/4 + 1/5).
	require.InDelta(t, 274, grad.Of(factorial)(num(1)).Item(), 1e-2)
	require.InDelta(t, 3, flow.For(0, func(i, s arr) arr { return s.Add(i.AsType(core.Float32)) }, num(3)).Item(), 0)
	last, ys := flow.Scan(func(s, x arr) (arr, arr) { return s.Add(x), s.Mul(x) }, num(2), core.Zeros(core.Float32, 0))
	require.InDelta(t, 2, last.Item(), 0)
	require.Equal(t, []int{0}, ys.Shape())
}

// newton finds √a by Newton's method.
func newton(a arr) arr {
	type state struct{ X, N arr }
	s := flow.While(func(s state) arr {
		return s.X.Square().Sub(a).Abs().Greater(a.MulScalar(1e-6)).LogicalAnd(s.N.Less(core.Scalar(int32(50))))
	}, func(s state) state {
		return state{s.X.Add(a.Div(s.X)).MulScalar(0.5), s.N.AddScalar(1)}
	}, state{a.MulScalar(0.7), core.Scalar(int32(0))})
	return s.X
}

func TestWhile(t *testing.T) {
	require.InDelta(t, 3, newton(num(9)).Item(), 1e-5)
	require.InDelta(t, 3, compile.Of(newton).Call(num(9)).Item(), 1e-5)
	require.InDelta(t, 1./6, grad.Of(newton)(num(9)).Item(), 1e-4)
	require.InDelta(t, 1./6, compile.Of(grad.Of(newton)).Call(num(9)).Item(), 1e-4)
	require.InDelta(t, 1./6, grad.Of(compile.Of(newton).Call)(num(9)).Item(), 1e-4)
	_, d := grad.JVP(newton, num(9), num(2))
	require.InDelta(t, 1./3, d.Item(), 1e-4)
	// Reverse over forward: d²√a = -1/4·a^(-3/2).
	second := grad.Of(func(a arr) arr { _, d := grad.JVP(newton, a, num(1)); return d })
	require.InDelta(t, -1./4/27, second(num(9)).Item(), 1e-4)
	// Examples end at different rounds.
	near(t, vec(1, 2, 3, 10), vmap.Of(newton)(vec(1, 4, 9, 100)), "vmap")
	near(t, vec(.5, .25, 1./6, .05), vmap.Of(grad.Of(newton))(vec(1, 4, 9, 100)), "vmap(grad)")
	near(t, vec(.5, .25, 1./6, .05), grad.Of(func(a arr) arr { return vmap.Of(newton)(a).Sum() })(vec(1, 4, 9, 100)), "grad(vmap)")
	e := failure(t, func() { grad.Of(grad.Of(newton))(num(9)) })
	require.ErrorIs(t, e, core.ErrNotDifferentiable)
	require.Contains(t, e.Error(), "flow.Scan")
}

func TestCond(t *testing.T) {
	k := num(3)
	f := func(x arr) arr {
		return flow.Cond(x.Greater(num(0)),
			func(x arr) arr { return x.Mul(x).Mul(k) },
			func(x arr) arr { return x.Neg().Log() }, x)
	}
	for _, g := range []func(arr) arr{f, compile.Of(f).Call} {
		require.InDelta(t, 12, g(num(2)).Item(), 1e-5)
		require.InDelta(t, 0, g(num(-1)).Item(), 1e-5)
		require.InDelta(t, 12, grad.Of(g)(num(2)).Item(), 1e-5)
		require.InDelta(t, 6, grad.Of(grad.Of(g))(num(2)).Item(), 1e-5)
		require.InDelta(t, -.5, grad.Of(g)(num(-2)).Item(), 1e-5)
		_, d := grad.JVP(g, num(-2), num(4))
		require.InDelta(t, -2, d.Item(), 1e-5)
	}
	require.InDelta(t, -.25, compile.Of(grad.Of(grad.Of(f))).Call(num(-2)).Item(), 1e-5)
	near(t, vec(12, 0), vmap.Of(f)(vec(2, -1)), "vmap over the condition")
	near(t, vec(12, -1), vmap.Of(grad.Of(f))(vec(2, -1)), "vmap(grad)")
	one := func(p, x arr) arr {
		return flow.Cond(p, func(x arr) arr { return x.Square() }, func(arr) arr { return k }, x)
	}
	near(t, vec(4, 1), vmap.Of(one, vmap.In(nil, 0))(core.Scalar(true), vec(2, -1)), "vmap over the argument")
	near(t, vec(3, 3), vmap.Of(one, vmap.In(nil, 0))(core.Scalar(false), vec(2, -1)), "a result that is not mapped")
	// What is captured has a gradient.
	g := grad.Of(func(w arr) arr {
		return flow.Cond(core.Scalar(true), func(x arr) arr { return w.Mul(x) }, func(x arr) arr { return x }, num(5))
	})
	require.InDelta(t, 5, g(num(1)).Item(), 0)
}

// Bodies may hold control flow themselves.
func TestNesting(t *testing.T) {
	f := func(x arr) arr {
		return flow.For(3, func(i, s arr) arr {
			return flow.Cond(i.Equal(core.Scalar(int32(1))), func(s arr) arr {
				return flow.For(2, func(_, s arr) arr { return s.Mul(x) }, s)
			}, func(s arr) arr { return s.Add(x) }, s)
		}, num(1))
	}
	// ((1+x)·x²)+x
	require.InDelta(t, 14, f(num(2)).Item(), 1e-5)
	require.InDelta(t, 17, grad.Of(f)(num(2)).Item(), 1e-4) // 2x + 3x² + 1
	require.InDelta(t, 17, compile.Of(grad.Of(f)).Call(num(2)).Item(), 1e-4)
	require.InDelta(t, 14, grad.Of(grad.Of(f))(num(2)).Item(), 1e-3)
	near(t, vec(3, 14), vmap.Of(f)(vec(1, 2)), "vmap")
	// A transform inside of a body.
	g := func(x arr) arr {
		return flow.For(2, func(_, s arr) arr { return grad.Of(func(s arr) arr { return s.Mul(s).Mul(x) })(s) }, num(1))
	}
	require.InDelta(t, 36, g(num(3)).Item(), 1e-4) // (2x)²
	require.InDelta(t, 24, grad.Of(g)(num(3)).Item(), 1e-4)
}

// The derivative of a sigmoid holds a constant, which the forward pass of a step
// takes beside its own inputs; that of the product reads the captured weights
// transposed. One must not be taken for the other.
func TestScanOfStepsWhoseDerivativesHoldConstants(t *testing.T) {
	n := sample(3)
	step := func(n net, h arr) arr { return h.MatMul(n.W).Sigmoid() }
	scan := func(n net) arr {
		return flow.For(3, func(_, h arr) arr { return step(n, h) }, n.H).Sum()
	}
	loop := func(n net) arr { return step(n, step(n, step(n, n.H))).Sum() }
	same(t, grad.Of(loop)(n), grad.Of(scan)(n), "gradient")
}

// A function keeps its rules in the body of any loop, whatever maps and derives the loop.
func TestRulesInBodies(t *testing.T) {
	base := func(c arr) arr { return c.Tanh().MulScalar(0.3) }
	rules := map[string]func(arr) arr{
		"vjp": grad.Custom(base, grad.WithVJP(func(a, _, ct arr) arr { return ct.Mul(a.Tanh().Square().Neg().AddScalar(1)).MulScalar(0.3) })),
		"jvp": grad.Custom(base, grad.WithJVP(func(a, _, ta arr) arr { return ta.Mul(a.Tanh().Square().Neg().AddScalar(1)).MulScalar(0.3) })),
	}
	x := vec(0.5, 0.4)
	plain := func(x arr) arr { return base(base(x)) }
	for name, rule := range rules {
		type state struct{ X, N arr }
		for loop, f := range map[string]func(arr) arr{
			"while": func(x arr) arr {
				return flow.While(func(s state) arr { return s.N.Less(num(2)) }, func(s state) state { return state{rule(s.X), s.N.AddScalar(1)} }, state{x, num(0)}).X
			},
			"for": func(x arr) arr { return flow.For(2, func(_, x arr) arr { return rule(x) }, x) },
			"scan": func(x arr) arr {
				c, _ := flow.Scan(func(c, _ arr) (arr, arr) { return rule(c), c }, x, vec(0, 0))
				return c
			},
			"cond": func(x arr) arr {
				return flow.Cond(core.Scalar(true), func(x arr) arr { return rule(rule(x)) }, func(x arr) arr { return x }, x)
			},
		} {
			what := name + " rule in " + loop
			sum := func(f func(arr) arr) func(arr) arr { return func(x arr) arr { return f(x).Sum() } }
			near(t, grad.JacRev(plain)(x), grad.JacRev(f)(x), what+", jacrev")
			near(t, grad.JacRev(plain)(x), grad.JacFwd(f)(x), what+", jacfwd")
			near(t, grad.Of(sum(plain))(x), vmap.Of(grad.Of(sum(f)))(x.ExpandDims(0)).Index(0), what+", each gradient")
			near(t, grad.Of(sum(plain))(x), grad.Of(sum(vmap.Of(f)))(x.ExpandDims(0)).Index(0), what+", gradient of each")
			near(t, grad.JacRev(plain)(x), compile.Of(grad.JacRev(f)).Call(x), what+", compiled")
		}
	}
}
