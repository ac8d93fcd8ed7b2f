package grad_test

import (
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

func double(x arr) arr { return x.Add(x) }

// Rules that are wrong on purpose show where they were used: the vjp of square is
// 10·x·ct, its jvp is 100·x·t, and its vmap gives x²+1000.
func strange(x arr) arr { return x.Mul(x) }

func strangeVJP() grad.Rule[arr, arr] {
	return grad.WithVJP(func(x, _, ct arr) arr { return x.Mul(ct).MulScalar(10) })
}

func strangeJVP() grad.Rule[arr, arr] {
	return grad.WithJVP(func(x, _, t arr) arr { return x.Mul(t).MulScalar(100) })
}

func strangeVMap() grad.Rule[arr, arr] {
	return grad.WithVMap(func(b grad.Batch, x arr) arr { return x.Mul(x).AddScalar(1000) })
}

func TestBehaviour23_ARuleOverridesOnlyItself(t *testing.T) {
	x, xs := num(3), vec(3, 5)
	cases := map[string]struct {
		rules                      []grad.Rule[arr, arr]
		reverse, forward, vectored float64
	}{
		"none": {nil, 6, 6, 9},
		"vjp":  {[]grad.Rule[arr, arr]{strangeVJP()}, 30, 6, 9},
		"jvp":  {[]grad.Rule[arr, arr]{strangeJVP()}, 6, 300, 9},
		"vmap": {[]grad.Rule[arr, arr]{strangeVMap()}, 6, 6, 1009},
		"all":  {[]grad.Rule[arr, arr]{strangeVJP(), strangeJVP(), strangeVMap()}, 30, 300, 1009},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f := grad.Custom(strange, c.rules...)
			near(t, []float64{9}, f(x))
			near(t, []float64{9}, compile.Of(f).Call(x))
			v, g := grad.ValueAndGrad(f)(x)
			near(t, []float64{9}, v)
			near(t, []float64{c.reverse}, g)
			_, pull := grad.VJP(f, x)
			near(t, []float64{2 * c.reverse}, pull(num(2)))
			v, d := grad.JVP(f, x, num(2))
			near(t, []float64{9}, v)
			near(t, []float64{2 * c.forward}, d)
			_, push := grad.Linearize(f, x)
			near(t, []float64{2 * c.forward}, push(num(2)))
			near(t, []float64{c.vectored, c.vectored + 16}, vmap.Of(f)(xs), 2)
			near(t, []float64{c.reverse, c.reverse / 3 * 5}, vmap.Of(grad.Of(f))(xs), 2)
			near(t, []float64{c.reverse, c.reverse / 3 * 5}, compile.Of(vmap.Of(grad.Of(f))).Call(xs), 2)
			near(t, []float64{c.reverse}, grad.Of(compile.Of(f).Call)(x))
			near(t, []float64{c.reverse}, compile.Of(grad.Of(f)).Call(x))
		})
	}
}

// ★ The custom vjp also counts for the gradient of the vectorized function.
func TestBehaviour23_GradOfVMapUsesTheRule(t *testing.T) {
	xs := core.From([]float32{1, 2, 3, 4, 5, 6}).Reshape(2, 3)
	rules := map[string][]grad.Rule[arr, arr]{
		"without a batch rule": {strangeVJP(), strangeJVP()},
		"with one":             {strangeVJP(), strangeJVP(), strangeVMap()},
	}
	for name, r := range rules {
		t.Run(name, func(t *testing.T) {
			f := grad.Custom(strange, r...)
			over := func(f func(arr) arr) func(arr) arr { return func(x arr) arr { return f(x).Sum() } }
			want := []float64{10, 20, 30, 40, 50, 60}
			near(t, want, grad.Of(over(vmap.Of(f)))(xs), 2, 3)
			near(t, want, grad.Of(over(vmap.Of(f, vmap.In(1))))(xs), 2, 3)
			near(t, want, grad.Of(over(vmap.Of(vmap.Of(f))))(xs), 2, 3)
			near(t, want, grad.Of(over(vmap.Of(vmap.Of(f), vmap.In(1))))(xs), 2, 3)
			near(t, want, compile.Of(grad.Of(over(vmap.Of(f)))).Call(xs), 2, 3)
			near(t, want, vmap.Of(grad.Of(over(vmap.Of(f))))(xs), 2, 3)
			_, d := grad.JVP(over(vmap.Of(f)), xs, core.Ones(core.Float32, 2, 3))
			near(t, []float64{2100}, d)
		})
	}
}

type pairOf struct {
	W, X arr
	N    arr
	Name string
}

func TestBehaviour23_RulesOfTrees(t *testing.T) {
	type out struct {
		Y   arr
		Sum arr
		Int arr
		No  arr
	}
	forward := func(p pairOf) out {
		y := p.W.Mul(p.X)
		return out{Y: y, Sum: y.Sum(), Int: p.N.Add(p.N)}
	}
	f := grad.Custom(forward,
		grad.WithVJP(func(p pairOf, r, ct out) pairOf {
			if ct.Int != nil || ct.No != nil || r.No != nil || r.Int == nil {
				panic("wrong tree")
			}
			all := ct.Y.Add(ct.Sum)
			return pairOf{W: all.Mul(p.X).MulScalar(10), X: all.Mul(p.W).MulScalar(10), Name: p.Name}
		}),
		grad.WithJVP(func(p pairOf, r out, d pairOf) out {
			if d.N != nil {
				panic("wrong tree")
			}
			y := d.W.Mul(p.X).Add(p.W.Mul(d.X)).MulScalar(100)
			return out{Y: y, Sum: y.Sum()}
		}))
	p := pairOf{W: vec(1, 2), X: vec(3, 4), N: core.From([]int32{7}), Name: "p"}
	r, pull := grad.VJP(f, p)
	near(t, []float64{3, 8}, r.Y, 2)
	near(t, []float64{14}, r.Int.AsType(core.Float32), 1)
	require.Nil(t, r.No)
	g := pull(out{Y: vec(1, 0), Sum: num(1)})
	near(t, []float64{60, 40}, g.W, 2)
	near(t, []float64{20, 20}, g.X, 2)
	require.Nil(t, g.N)
	require.Equal(t, "p", g.Name)
	g = pull(out{Sum: num(1)})
	near(t, []float64{30, 40}, g.W, 2)
	_, d := grad.JVP(f, p, pairOf{X: vec(1, 1), Name: "p"})
	near(t, []float64{100, 200}, d.Y, 2)
	near(t, []float64{300}, d.Sum)
	// Shared weights: their gradient is the sum over examples.
	batched := vmap.Of(f, vmap.In(vmap.Axes{"X": 1}))
	many := pairOf{W: p.W, X: core.From([]float32{3, 5, 4, 6}).Reshape(2, 2), N: p.N, Name: "p"}
	rs, pull2 := grad.VJP(batched, many)
	near(t, []float64{3, 8, 5, 12}, rs.Y, 2, 2)
	near(t, []float64{14, 14}, rs.Int.AsType(core.Float32), 2, 1)
	g = pull2(out{Sum: vec(1, 1)})
	near(t, []float64{80, 100}, g.W, 2)
	near(t, []float64{10, 10, 20, 20}, g.X, 2, 2)
}

func TestBehaviour23_BatchRulesKnowWhatIsMapped(t *testing.T) {
	f := grad.Custom(func(p pairOf) arr { return p.W.Mul(p.X).Sum() },
		grad.WithVMap(func(b grad.Batch, p pairOf) arr {
			require.Equal(t, 3, b.Size)
			require.Equal(t, []bool{false, true, false}, []bool{b.Mapped("W"), b.Mapped("X"), b.Mapped("N")})
			require.Equal(t, []int{3, 2}, p.X.Shape())
			return p.X.MatMul(p.W)
		}))
	p := pairOf{W: vec(1, 2), X: core.From([]float32{1, 2, 3, 4, 5, 6}).Reshape(2, 3)}
	got := vmap.Of(f, vmap.In(vmap.Axes{"X": 1}))(p)
	near(t, []float64{9, 12, 15}, got, 3)
	// The gradient goes through the rule, which is the only one.
	g := grad.Of(func(p pairOf) arr { return vmap.Of(f, vmap.In(vmap.Axes{"X": 1}))(p).Sum() })(p)
	near(t, []float64{6, 15}, g.W, 2)
}

func TestBehaviour23_RulesAreDifferentiatedAgain(t *testing.T) {
	// sin with rules that call each other: any order is right.
	var sin, cos func(arr) arr
	sin = grad.Custom(func(x arr) arr { return x.Sin() },
		grad.WithVJP(func(x, y, ct arr) arr { return cos(x).Mul(ct) }),
		grad.WithJVP(func(x, y, d arr) arr { return cos(x).Mul(d) }))
	cos = grad.Custom(func(x arr) arr { return x.Cos() },
		grad.WithVJP(func(x, y, ct arr) arr { return sin(x).Neg().Mul(ct) }),
		grad.WithJVP(func(x, y, d arr) arr { return sin(x).Neg().Mul(d) }))
	x := 0.7
	want := []float64{math.Sin(x), math.Cos(x), -math.Sin(x), -math.Cos(x), math.Sin(x)}
	for reverse := range 2 {
		f := sin
		for order, w := range want {
			require.InDelta(t, w, f(num(float32(x))).Item(), 1e-5, "order %d", order)
			inner := f
			if order%2 == reverse {
				f = grad.Of(inner)
			} else {
				f = func(x arr) arr { _, d := grad.JVP(inner, x, num(1)); return d }
			}
		}
	}
	near(t, []float64{-math.Sin(0.7), 0, 0, -math.Sin(0.2)},
		grad.Hessian(func(x arr) arr { return sin(x).Sum() })(vec(0.7, 0.2)), 2, 2)
	// The second derivative of the strange square is that of its rule.
	near(t, []float64{10}, grad.Of(grad.Of(grad.Custom(strange, strangeVJP())))(num(3)))
	// A pullback that was kept is differentiated through the rules of its rules.
	inner := grad.Custom(func(x arr) arr { return x }, grad.WithVJP(func(x, y, ct arr) arr { return ct.MulScalar(7) }))
	outer := grad.Custom(func(x arr) arr { return x }, grad.WithVJP(func(x, y, ct arr) arr { return inner(ct) }))
	_, pull := grad.VJP(outer, num(1))
	near(t, []float64{7}, grad.Of(pull)(num(1)))
}

// A rule for one mode leaves the other whole: its derivatives are those of the
// function's operations, to any order and through what is nested or captured.
func TestBehaviour23_TheModeWithoutARuleHasDerivatives(t *testing.T) {
	slope := func(x arr) arr { return x.Sin().Add(x.Mul(x.Cos())) }
	plain := func(x arr) arr { return x.Mul(x.Sin()) }
	vjp := grad.WithVJP(func(x, y, ct arr) arr { return ct.Mul(slope(x)) })
	jvp := grad.WithJVP(func(x, y, d arr) arr { return d.Mul(slope(x)) })
	both := func(f func(arr) arr) func(arr) arr {
		return grad.Custom(func(x arr) arr { return f(x.Cos()).Add(x) }, grad.WithVJP(func(x, y, ct arr) arr {
			return ct.Mul(slope(x.Cos()).Mul(x.Sin()).RSubScalar(1))
		}))
	}
	w := num(0.5)
	captured := func(rule grad.Rule[arr, arr]) func(arr) arr {
		return func(x arr) arr {
			return grad.Custom(func(x arr) arr { return plain(x).Mul(w) }, grad.WithVMap(func(b grad.Batch, x arr) arr { return plain(x).Mul(w) }))(x).Add(grad.Custom(plain, rule)(x).Mul(w))
		}
	}
	nested := func(x arr) arr { return plain(x.Cos()).Add(x) }
	cases := map[string]struct{ f, want func(arr) arr }{
		"vjp":                {grad.Custom(plain, vjp), plain},
		"jvp":                {grad.Custom(plain, jvp), plain},
		"vjp and vmap":       {grad.Custom(plain, vjp, grad.WithVMap(func(b grad.Batch, x arr) arr { return plain(x) })), plain},
		"jvp in vjp":         {both(grad.Custom(plain, jvp)), nested},
		"vjp in vjp":         {both(grad.Custom(plain, vjp)), nested},
		"jvp in checkpoint":  {grad.Checkpoint(grad.Custom(plain, jvp)), plain},
		"captured, with vjp": {captured(vjp), plain},
		"captured, with jvp": {captured(jvp), plain},
	}
	sum := func(f func(arr) arr) func(arr) arr { return func(x arr) arr { return f(x).Sum() } }
	push := func(f func(arr) arr) func(arr) arr {
		return func(x arr) arr { y, d := grad.JVP(f, x, x.Sin()); return y.Add(d) }
	}
	linear := func(f func(arr) arr) func(arr) arr {
		return func(x arr) arr { _, d := grad.Linearize(f, x); return d(x.Cos()) }
	}
	pull := func(f func(arr) arr) func(arr) arr { return grad.Of(sum(f)) }
	orders := map[string]func(func(arr) arr) func(arr) arr{
		"reverse over forward": func(f func(arr) arr) func(arr) arr { return pull(push(f)) },
		"forward over reverse": func(f func(arr) arr) func(arr) arr { return push(pull(f)) },
		"forward over forward": func(f func(arr) arr) func(arr) arr { return push(push(f)) },
		"reverse over linear":  func(f func(arr) arr) func(arr) arr { return pull(linear(f)) },
		"three, reverse first": func(f func(arr) arr) func(arr) arr { return push(pull(push(f))) },
		"three, forward first": func(f func(arr) arr) func(arr) arr { return pull(push(pull(f))) },
		"in a vmap": func(f func(arr) arr) func(arr) arr {
			return func(x arr) arr { return vmap.Of(pull(push(f)), vmap.In(-1))(core.Stack(-1, x, x.Neg())) }
		},
		"of a vmap": func(f func(arr) arr) func(arr) arr { return pull(push(vmap.Of(f))) },
		"compiled": func(f func(arr) arr) func(arr) arr {
			return compile.Of(pull(compile.Of(push(compile.Of(f).Call)).Call)).Call
		},
	}
	x := vec(0.3, -0.7, 1.2)
	for name, c := range cases {
		for order, d := range orders {
			near(t, numbersOf(d(c.want)(x)), d(c.f)(x), d(c.want)(x).Shape()...)
			if t.Failed() {
				t.Fatal(name, order)
			}
		}
	}
	// The tangents are those of the operations, also where the rule says otherwise.
	f := grad.Custom(strange, strangeVJP())
	_, d := grad.JVP(grad.Of(func(x arr) arr { _, d := grad.JVP(f, x, num(1)); return d }), num(3), num(1))
	near(t, []float64{0}, d)
	near(t, []float64{2}, grad.Of(func(x arr) arr { _, d := grad.JVP(f, x, num(1)); return d })(num(3)))
}

func TestBehaviour23_RulesThatReturnTheWrongThing(t *testing.T) {
	x := vec(1, 2)
	p := pairOf{W: vec(1, 2), X: vec(3, 4), N: core.From([]int32{1})}
	plus := func(p pairOf) arr { return p.W.Add(p.X).Sum() }
	list := func(x arr) []arr { return []arr{x, x.Sum()} }
	backward := func(rule func(p pairOf, r, ct arr) pairOf) func() {
		return func() { grad.Of(grad.Custom(plus, grad.WithVJP(rule)))(p) }
	}
	forward := func(rule func(x arr, r []arr, d arr) []arr) func() {
		return func() { grad.JVP(grad.Custom(list, grad.WithJVP(rule)), x, x) }
	}
	batch := func(rule func(b grad.Batch, x arr) []arr) func() {
		return func() { vmap.Of(grad.Custom(list, grad.WithVMap(rule)))(core.Ones(core.Float32, 3, 2)) }
	}
	w := x
	for says, run := range map[string]func(){
		"grad.Custom: the function is nil": func() { grad.Custom[arr, arr](nil) },
		"rule 0 is nil":                    func() { grad.Custom(double, nil) },
		"grad.WithVJP: the rule is nil":    func() { grad.Custom(double, grad.WithVJP[arr, arr](nil)) },
		"grad.WithJVP: the rule is nil":    func() { grad.Custom(double, grad.WithJVP[arr, arr](nil)) },
		"grad.WithVMap: the rule is nil":   func() { grad.Custom(double, grad.WithVMap[arr, arr](nil)) },
		"grad.Custom: the result at 1: the array was freed": func() {
			grad.Custom(func(x arr) []arr { y := x.Add(x); y.Free(); return []arr{x, y} })(x)
		},
		"two rules by grad.WithVJP": func() { grad.Custom(strange, strangeVJP(), strangeVJP()) },
		"by value":                  func() { grad.Custom(func(core.Array) arr { return x }) },
		"vjp rule's gradient at W is float32[], want float32[2]":     backward(func(p pairOf, r, ct arr) pairOf { return pairOf{W: ct} }),
		"vjp rule's gradient at X is float16[2], want float32[2]":    backward(func(p pairOf, r, ct arr) pairOf { return pairOf{X: p.X.AsType(core.Float16)} }),
		"vjp rule's gradient at N belongs to a leaf of int32":        backward(func(p pairOf, r, ct arr) pairOf { return pairOf{N: p.N} }),
		"jvp rule's tangent does not have the structure":             forward(func(x arr, r []arr, d arr) []arr { return r[:1] }),
		"jvp rule's tangent at 1 is float32[2], want float32[]":      forward(func(x arr, r []arr, d arr) []arr { return []arr{d, d} }),
		"vmap rule's result does not have the structure":             batch(func(b grad.Batch, x arr) []arr { return []arr{x} }),
		"vmap rule's result at 1 must be present exactly":            batch(func(b grad.Batch, x arr) []arr { return []arr{x, nil} }),
		"result 1 of the vmap rule is float32[3 2], want float32[3]": batch(func(b grad.Batch, x arr) []arr { return []arr{x, x} }),
		"pass it as an argument": func() {
			grad.Of(func(x arr) arr {
				return grad.Custom(func(y arr) arr { return y.Mul(x).Sum() }, grad.WithVJP(func(y, r, ct arr) arr { return y }))(w)
			})(x)
		},
		"its jvp rule does not know: ": func() {
			grad.JVP(func(x arr) arr { return grad.Custom(func(y arr) arr { return y.Mul(x) }, strangeJVP())(w) }, x, x)
		},
	} {
		e := failure(t, run)
		require.Contains(t, e.Error(), says)
		t.Log(e)
	}
	// A rule may leave leaves out: they are zero.
	g := grad.Of(grad.Custom(plus, grad.WithVJP(func(p pairOf, r, ct arr) pairOf { return pairOf{W: p.X.Mul(ct)} })))(p)
	near(t, []float64{3, 4}, g.W, 2)
	near(t, []float64{0, 0}, g.X, 2)
	// What a rule panics with passes through.
	defer func() {
		p, ok := recover().(*core.Panic)
		require.True(t, ok)
		require.Equal(t, "mine", p.Value)
	}()
	grad.Of(grad.Custom(func(x arr) arr { return x.Sum() }, grad.WithVJP(func(x, r, ct arr) arr { panic("mine") })))(x)
}

func TestBehaviour23_CapturedArrays(t *testing.T) {
	w := vec(2, 3)
	x := vec(5, 7)
	f := func(w arr) func(arr) arr {
		return grad.Custom(func(x arr) arr { return x.Mul(w).Sum() },
			grad.WithVJP(func(x, r, ct arr) arr { return w.Mul(ct).MulScalar(10) }))
	}
	near(t, []float64{20, 30}, grad.Of(f(w))(x), 2)
	// Forward mode has no rule and sees what is captured.
	_, d := grad.JVP(func(w arr) arr { return f(w)(x) }, w, vec(1, 1))
	near(t, []float64{12}, d)
	// An outer transform that does not differentiate the captured array.
	near(t, []float64{20, 30, 40, 50}, vmap.Of(func(w arr) arr { return grad.Of(f(w))(x) })(core.From([]float32{2, 3, 4, 5}).Reshape(2, 2)), 2, 2)
	near(t, []float64{20, 30}, compile.Of(func(w arr) arr { return grad.Of(f(w))(x) }).Call(w), 2)
	// The outer derivative of the inner gradient goes through the rule.
	near(t, []float64{10, 10}, grad.Of(func(w arr) arr { return grad.Of(f(w))(x).Sum() })(w), 2)
	// A rule runs when the function that is differentiated has returned: what was
	// made in there is gone, and must be an argument.
	e := failure(t, func() { grad.Of(func(y arr) arr { return f(w.MulScalar(2))(y) })(x) })
	require.ErrorIs(t, e, core.ErrLeaked)
	g := grad.Custom(func(p pairOf) arr { return p.W.Mul(p.X).Sum() },
		grad.WithVJP(func(p pairOf, r, ct arr) pairOf { return pairOf{X: p.W.Mul(ct).MulScalar(10)} }))
	near(t, []float64{40, 60}, grad.Of(func(y arr) arr { return g(pairOf{W: w.MulScalar(2), X: y}) })(x), 2)
}

func TestBehaviour23_RulesAreReleased(t *testing.T) {
	gone := make(chan struct{}, 100)
	use := func() {
		type big struct{ data [1 << 16]byte }
		b := &big{}
		runtime.AddCleanup(b, func(struct{}) { gone <- struct{}{} }, struct{}{})
		f := grad.Custom(func(x arr) arr { return x.Mul(x) }, grad.WithVJP(func(x, r, ct arr) arr {
			b.data[0]++
			return ct
		}))
		c := compile.Of(f)
		near(t, []float64{1}, grad.Of(c.Call)(num(3)))
		c.Close()
		near(t, []float64{1}, grad.Of(f)(num(3)))
	}
	for range 10 {
		use()
	}
	for range 20 {
		runtime.GC()
		time.Sleep(time.Millisecond) // cleanups run on their own goroutine
		num(1).Eval()
	}
	require.GreaterOrEqual(t, len(gone), 8)
}

// A compiled program that is not transformed does not run through the rules'
// nodes, and a transform of it finds them.
func TestBehaviour23_RulesCostNothingWhenCompiled(t *testing.T) {
	plain := func(x arr) arr { return x.Mul(x).Sin().Exp() }
	f := grad.Custom(grad.Checkpoint(func(x arr) arr { return grad.Name(x.Mul(x), "square").Sin().Exp() }), strangeVJP())
	a, b := compile.Of(plain), compile.Of(f)
	x := vec(1, 2)
	near(t, numbersOf(a.Call(x)), b.Call(x), 2)
	require.Equal(t, len(a.Program(x).Nodes), len(b.Program(x).Nodes), "%v", b.Program(x))
	near(t, []float64{10, 20}, grad.Of(func(x arr) arr { return b.Call(x).Sum() })(x), 2)
}

// A rule within a function that has rules, called with what this is given, stays where the
// outer function's other derivative is made of its operations.
func TestRulesWithinRules(t *testing.T) {
	inner := grad.Custom(func(x arr) arr { return x.Sin() }, grad.WithVJP(func(x, _, ct arr) arr { return ct.Mul(x.Cos()) }))
	outer := grad.Custom(func(x arr) arr { return inner(x).Mul(x) }, grad.WithVJP(func(x, _, ct arr) arr {
		return ct.Mul(x.Cos().Mul(x).Add(x.Sin()))
	}))
	plain := func(x arr) arr { return x.Sin().Mul(x) }
	push := func(f func(arr) arr) func(arr) arr {
		return func(x arr) arr { _, d := grad.JVP(f, x, x.Exp()); return d.Sum() }
	}
	x := vec(0.3, -1.2, 2)
	require.InDelta(t, push(plain)(x).Item(), push(outer)(x).Item(), 1e-5)
	want := floats(grad.Of(push(plain))(x))
	require.InDeltaSlice(t, want, floats(grad.Of(push(outer))(x)), 1e-4)
	require.InDeltaSlice(t, want, floats(compile.Of(grad.Of(push(outer))).Call(x)), 1e-4)
}
