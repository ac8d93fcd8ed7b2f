package core_test

import (
	"errors"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/linalg"
	"github.com/adjoint-go/adjoint/core/mlxio"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/flow"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

// large is more elements than AsyncEval computes on the spot.
const large = 1 << 18

// through is an op that does in a Go function what a does, between arrays of equal sizes.
func through(x *core.Array, do func() error) *core.Array {
	op := core.ForeignOp{Name: "through", Eval: func(in, out []core.ForeignBuffer) error {
		copy(out[0].Bytes, in[0].Bytes)
		return do()
	}}
	return op.Call([]*core.Array{x}, [][]int{x.Shape()}, []core.DType{x.DType()})[0]
}

// gated returns an array whose evaluation does not end before open is called.
func gated(x *core.Array) (y *core.Array, open func()) {
	gate := make(chan struct{})
	return through(x, func() error { <-gate; return nil }), func() { close(gate) }
}

func TestAsyncEvalReturnsBeforeItIsDone(t *testing.T) {
	x := core.Full(core.Float32, 2, large)
	y, open := gated(x.Square())
	last := y
	for i := range 10 { // each evaluation takes what the one before has not computed yet
		core.AsyncEval(last)
		last = last.AddScalar(float64(i))
	}
	core.AsyncEval(last)
	open()
	require.Equal(t, float32(4+45), core.Data[float32](last)[large-1])
	require.Equal(t, float32(4), core.Data[float32](y)[0])
}

// What is computed in the meantime from arrays that are under way waits for them.
func TestArraysUnderWayAreUsed(t *testing.T) {
	x := core.Full(core.Float32, 3, large)
	f := func(x *core.Array) *core.Array { return x.Square().Sum() }
	for name, use := range map[string]func(y *core.Array) float32{
		"item":      func(y *core.Array) float32 { return float32(y.Slice(0, 0, 1).Item()) },
		"operation": func(y *core.Array) float32 { return float32(y.Sum().Item()) / large },
		"view":      func(y *core.Array) float32 { return core.Data[float32](y.Reshape(2, large/2).T())[5] },
		"eval":      func(y *core.Array) float32 { y.Eval(); return core.Data[float32](y)[1] },
		"gradient":  func(y *core.Array) float32 { return core.Data[float32](grad.Of(f)(y))[0] / 2 },
		"constant": func(y *core.Array) float32 {
			return core.Data[float32](grad.Of(func(x *core.Array) *core.Array { return x.Mul(y).Sum() })(x))[9]
		},
		"compiled": func(y *core.Array) float32 { return float32(compile.Of(f).Call(y).Item()) / large / 3 },
		"captured": func(y *core.Array) float32 {
			return core.Data[float32](compile.Of(func(x *core.Array) *core.Array { return x.Sub(x).Add(y) }).Call(x))[3]
		},
		"mapped": func(y *core.Array) float32 {
			return core.Data[float32](vmap.Of(f)(y.Reshape(4, -1)))[3] * 4 / large / 3
		},
		"other queue": func(y *core.Array) float32 {
			var z *core.Array
			core.Using(core.NewStream(core.CPU), func() { z = y.Neg() })
			return -core.Data[float32](z)[0]
		},
		"file": func(y *core.Array) float32 {
			path := filepath.Join(t.TempDir(), "y.npy")
			require.NoError(t, mlxio.SaveNPY(path, y))
			z, err := mlxio.LoadNPY(path)
			require.NoError(t, err)
			return core.Data[float32](z)[large-1]
		},
	} {
		t.Run(name, func(t *testing.T) {
			gate := make(chan struct{})
			y := through(x, func() error { <-gate; return nil }).AddScalar(6)
			core.AsyncEval(y)
			z := y.SubScalar(6) // 3
			core.AsyncEval(z)
			go close(gate)
			require.Equal(t, float32(3), use(z))
		})
	}
}

// An evaluation that fails leaves what came before it, and takes what needs it along:
// each reader meets the error, and everything else is right.
func TestFailureInAnAsyncEval(t *testing.T) {
	bad := errors.New("no luck")
	fails, tries := true, 0
	x := core.Ones(core.Float32, large)
	first := x.AddScalar(1)
	middle := through(first, func() error {
		tries++
		if fails {
			return bad
		}
		return nil
	})
	last := middle.AddScalar(1)
	core.AsyncEval(first, last)
	also := middle.MulScalar(5)
	core.AsyncEval(also)
	apart := x.MulScalar(3)
	core.AsyncEval(apart)

	require.Equal(t, float32(2), core.Data[float32](first)[0])
	require.Equal(t, float32(3), core.Data[float32](apart)[0])
	for _, y := range []*core.Array{last, also, middle} {
		require.ErrorContains(t, thrown(func() { core.Data[float32](y) }), "no luck")
	}
	require.GreaterOrEqual(t, tries, 4, "once for nobody, then for each reader")
	fails = false
	require.Equal(t, float32(3), core.Data[float32](last)[0], "a later reader tries again")
	require.Equal(t, float32(10), core.Data[float32](also)[large-1])
}

func TestFailureOfAnOpWithSeveralResults(t *testing.T) {
	x := core.Ones(core.Float32, large)
	fails := true
	y := through(x, func() error {
		if fails {
			return errors.New("not yet")
		}
		return nil
	})
	parts := y.Split(4, 0)
	sum := parts[1].Add(parts[3])
	core.AsyncEval(parts[0], sum)
	require.ErrorContains(t, thrown(func() { sum.Eval() }), "not yet")
	fails = false
	require.Equal(t, float32(2), core.Data[float32](sum)[7])
	require.Equal(t, float32(1), core.Data[float32](parts[2])[7])
}

// Every op finds in the queue what it finds on the spot; some of MLX's ask their results.
func TestAsyncEvalOfEveryLayout(t *testing.T) {
	x := random.Normal(random.Key(1), core.Float32, 512, 64, 16)
	for name, f := range map[string]func() []*core.Array{
		"reshape":     func() []*core.Array { return []*core.Array{x.T().Reshape(-1), x.Transpose(1, 0, 2).Flatten()} },
		"split":       func() []*core.Array { return x.Exp().Split(4, 1) },
		"contiguous":  func() []*core.Array { return []*core.Array{x.T().Contiguous(), x.Flip(0)} },
		"concatenate": func() []*core.Array { return []*core.Array{core.Concatenate(1, x, x.Neg()), core.Stack(0, x, x)} },
		"indices": func() []*core.Array {
			return []*core.Array{x.Take(core.From([]int32{3, 500, 3}), 0), x.Slice(0, 5, 300), x.Pad([2]int{1, 2}, [2]int{}, [2]int{0, 3})}
		},
		"sort": func() []*core.Array { return []*core.Array{x.Sort(0), x.ArgSort(2), x.CumSum(0)} },
		"reductions": func() []*core.Array {
			return []*core.Array{x.Sum(1), x.Max(0), x.Softmax(0), x.LogSumExp(2), x.ArgMax(1)}
		},
		"products": func() []*core.Array {
			return []*core.Array{x.MatMul(x.SwapAxes(1, 2)), x.AsType(core.Float16).MatMul(x.AsType(core.Float16).SwapAxes(1, 2))}
		},
		"random": func() []*core.Array { return []*core.Array{random.Uniform(random.Key(3), 0, 1, core.Float32, 300000)} },
		"divmod": func() []*core.Array { q, r := x.DivMod(core.Scalar[float32](0.3)); return []*core.Array{q, r} },
	} {
		want, got := f(), f()
		core.Eval(want)
		core.AsyncEval(got)
		for i := range want {
			require.Equal(t, want[i].Bytes(), got[i].Bytes(), "%s %d", name, i)
		}
	}
}

func TestMemoryOfAsyncEvals(t *testing.T) {
	drain := func() { core.Tidy(func() float64 { return core.Ones(core.Float32, large).Sum().Item() }) }
	step := func() {
		x := core.Full(core.Float32, 1, large)
		for range 50 {
			y := core.Tidy(func() *core.Array {
				y := x.MulScalar(1.5).Exp().Log()
				core.AsyncEval(y)
				return y
			})
			x.Free()
			x = y
		}
		core.AsyncEval(x.Square(), x.Sqrt()) // nobody reads these
	}
	core.Tidy(func() *core.Array { step(); return core.Scalar[float32](0) }).Eval()
	drain()
	before := core.Memory().Active
	core.ResetPeakMemory()
	for range 5 {
		core.Tidy(func() *core.Array { step(); return core.Scalar[float32](0) }).Eval()
	}
	drain()
	require.LessOrEqual(t, core.Memory().Active, before+1<<10)
	require.Less(t, core.Memory().Peak-before, 64*4*large, "some steps at a time, not all")
}

// What waits in the queue holds its inputs, no more of them than the limit allows.
func TestMemoryLimitHoldsAsyncEvalsBack(t *testing.T) {
	const steps, step = 10, 2 * 4 * large // an input, and what is computed of it
	peak := func(limit int, begin <-chan struct{}, then func()) int {
		defer core.SetMemoryLimit(core.SetMemoryLimit(limit))
		core.ResetPeakMemory()
		var sums []*core.Array
		for range steps {
			x := core.From(make([]float32, large))
			sums = append(sums, core.Tidy(func() *core.Array { return through(x, func() error { <-begin; return nil }).Sum() }))
			core.AsyncEval(sums[len(sums)-1])
			x.Free()
		}
		then()
		core.Eval(sums)
		core.Free(sums)
		return core.Memory().Peak
	}
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	begin := make(chan struct{})
	active := core.Memory().Active
	require.GreaterOrEqual(t, peak(core.Memory().Limit, begin, func() { close(begin) }), active+steps*step/2)
	require.LessOrEqual(t, peak(active+step, begin, func() {}), active+2*step)
}

// The body of a scan is made ready by who asks for the evaluation, while others trace.
func TestAsyncEvalOfLoops(t *testing.T) {
	x := core.Full(core.Float32, 0.5, 64, large/32)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 20 {
				step := func(s, x *core.Array) (*core.Array, *core.Array) {
					s = s.Add(x.Sub(x)).AddScalar(float64(i % 3))
					return s, s
				}
				s, ys := flow.Scan(step, x.Index(0), x)
				core.AsyncEval(s, ys)
				compile.Of(func(x *core.Array) *core.Array { return x.Exp().Mul(x).AddScalar(float64(i)) }).Call(x.Index(1)).Eval()
				require.InDelta(t, 0.5+float64(i%3)*64, core.Data[float32](s)[7], 1e-3)
			}
		})
	}
	wg.Wait()
}

// Evaluations are put into the queue while others, with memory of their own, run.
func TestAsyncEvalsOneAfterTheOther(t *testing.T) {
	x := random.Normal(random.Key(1), core.Float32, 600, 120)
	for range 40 {
		q := x
		for range 12 {
			q, _ = linalg.QR(q.MatMul(core.Eye(core.Float32, 120, 120, 0)))
			core.AsyncEval(q)
		}
		core.AsyncEval(q.T())
		require.InDelta(t, 120, q.T().MatMul(q).Trace().Item(), 1e-2)
	}
}
