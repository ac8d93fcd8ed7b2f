package optim_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/nn/internal/fixture"
	"github.com/adjoint-go/adjoint/nn/optim"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
)

type params struct {
	W *core.Array
	B *core.Array
	N *core.Array
	M *core.Array `tree:",state"`
}

func decay(step *core.Array) *core.Array { return step.AddScalar(1).RDivScalar(0.1) }

var rules = map[string]optim.Rule{
	"SGD":          optim.SGD{LR: 0.1},
	"SGDMomentum":  optim.SGD{LR: 0.1, Momentum: 0.9, WeightDecay: 0.02, Dampening: 0.3},
	"SGDNesterov":  optim.SGD{LR: 0.1, Momentum: 0.8, Nesterov: true},
	"SGDSchedule":  optim.SGD{Schedule: decay, Momentum: 0.5},
	"Adam":         optim.Adam{LR: 0.05},
	"AdamBetas":    optim.Adam{LR: 0.05, Betas: [2]float64{0.8, 0.95}, Eps: 1e-3},
	"AdamPlain":    optim.Adam{LR: 0.05, NoBiasCorrection: true},
	"AdamSchedule": optim.Adam{Schedule: decay},
	"AdamW":        optim.AdamW{LR: 0.05},
	"AdamWDecay":   optim.AdamW{LR: 0.05, WeightDecay: 0.3},
	"RMSprop":      optim.RMSprop{LR: 0.05},
	"Adagrad":      optim.Adagrad{LR: 0.05},
	"Lion":         optim.Lion{LR: 0.05, WeightDecay: 0.1},
}

// Five steps of each rule, eager and compiled, are those of MLX.
func TestStepsAsInMLX(t *testing.T) {
	met := 0
	for _, c := range fixture.Read(t, "testdata/optimisers.json") {
		r, ok := rules[c.Name]
		if !ok {
			require.Equal(t, "ClipGradNorm", c.Name)
			continue
		}
		met++
		for _, compiled := range []bool{false, true} {
			p := params{W: c.Arg("w"), B: c.Arg("b"), N: core.Scalar(int32(3)), M: core.Scalar[float32](4)}
			o := optim.New(r, p)
			update := func(o optim.Opt[params], p, g params) (params, optim.Opt[params]) { return o.Update(p, g) }
			f := compile.Of(update)
			if compiled {
				update = f.Call
			}
			for i := range 5 {
				p, o = update(o, p, params{W: c.Arg(fmt.Sprint("gw", i)), B: c.Arg(fmt.Sprint("gb", i))})
				c.Check(t, fmt.Sprint("w", i), p.W)
				c.Check(t, fmt.Sprint("b", i), p.B)
			}
			require.Equal(t, 5.0, o.T.Item())
			require.Equal(t, 3.0, p.N.Item())
			require.Equal(t, 4.0, p.M.Item())
			require.LessOrEqual(t, f.Stats().Traces, 1)
		}
	}
	require.Equal(t, len(rules), met)
}

func TestClipGradNorm(t *testing.T) {
	for _, c := range fixture.Read(t, "testdata/optimisers.json") {
		if c.Name != "ClipGradNorm" {
			continue
		}
		g, norm := optim.ClipGradNorm(params{W: c.Arg("w"), B: c.Arg("b")}, c.Settings.Limit)
		c.Check(t, "w", g.W)
		c.Check(t, "b", g.B)
		c.Check(t, "norm", norm)
		require.Nil(t, g.M)
	}
	huge := core.From([]float32{60000, 60000}).AsType(core.Float16)
	g, norm := optim.ClipGradNorm(huge, 1)
	require.InDelta(t, 60000*math.Sqrt2, norm.Item(), 60)
	require.Equal(t, core.Float16, g.DType())
	require.InDelta(t, 1/math.Sqrt2, g.Index(0).AsType(core.Float32).Item(), 1e-3)
}

// A gradient smaller than half precision's least number still moves weights.
func TestHalfPrecision(t *testing.T) {
	for name, r := range rules {
		p := core.From([]float32{1, 1}).AsType(core.Float16)
		o := optim.New(r, p)
		for range 3 {
			p, o = o.Update(p, core.From([]float32{1e-5, 0}).AsType(core.Float16))
		}
		require.Equal(t, core.Float16, p.DType(), name)
		for _, v := range core.Data[float32](p.AsType(core.Float32)) {
			require.False(t, math.IsNaN(float64(v)) || math.IsInf(float64(v), 0), name)
		}
	}
}

func TestFrozenStaysAsItIs(t *testing.T) {
	p := params{W: core.Ones(core.Float32, 2), B: core.Ones(core.Float32, 2)}
	o := optim.New(optim.Adam{LR: 0.1}, p)
	g := grad.Of(func(p params) *core.Array { return p.W.Mul(p.B).Sum() }, grad.Only("W"))(p)
	next, _ := o.Update(p, g)
	require.Same(t, p.B, next.B)
	require.InDelta(t, 0.9, next.W.Index(0).Item(), 1e-6)
}

func TestBadSettings(t *testing.T) {
	p := core.Ones(core.Float32, 2)
	for want, r := range map[string]optim.Rule{
		"learning rate 0":           optim.SGD{},
		"learning rate -1":          optim.Adam{LR: -1},
		"both a learning rate":      optim.Lion{LR: 1, Schedule: decay},
		"learning rate NaN":         optim.RMSprop{LR: math.NaN()},
		"momentum 1":                optim.SGD{LR: 1, Momentum: 1},
		"dampening 2":               optim.SGD{LR: 1, Momentum: 0.5, Dampening: 2},
		"Nesterov":                  optim.SGD{LR: 1, Nesterov: true},
		"beta 1":                    optim.AdamW{LR: 1, Betas: [2]float64{0.9, 1}},
		"eps -1":                    optim.Adagrad{LR: 1, Eps: -1},
		"alpha -0.5":                optim.RMSprop{LR: 1, Alpha: -0.5},
		"weight decay -1":           optim.AdamW{LR: 1, WeightDecay: -1},
		"the schedule's result":     optim.SGD{Schedule: func(*core.Array) *core.Array { return nil }},
		"returned an array of shap": optim.SGD{Schedule: func(s *core.Array) *core.Array { return s.Reshape(1) }},
	} {
		fails(t, want, func() { optim.New(r, p).Update(p, p) })
	}
}

type broken struct{ optim.SGD }

func (broken) Step(t, p, g *core.Array, _ []*core.Array) (*core.Array, []*core.Array) {
	return p, []*core.Array{p}
}

func TestBadTrees(t *testing.T) {
	w := core.Ones(core.Float32, 2)
	p := params{W: w, B: w.Neg()}
	o := optim.New(optim.SGD{LR: 0.1, Momentum: 0.5}, p)
	fails(t, "the rule is nil", func() { optim.New[params](nil, p) })
	fails(t, "W and B are the same array", func() { optim.New(optim.SGD{LR: 1}, params{W: w, B: w}) })
	fails(t, "no floating-point array", func() { optim.New(optim.SGD{LR: 1}, params{N: core.Scalar(int32(1)), M: w}) })
	fails(t, "make it with optim.New", func() { optim.Opt[params]{}.Update(p, p) })
	fails(t, "the gradient has no array", func() { o.Update(p, params{}) })
	fails(t, "W: the gradient has shape [1], the parameter [2]", func() { o.Update(p, params{W: core.Ones(core.Float32, 1)}) })
	fails(t, "M: the gradient has an array where the parameters have none", func() { o.Update(p, params{M: w}) })
	fails(t, "N: the optimizer's state", func() {
		q := params{W: w, N: core.Scalar(int32(1))}
		optim.New(optim.SGD{LR: 0.1, Momentum: 0.5}, q).Update(q, params{N: core.Scalar(int32(1))})
	})
	fails(t, "does not have the structure", func() {
		l := []*core.Array{w, w.Neg()}
		optim.New(optim.SGD{LR: 0.1}, l).Update(l, l[:1])
	})
	fails(t, "broken returned 1 arrays of state, want 0", func() { optim.New(broken{optim.SGD{LR: 1}}, w).Update(w, w) })
	fails(t, "norm 0", func() { optim.ClipGradNorm(p, 0) })
	fails(t, "no array", func() { optim.ClipGradNorm(params{}, 1) })
	fails(t, "int32", func() { optim.ClipGradNorm(core.Scalar(int32(1)), 1) })
}

func fails(t *testing.T, want string, f func()) {
	t.Helper()
	_, err := core.Try(func() *core.Array { f(); return nil })
	require.ErrorContains(t, err, want)
	require.NotContains(t, err.Error(), "\n")
}
