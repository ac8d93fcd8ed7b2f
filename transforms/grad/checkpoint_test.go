package grad_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

// policies are all that Checkpoint may be given for block.
func policies() map[string][]grad.Policy {
	return map[string][]grad.Policy{
		"nothing": nil,
		"all":     {grad.SaveAll()},
		"matmuls": {grad.SaveMatMuls()},
		"named":   {grad.SaveNamed("hidden", "mid")},
		"both":    {grad.SaveNamed("mid"), grad.SaveMatMuls()},
	}
}

// block is x ↦ tanh(sin(x·W)·W) for a matrix W.
func block(w, x arr) arr {
	h := grad.Name(x.MatMul(w), "hidden")
	return grad.Name(h.Sin(), "mid").MatMul(w).Tanh()
}

func TestBehaviour24_CheckpointChangesNoNumber(t *testing.T) {
	w := core.From([]float32{0.5, -0.25, 1, 0.75}).Reshape(2, 2)
	x := core.From([]float32{1, 2, -1, 0.5, 0.25, 3}).Reshape(3, 2)
	v := core.From([]float32{1, 0, -1, 2}).Reshape(2, 2)
	loss := func(block func(w, x arr) arr) func(w, x arr) arr {
		return func(w, x arr) arr { return block(w, block(w, x)).Square().Sum() }
	}
	plain := loss(block)
	want, wantX := grad.Of2(plain)(w, x), grad.Of(func(x arr) arr { return plain(w, x) })(x)
	near(t, numbersOf(want), differenceGradient(func(w arr) arr { return plain(w, x) }, w), 2, 2)
	hvp := grad.HVP2(plain)(w, x, v)
	per := vmap.Of(grad.Of2(plain), vmap.In(nil, 0))(w, x.Reshape(3, 1, 2))
	_, push := grad.JVP(func(w arr) arr { return plain(w, x) }, w, v)
	for name, p := range policies() {
		t.Run(name, func(t *testing.T) {
			f := loss(grad.Checkpoint(block, p...))
			near(t, numbersOf(plain(w, x)), f(w, x))
			near(t, numbersOf(want), grad.Of2(f)(w, x), 2, 2)
			near(t, numbersOf(wantX), grad.Of(func(x arr) arr { return f(w, x) })(x), 3, 2)
			near(t, numbersOf(want), compile.Of(grad.Of2(f)).Call(w, x), 2, 2)
			near(t, numbersOf(want), grad.Of2(compile.Of(f).Call)(w, x), 2, 2)
			near(t, numbersOf(per), vmap.Of(grad.Of2(f), vmap.In(nil, 0))(w, x.Reshape(3, 1, 2)), 3, 2, 2)
			near(t, numbersOf(want), grad.Of(func(w arr) arr {
				return vmap.Of(f, vmap.In(nil, 0))(w, x.Reshape(3, 1, 2)).Sum()
			})(w), 2, 2)
			near(t, numbersOf(want), grad.Of(func(w arr) arr {
				return vmap.Of(f, vmap.In(nil, 1))(w, x.Reshape(1, 3, 2)).Sum()
			})(w), 2, 2)
			_, d := grad.JVP(func(w arr) arr { return f(w, x) }, w, v)
			near(t, numbersOf(push), d)
			near(t, numbersOf(hvp), grad.HVP2(f)(w, x, v), 2, 2)
			reverseTwice := grad.Of(func(w arr) arr { return grad.Of2(f)(w, x).Mul(v).Sum() })
			near(t, numbersOf(hvp), reverseTwice(w), 2, 2)
			near(t, numbersOf(hvp), compile.Of(reverseTwice).Call(w), 2, 2)
			// A checkpoint within a checkpoint.
			nested := grad.Checkpoint(func(w, x arr) arr { return grad.Checkpoint(f)(w, x) })
			near(t, numbersOf(want), grad.Of2(nested)(w, x), 2, 2)
			near(t, numbersOf(hvp), grad.HVP2(nested)(w, x, v), 2, 2)
			_, pull := grad.VJP(func(w arr) arr { return f(w, x) }, w)
			for i := range 3 {
				near(t, scaled(want, float64(i)), pull(num(float32(i))), 2, 2)
			}
		})
	}
}

func numbersOf(a arr) []float64 { return core.Data[float64](a.AsType(core.Float64)) }

func scaled(a arr, by float64) []float64 {
	out := numbersOf(a)
	for i := range out {
		out[i] *= by
	}
	return out
}

// differenceGradient is the gradient of f at x by differences in float64.
func differenceGradient(f func(arr) arr, x arr) (g arr) {
	core.Using(core.CPU, func() {
		flat := differences(func(y arr) arr { return f(y.Reshape(x.Shape()...)) }, numbersOf(x.Flatten()))
		g = core.From(flat).Reshape(x.Shape()...)
	})
	return g
}

func TestBehaviour24_TheGoFunctionIsCalledOnceTheValueComputedTwice(t *testing.T) {
	for name, p := range policies() {
		calls := 0
		f := grad.Checkpoint(func(w, x arr) arr { calls++; return block(w, x) }, p...)
		g := grad.Of2(func(w, x arr) arr { return f(w, x).Sum() })
		g(vec(1).Reshape(1, 1), vec(2).Reshape(1, 1)).Eval()
		require.Equal(t, 1, calls, name)
	}
	// A kernel that counts its evaluations.
	evals := 0
	kernel := &core.ForeignOp{
		Name: "counted", Deterministic: true,
		Eval: func(in, out []core.ForeignBuffer) error { evals++; copy(out[0].Bytes, in[0].Bytes); return nil },
		VJP:  func(p, ct, _ []arr) []arr { return []arr{ct[0]} },
	}
	run := func(p ...grad.Policy) int {
		evals = 0
		f := grad.Checkpoint(func(x arr) arr {
			y := kernel.Call([]arr{x}, [][]int{x.Shape()}, []core.DType{x.DType()})[0]
			return grad.Name(y, "kernel").Sin()
		}, p...)
		v, g := grad.ValueAndGrad(func(x arr) arr { return f(x).Sum() })(vec(1, 2))
		core.Eval(v, g)
		near(t, []float64{math.Cos(1), math.Cos(2)}, g, 2)
		return evals
	}
	require.Equal(t, 2, run())
	require.Equal(t, 2, run(grad.SaveMatMuls()))
	require.Equal(t, 1, run(grad.SaveAll()))
	require.Equal(t, 1, run(grad.SaveNamed("kernel")))
}

// ★ Random draws are the same in the recomputation.
func TestBehaviour24_RandomDrawsAreTheSame(t *testing.T) {
	key, x := random.Key(7), core.Ones(core.Float32, 64)
	noise := random.Normal(key, core.Float32, 64)
	f := grad.Checkpoint(func(k, x arr) arr { return x.Mul(random.Normal(k, core.Float32, 64)).Square() })
	near(t, numbersOf(noise.Square().MulScalar(2)), grad.Of(func(x arr) arr { return f(key, x).Sum() })(x), 64)
	// Keys of a state that a compiled function captures.
	state, same := random.NewState(3), random.NewState(3)
	step := compile.Of(func(x arr) arr {
		key := state.Next()
		g := grad.Checkpoint(func(x arr) arr { return x.Mul(random.Normal(key, core.Float32, 64)).Square() })
		return grad.Of(func(x arr) arr { return g(x).Sum() })(x)
	}, compile.State(state))
	for range 3 {
		draw := random.Normal(same.Next(), core.Float32, 64)
		near(t, numbersOf(draw.Square().MulScalar(2)), step.Call(x), 64)
	}
	// Keys of a state that the function itself draws from.
	drawn := random.NewState(5)
	var keys []arr
	h := grad.Checkpoint(func(x arr) (arr, arr) {
		key := drawn.Next()
		return x.Mul(random.Normal(key, core.Float32, 64)).Square(), key
	})
	for range 2 {
		_, g, key := grad.ValueAndGradAux(func(x arr) (arr, arr) { y, key := h(x); return y.Sum(), key })(x)
		near(t, numbersOf(random.Normal(key, core.Float32, 64).Square().MulScalar(2)), g, 64)
		keys = append(keys, key)
		drawn = random.NewState(6) // what Next left belongs to the trace
	}
	require.NotEqual(t, numbersOf(keys[0]), numbersOf(keys[1]))
}

func TestBehaviour24_CapturedArraysOfOuterTraces(t *testing.T) {
	f := func(w, x arr) arr {
		return grad.Checkpoint(func(x arr) arr { return w.Mul(x).Sin() })(x).Sum()
	}
	w, x := vec(1, 2), vec(0.5, 0.25)
	cos := []float64{math.Cos(0.5), math.Cos(0.5)}
	near(t, []float64{0.5 * cos[0], 0.25 * cos[1]}, grad.Of2(f)(w, x), 2)
	// The capture depends on the argument too.
	h := func(x arr) arr {
		y := x.Mul(x)
		return grad.Checkpoint(func(x arr) arr { return x.Mul(y) })(x).Sum()
	}
	near(t, []float64{0.75, 3 * 0.0625}, grad.Of(h)(x), 2)
	near(t, []float64{3, 1.5}, grad.Of(func(x arr) arr { return grad.Of(h)(x).Sum() })(x), 2)
	mixed := grad.Of(func(w arr) arr { return grad.Of(func(x arr) arr { return f(w, x) })(x).Sum() })(w)
	near(t, []float64{cos[0] - 0.5*math.Sin(0.5), cos[1] - 0.5*math.Sin(0.5)}, mixed, 2)
	near(t, []float64{0.5 * cos[0], 0.25 * cos[1]}, compile.Of(grad.Of2(f)).Call(w, x), 2)
	each := vmap.Of(func(w arr) arr { return grad.Of(func(x arr) arr { return f(w, x) })(x) })(core.Stack(0, w, w))
	near(t, []float64{cos[0], 2 * cos[1], cos[0], 2 * cos[1]}, each, 2, 2)
	// A value that is read inside.
	branch := grad.Checkpoint(func(x arr) arr {
		if x.Sum().Item() > 0 {
			return x.Mul(x)
		}
		return x
	})
	near(t, []float64{1, 0.5}, grad.Of(func(x arr) arr { return branch(x).Sum() })(x), 2)
}

func TestBehaviour24_TreesOfAnyArity(t *testing.T) {
	type state struct {
		H    arr
		N    arr
		Step int
		No   arr
	}
	f := grad.Checkpoint(func(s state, xs ...arr) (state, []arr, string) {
		y := s.H
		for _, x := range xs {
			y = y.Mul(x)
		}
		return state{H: y, N: s.N, Step: s.Step + 1}, []arr{y.Sum(), s.N, xs[0]}, "label"
	})
	loss := func(s state) arr {
		r, list, label := f(s, vec(2, 3), s.H)
		require.Equal(t, "label", label)
		require.Equal(t, 6, r.Step)
		require.Nil(t, r.No)
		return list[0].Add(r.H.Sum())
	}
	g := grad.Of(loss)(state{H: vec(1, 2), N: core.From([]int32{1}), Step: 5})
	near(t, []float64{8, 24}, g.H, 2)
	require.Nil(t, g.N)
	require.Equal(t, 3.0, grad.Checkpoint(func() arr { return num(3) })().Item())
	grad.Checkpoint(func(x arr) {})(num(1))
}

func TestBehaviour24_CheckpointSavesMemory(t *testing.T) {
	const layers, n = 24, 1 << 15 // 128 KiB each
	layer := func(x arr) arr {
		for range 8 {
			x = x.Sin().Mul(x)
		}
		return x
	}
	peak := func(layer func(arr) arr, over func(func(arr) arr) func(arr) arr) int {
		x := core.Linspace(core.Float32, 0, 1, n).Eval()
		f := over(func(x arr) arr {
			for range layers {
				x = layer(x)
			}
			return x.Sum()
		})
		core.ClearCache()
		core.ResetPeakMemory()
		before := core.Memory().Active
		f(x).Eval().Free()
		return core.Memory().Peak - before
	}
	eager := func(f func(arr) arr) func(arr) arr { return grad.Of(f) }
	compiled := func(f func(arr) arr) func(arr) arr { return compile.Of(grad.Of(f)).Call }
	for name, over := range map[string]func(func(arr) arr) func(arr) arr{"eager": eager, "compiled": compiled} {
		plain, saving := peak(layer, over), peak(grad.Checkpoint(layer), over)
		t.Logf("%s: peak %d KiB, with checkpoints %d KiB", name, plain>>10, saving>>10)
		require.Less(t, 3*saving, plain, name)
	}
}

func TestBehaviour24_CheckpointMisuse(t *testing.T) {
	for says, run := range map[string]func(){
		"want a function":              func() { grad.Checkpoint(3) },
		"the function is nil":          func() { grad.Checkpoint[func(arr) arr](nil) },
		"policy 0 is nil":              func() { grad.Checkpoint(double, nil) },
		`"" is no name`:                func() { grad.Checkpoint(double, grad.SaveNamed("")) },
		`"a\nb" is no name`:            func() { grad.Name(num(1), "a\nb") },
		"no array with the name hiden": func() { grad.Of(grad.Checkpoint(double, grad.SaveNamed("hiden")))(num(1)) },
		"by value":                     func() { grad.Checkpoint(func(core.Array) arr { return nil }) },
		"grad.Checkpoint: the result: the array was freed": func() { grad.Of(grad.Checkpoint(func(x arr) arr { y := x.Add(x); y.Free(); return y }))(num(1)) },
	} {
		e := failure(t, run)
		require.Contains(t, e.Error(), says)
		t.Log(e)
	}
}
