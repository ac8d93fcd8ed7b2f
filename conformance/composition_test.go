package conformance

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/linalg"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/flow"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

type (
	arr = *core.Array
	fn  = func(arr) arr
)

// A composed function is made twice: plain has Go's loops, stacks and operations
// where f has control flow, rules of its own, checkpoints, programs and vmap.
type composed struct {
	name     string
	f, plain fn
}

func scalar(v float32) arr { return core.Scalar(v) }

func swish(x arr) arr { return x.Mul(x.Sin()) }

// swishWith has rules that are right, so that only where they are used differs.
func swishWith(vjp, jvp bool) fn {
	slope := func(x arr) arr { return x.Sin().Add(x.Mul(x.Cos())) }
	var rules []grad.Rule[arr, arr]
	if vjp {
		rules = append(rules, grad.WithVJP(func(x, _, ct arr) arr { return ct.Mul(slope(x)) }))
	}
	if jvp {
		rules = append(rules, grad.WithJVP(func(x, _, d arr) arr { return d.Mul(slope(x)) }))
	}
	return grad.Custom(swish, rules...)
}

// functions take and return matrices of three columns.
func functions() []composed {
	w := core.From([]float32{0.5, -0.2, 0.3, 0.1, 0.7, -0.4, 0.2, 0.6, -0.1}, 3, 3)
	start := core.Full(core.Float32, 0.5, 3)
	same := func(name string, f fn) composed { return composed{name, f, f} }
	step := func(x, c, row arr) (arr, arr) { n := c.Mul(row).Cos(); return n, n.Mul(x.Index(0)) }
	scan := func(reverse bool, opts ...flow.Option) composed {
		return composed{"scan", func(x arr) arr {
			c, ys := flow.Scan(func(c, row arr) (arr, arr) { return step(x, c, row) }, start, x, opts...)
			return ys.Add(c)
		}, func(x arr) arr {
			c, ys := start, make([]arr, x.Dim(0))
			for k := range ys {
				i := k
				if reverse {
					i = len(ys) - 1 - k
				}
				c, ys[i] = step(x, c, x.Index(i))
			}
			return core.Stack(0, ys...).Add(c)
		}}
	}
	round := func(x, s arr) arr { return s.Mul(x).Sin() }
	return []composed{
		same("elementwise", func(x arr) arr { return x.Sin().Mul(x).Add(x.Mean().Exp()) }),
		same("product", func(x arr) arr { return x.MatMul(w).Tanh() }),
		same("softmax", func(x arr) arr { return x.Softmax(-1).Mul(x) }),
		same("sort", func(x arr) arr { return x.Sort(-1).Mul(x) }),
		same("running", func(x arr) arr { return x.CumSum(1).Sin().Add(x.CumProd(0)) }),
		same("update", func(x arr) arr { return x.AtAdd(x.At(core.Pick(0)).Square(), core.Pick(1)) }),
		same("factor", func(x arr) arr {
			return x.MatMul(linalg.Cholesky(x.T().MatMul(x).Add(core.Identity(core.Float32, 3))))
		}),
		same("stopped", func(x arr) arr { return grad.Stop(x).Mul(x) }),
		same("itself", func(x arr) arr { return x }),
		{"for", func(x arr) arr {
			return flow.For(3, func(i, s arr) arr { return round(x, s).Add(i.AsType(core.Float32)) }, x)
		}, func(x arr) arr {
			s := x
			for i := range 3 {
				s = round(x, s).Add(scalar(float32(i)))
			}
			return s
		}},
		scan(false), scan(true, flow.Reverse(), flow.Remat()),
		{"cond", func(x arr) arr {
			return flow.Cond(x.Sum().GreaterScalar(0.2), arr.Sin, func(x arr) arr { return x.Mul(x).Mul(x) }, x)
		}, func(x arr) arr { return core.Where(x.Sum().GreaterScalar(0.2), x.Sin(), x.Mul(x).Mul(x)) }},
		{"while", func(x arr) arr {
			type state struct{ N, X arr }
			return flow.While(func(s state) arr { return s.N.Less(core.Scalar(int32(3))) },
				func(s state) state { return state{s.N.AddScalar(1), round(x, s.X)} }, state{core.Scalar(int32(0)), x}).X
		}, func(x arr) arr { return round(x, round(x, round(x, x))) }},
		{"vjp rule", swishWith(true, false), swish},
		{"jvp rule", swishWith(false, true), swish},
		{"both rules", swishWith(true, true), swish},
		{"mean over examples", vmap.Of(func(x arr) arr { return x.Sub(vmap.Mean(x.Sin(), "row")) }, vmap.Name("row")),
			func(x arr) arr { return x.Sub(x.Sin().Mean(0)) }},
		{"saved", grad.Checkpoint(func(x arr) arr { return grad.Name(x.Sin(), "s").Mul(x) }, grad.SaveNamed("s")),
			func(x arr) arr { return x.Sin().Mul(x) }},
	}
}

// A wrapping goes around a function; plain is what it comes to.
type wrapping struct {
	name     string
	f, plain func(fn) fn
}

func wrappings() []wrapping {
	same := func(name string, w func(fn) fn) wrapping { return wrapping{name, w, w} }
	nothing := func(name string, w func(fn) fn) wrapping { return wrapping{name, w, func(f fn) fn { return f }} }
	mapped := func(axis, out int, opts ...vmap.Option) wrapping {
		sum := func(a, b arr) arr { return a.Add(b.MulScalar(0.5)) }
		two := func(x arr) arr { return core.Stack(axis, x, x.Neg().MulScalar(0.5)) }
		return wrapping{fmt.Sprintf("vmap %d to %d", axis, out), func(f fn) fn {
			g := vmap.Of(f, append(opts, vmap.In(axis), vmap.Out(out))...)
			return func(x arr) arr {
				y := g(two(x)).MoveAxis(out, 0)
				return sum(y.Index(0), y.Index(1))
			}
		}, func(f fn) fn {
			return func(x arr) arr {
				s := two(x).MoveAxis(axis, 0)
				return sum(f(s.Index(0)), f(s.Index(1)))
			}
		}}
	}
	return []wrapping{
		nothing("compile", func(f fn) fn { return compile.Of(f).Call }),
		nothing("shapeless", func(f fn) fn { return compile.Of(f, compile.Shapeless()).Call }),
		nothing("captured", func(f fn) fn { return func(x arr) arr { return compile.Of(func() arr { return f(x) }).Call() } }),
		nothing("checkpoint", func(f fn) fn { return grad.Checkpoint(f) }),
		nothing("custom", func(f fn) fn { return grad.Custom(f) }),
		nothing("tidy", func(f fn) fn { return func(x arr) arr { return core.Tidy(func() arr { return f(x) }) } }),
		nothing("once", func(f fn) fn { return func(x arr) arr { return flow.For(1, func(_, s arr) arr { return f(s) }, x) } }),
		same("grad", func(f fn) fn { return grad.Of(func(x arr) arr { return f(x).Sum() }) }),
		same("vjp", func(f fn) fn { return func(x arr) arr { y, pull := grad.VJP(f, x); return pull(y.Cos()) } }),
		same("jvp", func(f fn) fn { return func(x arr) arr { y, d := grad.JVP(f, x, x.Sin()); return y.Add(d) } }),
		same("linearize", func(f fn) fn { return func(x arr) arr { y, push := grad.Linearize(f, x); return push(y.Sin()) } }),
		same("jacobian", func(f fn) fn { return func(x arr) arr { return grad.JacRev(f)(x).Sum(0, 1) } }),
		same("forward", func(f fn) fn { return func(x arr) arr { return grad.JacFwd(f)(x).Sum(0, 1) } }),
		mapped(0, 0), mapped(1, 0), mapped(2, 1), mapped(-1, -1),
		mapped(0, 1, vmap.Sequential()), mapped(0, 0, vmap.Name("other")),
	}
}

// Up to four transforms around each other are what they are around Go's loops, at
// one size and then at others; or they say with a typed error that they cannot.
func TestBehaviour31_AnyCompositionEqualsLoops(t *testing.T) {
	fs, ws := functions(), wrappings()
	v := []float32{0.3, -0.2, 0.5, 0.4, 0.7, -0.1, 0.2, 0.1, 0.25, -0.3, 0.6, 0.15}
	rapid.Check(t, func(rt *rapid.T) {
		c := rapid.SampledFrom(fs).Draw(rt, "function")
		for range rapid.IntRange(1, 4).Draw(rt, "depth") {
			w := rapid.SampledFrom(ws).Draw(rt, "wrapping")
			c = composed{c.name + ", " + w.name, w.f(c.f), w.plain(c.plain)}
		}
		for _, rows := range []int{2, 4, 2, 3} {
			core.TidyDo(func() {
				x := core.From(v[:3*rows], rows, 3)
				want := c.plain(x)
				got, err := core.Try(func() arr { return c.f(x) })
				if errors.Is(err, core.ErrShapeless) {
					return
				}
				if errors.Is(err, core.ErrNotDifferentiable) {
					require.Contains(rt, c.name, "while", "only a While has one derivative and no more")
					return
				}
				require.NoError(rt, err, c.name)
				require.Equal(rt, want.Spec(), got.Spec(), c.name)
				size := max(1, want.Abs().Max().Item())
				g := core.Data[float32](got)
				for i, w := range core.Data[float32](want) {
					if math.IsInf(size, 0) || w != w && g[i] != g[i] {
						continue // a derivative grew out of range
					}
					require.InDelta(rt, w, g[i], 1e-3*size, "%s at %d rows", c.name, rows)
				}
			})
		}
	})
}
