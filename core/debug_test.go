package core_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/linalg"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

// here is the place of the line that calls it, moved by some lines, as errors show it.
func here(by int) string {
	_, _, line, _ := runtime.Caller(1)
	return fmt.Sprintf("core/debug_test.go:%d", line+by)
}

func thrown(f func()) (err error) {
	defer core.Catch(&err)
	f()
	return nil
}

func nonFinite(t *testing.T, f func()) *core.NonFiniteError {
	t.Helper()
	err := thrown(f)
	var e *core.Error
	require.ErrorAs(t, err, &e)
	require.ErrorIs(t, err, core.ErrNonFinite)
	require.NotContains(t, err.Error(), "\n")
	var n *core.NonFiniteError
	require.ErrorAs(t, err, &n)
	return n
}

func TestTheHuntNamesTheFirstOperation(t *testing.T) {
	defer core.Debug(core.DebugOptions{Stacks: true, NaN: true, Inf: true})()
	x := core.From([]float32{1, -2, 3})
	var y *core.Array
	var at string
	for name, use := range map[string]func(){
		"Eval":      func() { x.Exp().Add(y).Sum().Eval() },
		"Data":      func() { core.Data[float32](y.MulScalar(2)) },
		"Item":      func() { y.Sum().Mul(x.Sum()).Item() },
		"AsyncEval": func() { core.AsyncEval(x, []*core.Array{y.Neg()}) },
	} {
		y = x.Log()
		at = here(-1)
		n := nonFinite(t, use)
		assert.Equal(t, "Log", n.Op, name)
		assert.Equal(t, core.HasNaN, n.Made, name)
		assert.False(t, n.Given, name)
		assert.Equal(t, []core.Spec{x.Spec()}, n.Inputs, name)
		assert.Equal(t, []core.Values{0}, n.Holds, name)
		assert.Equal(t, at, n.At, name)
	}
	assert.Contains(t, x.Log().String(), "made NaN at core/debug_test.go:", "printing cannot fail")
	n := nonFinite(t, func() { x.SubScalar(1).Reciprocal().Neg().Eval() })
	assert.Equal(t, []string{"Reciprocal", "Divide"}, []string{n.Op, n.Primitive})
	assert.Equal(t, core.HasInf, n.Made)
	assert.Contains(t, n.Error(), "Divide in Reciprocal(float32[3], float32[3]), made Inf at core/debug_test.go:")
}

func TestTheHuntGoesAlongWhatTheResultDependsOn(t *testing.T) {
	defer core.Debug(core.DebugOptions{NaN: true})()
	x := core.From([]float32{1, -2, 0})
	safe := core.Where(x.GreaterScalar(0), x.Log(), x)
	assert.Equal(t, []float32{0, -2, 0}, core.Data[float32](safe), "NaN in the branch not taken")
	assert.Equal(t, float32(math.Inf(1)), core.Data[float32](x.Reciprocal())[2], "infinities are not looked for")

	masked := core.Where(x.GreaterScalar(0), x.Log(), x)
	n := nonFinite(t, func() { masked.Sum().Add(x.Reciprocal().Sum().Mul(x.Sum().MulScalar(0))).Eval() })
	assert.Equal(t, "Multiply", n.Primitive, "not the Log, whose NaN went nowhere")
	assert.Equal(t, []core.Values{core.HasInf, 0}, n.Holds, "Inf times 0")
	assert.Empty(t, n.Op)
	assert.Contains(t, n.Error(), "DebugOptions.Stacks names its line")

	bad := core.From([]float32{1, float32(math.NaN())})
	n = nonFinite(t, func() { bad.Exp().Sum().Eval() })
	assert.True(t, n.Given)
	assert.Equal(t, "Exp", n.Primitive)
	assert.Equal(t, []core.Values{core.HasNaN}, n.Holds)
	assert.Contains(t, n.Error(), "Exp(float32[2] with NaN), was given an array with such values")
	assert.NoError(t, thrown(func() { bad.Eval(); core.Data[float32](bad) }), "nothing is computed")
}

func TestTheHuntKnowsAllInexactDTypesAndStrides(t *testing.T) {
	defer core.Debug(core.DebugOptions{NaN: true, Inf: true})()
	for _, d := range []core.DType{core.Float16, core.BFloat16, core.Float32, core.Float64, core.Complex64} {
		core.TidyDo(func() {
			x := core.From([]float32{4, 1, 0, 2}, 2, 2).AsType(d).Eval()
			assert.NoError(t, thrown(func() { x.MulScalar(2).T().Square().Eval() }), "%v", d)
			n := nonFinite(t, func() { x.OnesLike().Div(x).T().Eval() })
			assert.Equal(t, "Divide", n.Primitive, "%v", d)
			n = nonFinite(t, func() { x.Div(x).T().Take(core.From([]int32{0}), 0).Eval() })
			assert.Equal(t, "Divide", n.Primitive, "%v", d)
			assert.NoError(t, thrown(func() { x.Div(x).T().Take(core.From([]int32{1}), 0).Eval() }), "the NaN lies elsewhere: %v", d)
		})
	}
	assert.NoError(t, thrown(func() { core.From([]int32{1, 0}).AddScalar(1).Eval(); core.Zeros(core.Float32, 0).Exp().Eval() }))
}

func TestTheHuntLooksIntoDerivativesAndCompiledFunctions(t *testing.T) {
	defer core.Debug(core.DebugOptions{Stacks: true, NaN: true, Inf: true})()
	x := core.From([]float32{1, 0, 3})
	var at string
	loss := func(x *core.Array) *core.Array {
		y := x.Square().Sqrt() // the derivative of √ at 0
		at = here(-1)
		return y.Sum()
	}
	n := nonFinite(t, func() { grad.Of(loss)(x).Eval() })
	assert.True(t, n.Derivative)
	assert.Equal(t, []string{"Sqrt", at}, []string{n.Op, n.At})
	assert.Contains(t, n.Error(), " in the derivative of Sqrt(")

	for name, f := range map[string]func(*core.Array) *core.Array{
		"compile of grad": compile.Of(grad.Of(loss)).Call,
		"grad of compile": grad.Of(compile.Of(loss).Call),
		"compiled twice":  compile.Of(compile.Of(grad.Of(loss)).Call).Call,
	} {
		for range 2 { // traced, then repeated
			n = nonFinite(t, func() { f(x).Eval() })
			assert.Equal(t, []string{"Sqrt", at}, []string{n.Op, n.At}, name)
			assert.True(t, n.Derivative, name)
			assert.Positive(t, n.Number, name)
			assert.GreaterOrEqual(t, n.Of, n.Number, name)
		}
		assert.NoError(t, thrown(func() { f(x.AddScalar(1)).Eval() }), name)
	}

	n = nonFinite(t, func() { vmap.Of(loss)(core.From([]float32{-1, float32(math.Inf(1))})).Eval() })
	assert.NotEmpty(t, n.At)

	fused := compile.Of(func(x *core.Array) *core.Array {
		y := x.AddScalar(1).Exp().MulScalar(2)
		y = y.Log().Add(x.Log()) // of 0 at 0
		at = here(-1)
		return y.Neg().MulScalar(3).AddScalar(2)
	})
	for range 2 {
		n = nonFinite(t, func() { fused.Call(x).Eval() })
		assert.Equal(t, []string{"Log", "Log", at}, []string{n.Op, n.Primitive, n.At})
	}

	plain := compile.Of(func(x *core.Array) *core.Array { return x.AddScalar(1).Log().MulScalar(2) })
	restore := core.Debug(core.DebugOptions{})
	assert.NoError(t, thrown(func() { plain.Call(x).Eval() }))
	restore()
	n = nonFinite(t, func() { plain.Call(x.SubScalar(5)).Eval() })
	assert.Equal(t, []string{"", "Log", ""}, []string{n.Op, n.Primitive, n.At}, "traced without lines")
}

func TestAnErrorOfAnEvaluationNamesTheLineOfTheOperation(t *testing.T) {
	defer core.Debug(core.DebugOptions{Stacks: true})()
	singular := core.From([]float32{1, 1, 1, 1}, 2, 2)
	inverse := linalg.Inv(singular)
	made := here(-1)
	err := thrown(func() { inverse.Sum().Eval() })
	at := here(-1)
	var e *core.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "linalg.Inv", e.Op)
	assert.Equal(t, []core.Spec{singular.Spec()}, e.Args)
	assert.Equal(t, made, e.At())
	assert.Contains(t, err.Error(), "it was computed by Eval at "+at)

	compiled := compile.Of(func(x *core.Array) *core.Array {
		y := linalg.Inv(x)
		made = here(-1)
		return y.Sum()
	})
	for range 2 {
		require.ErrorAs(t, thrown(func() { compiled.Call(singular).Item() }), &e)
		assert.Equal(t, []string{"linalg.Inv", made}, []string{e.Op, e.At()})
	}

	sentinel := errors.New("the kernel said no")
	kernel := &core.ForeignOp{Name: "kernel", Eval: func(_, _ []core.ForeignBuffer) error { return sentinel }}
	y := kernel.Call([]*core.Array{singular}, [][]int{{2}}, []core.DType{core.Float32})[0]
	made = here(-1)
	err = thrown(func() { core.Eval(singular.Square(), y.Exp()) })
	require.ErrorAs(t, err, &e)
	assert.ErrorIs(t, err, sentinel)
	assert.Equal(t, []string{"kernel", made}, []string{e.Op, e.At()})

	core.Debug(core.DebugOptions{NaN: true})
	err = thrown(func() { linalg.Inv(singular).Eval() })
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "Eval", e.Op)
	assert.Contains(t, err.Error(), "(float32[2 2])", "without lines the operation and its inputs are known still")
}

func TestWhatATraceForbidsStaysSo(t *testing.T) {
	defer core.Debug(core.DebugOptions{Stacks: true, NaN: true})()
	x := core.From([]float32{1, 2})
	item := func(x *core.Array) *core.Array { return x.MulScalar(x.Sum().Item()) }
	assert.ErrorIs(t, thrown(func() { compile.Of(item).Call(x) }), core.ErrTracer)
	g := grad.Of(func(x *core.Array) *core.Array { return item(x).Sum() })
	assert.Equal(t, []float32{3, 3}, core.Data[float32](g(x)), "grad allows it, and the factor is a constant")
	n := nonFinite(t, func() { grad.Of(func(x *core.Array) *core.Array { x.SubScalar(5).Log().Eval(); return x.Sum() })(x) })
	assert.Equal(t, "Log", n.Op)
}

func TestALeakedArrayNamesItsLine(t *testing.T) {
	leak := func() (kept *core.Array, at string) {
		grad.Of(func(x *core.Array) *core.Array {
			kept = x.Exp()
			at = here(-1)
			return kept.Sum()
		})(core.From([]float32{1}))
		return kept, at
	}
	kept, _ := leak()
	assert.NotContains(t, thrown(func() { kept.Eval() }).Error(), "by Exp")
	defer core.Debug(core.DebugOptions{Stacks: true})()
	for _, use := range []func(a *core.Array){
		func(a *core.Array) { a.Eval() },
		func(a *core.Array) { a.Neg() },
		func(a *core.Array) { a.Shape() },
		func(a *core.Array) {
			grad.Of(func(x *core.Array) *core.Array { return x.Mul(a).Sum() })(core.From([]float32{1}))
		},
		func(a *core.Array) { compile.Of(func(x *core.Array) *core.Array { return x.Exp() }).Call(a) },
	} {
		kept, at := leak()
		err := thrown(func() { use(kept) })
		assert.ErrorIs(t, err, core.ErrLeaked)
		assert.ErrorContains(t, err, "it was made by Exp at "+at+", in the function that grad.Of traced at core/debug_test.go:")
	}
}

// Also one that depends on no argument, as a key of a random.State that was not
// captured.
func TestALeakedConstantNamesItsTransform(t *testing.T) {
	x := core.From([]float32{1})
	for name, run := range map[string]func(keep func()){
		"grad.Of":    func(keep func()) { grad.Of(func(x *core.Array) *core.Array { keep(); return x.Sum() })(x) },
		"compile.Of": func(keep func()) { compile.Of(func(x *core.Array) *core.Array { keep(); return x }).Call(x) },
		"vmap.Of":    func(keep func()) { vmap.Of(func(x *core.Array) *core.Array { keep(); return x })(x) },
	} {
		var kept *core.Array
		run(func() { kept = core.Ones(core.Float32, 2).Exp() })
		err := thrown(func() { kept.Add(kept) })
		assert.ErrorIs(t, err, core.ErrLeaked, name)
		assert.ErrorContains(t, err, "it was made in the function that "+name+" traced at core/debug_test.go:", name)
	}
}

func TestMaxDepth(t *testing.T) {
	restore := core.Debug(core.DebugOptions{MaxDepth: 100})
	defer restore()
	loop := func(rounds int, step func(x *core.Array) *core.Array) error {
		return thrown(func() {
			x := core.From([]float32{1, 2})
			for range rounds {
				x = step(x)
			}
		})
	}
	square := compile.Of(func(x *core.Array) *core.Array { return x.Mul(x).Sin() })
	slope := grad.Of(func(x *core.Array) *core.Array { return x.Sin().Sum() })
	for name, step := range map[string]func(*core.Array) *core.Array{
		"an op":               func(x *core.Array) *core.Array { return x.Sin() },
		"a list of results":   func(x *core.Array) *core.Array { return core.Concatenate(0, x.Split(2, 0)...) },
		"a compiled function": square.Call,
		"a gradient":          slope,
	} {
		err := loop(150, step)
		assert.ErrorIs(t, err, core.ErrGraphTooDeep, name)
		assert.ErrorContains(t, err, "more than the 100 of core.Debug's MaxDepth", name)
		assert.ErrorContains(t, err, "core/debug_test.go:", name)
		assert.NotContains(t, err.Error(), "\n")
		assert.NoError(t, loop(20, step), name)
	}
	assert.NoError(t, loop(1000, func(x *core.Array) *core.Array { return x.Sin().Eval() }))
	assert.NoError(t, loop(1000, func(x *core.Array) *core.Array {
		y := x.Sin()
		y.Sum().Eval() // evaluates y too
		return y
	}), "evaluated by what depends on it")
	restore()
	assert.NoError(t, loop(1000, func(x *core.Array) *core.Array { return x.Sin() }))
	assert.ErrorContains(t, thrown(func() { core.Debug(core.DebugOptions{MaxDepth: -1}) }), "MaxDepth -1 is negative")
}

func TestDebugIsSetBack(t *testing.T) {
	bad := func() { core.From([]float32{-1}).Log().Eval() }
	outer := core.Debug(core.DebugOptions{NaN: true})
	inner := core.Debug(core.DebugOptions{})
	assert.NoError(t, thrown(bad))
	inner()
	assert.ErrorIs(t, thrown(bad), core.ErrNonFinite)
	outer()
	assert.NoError(t, thrown(bad))
}

func TestDebugFromManyGoroutines(t *testing.T) {
	defer core.Debug(core.DebugOptions{Stacks: true, NaN: true})()
	f := compile.Of(grad.Of(func(x *core.Array) *core.Array { return x.Log().Sum() }))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			core.TidyDo(func() {
				for range 50 {
					assert.ErrorIs(t, thrown(func() { core.From([]float32{-1}).Log().Eval() }), core.ErrNonFinite)
					assert.NoError(t, thrown(func() { f.Call(core.From([]float32{2})).Eval() }))
				}
			})
		})
	}
	wg.Wait()
}

func TestDebugFromTheEnvironment(t *testing.T) {
	if os.Getenv("ADJOINT_DEBUG_CHILD") != "" {
		fmt.Println("error:", thrown(func() { core.From([]float32{-1}).Log().Eval() }))
		fmt.Println("deep:", thrown(func() { core.From([]float32{1}).Sin().Sin().Sin() }))
		return
	}
	for _, c := range []struct{ env, warning, err, deep string }{
		{"", "", "error: <nil>", "deep: <nil>"},
		{"nan", "", "made NaN; DebugOptions.Stacks", "deep: <nil>"},
		{" stacks , nan,inf,depth=2", "", "made NaN at core/debug_test.go:", "deep: adjoint: Sin(float32[1]): too many operations"},
		{"nan,nans,depth=x,depth=0", `adjoint: ADJOINT_DEBUG has "nans" and "depth=x" and "depth=0", which is unknown: want a list of stacks, nan, inf and depth=N` + "\n", "made NaN", "deep: <nil>"},
		{"0", "", "error: <nil>", "deep: <nil>"},
	} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestDebugFromTheEnvironment$")
		cmd.Env = append(os.Environ(), "ADJOINT_DEBUG_CHILD=1", "ADJOINT_DEBUG="+c.env)
		var warnings strings.Builder
		cmd.Stderr = &warnings
		out, err := cmd.Output()
		require.NoError(t, err)
		assert.Equal(t, c.warning, warnings.String(), c.env)
		assert.Regexp(t, regexp.QuoteMeta(c.err), string(out), c.env)
		assert.Regexp(t, regexp.QuoteMeta(c.deep), string(out), c.env)
	}
}
