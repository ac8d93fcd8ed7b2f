package loss_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/nn/internal/fixture"
	"github.com/adjoint-go/adjoint/nn/loss"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
)

type function func(p, t, v *core.Array, c fixture.Case, r loss.Reduction) *core.Array

func plain(f func(p, t *core.Array, r loss.Reduction) *core.Array) function {
	return func(p, t, _ *core.Array, _ fixture.Case, r loss.Reduction) *core.Array { return f(p, t, r) }
}

var functions = map[string]function{
	"MSE": plain(loss.MSE), "L1": plain(loss.L1), "LogCosh": plain(loss.LogCosh), "Hinge": plain(loss.Hinge),
	"CrossEntropy": plain(loss.CrossEntropy), "NLL": plain(loss.NLL), "BinaryCrossEntropy": plain(loss.BinaryCrossEntropy),
	"BinaryCrossEntropyLogits": plain(loss.BinaryCrossEntropyLogits), "KLDiv": plain(loss.KLDiv),
	"CosineSimilarity": plain(loss.CosineSimilarity),
	"SmoothL1": func(p, t, _ *core.Array, c fixture.Case, r loss.Reduction) *core.Array {
		return loss.SmoothL1(p, t, c.Settings.Beta, r)
	},
	"Huber": func(p, t, _ *core.Array, c fixture.Case, r loss.Reduction) *core.Array {
		return loss.Huber(p, t, c.Settings.Beta, r)
	},
	"GaussianNLL": func(p, t, v *core.Array, _ fixture.Case, r loss.Reduction) *core.Array {
		return loss.GaussianNLL(p, t, v, r)
	},
	"CrossEntropyWith": func(p, t, v *core.Array, c fixture.Case, r loss.Reduction) *core.Array {
		return loss.CrossEntropyWith(p, t, loss.CrossEntropyConfig{LabelSmoothing: c.Settings.Smoothing, Weights: v, Reduction: r})
	},
	"Triplet": func(p, t, v *core.Array, _ fixture.Case, r loss.Reduction) *core.Array {
		return loss.Triplet(p, t, v, 1, r)
	},
	"MarginRanking": func(p, t, v *core.Array, _ fixture.Case, r loss.Reduction) *core.Array {
		return loss.MarginRanking(p, t, v, 0.4, r)
	},
}

var reductions = map[string]loss.Reduction{"mean": loss.Mean, "sum": loss.Sum, "none": loss.None}

func TestAsInMLX(t *testing.T) {
	met := map[string]bool{}
	for _, c := range fixture.Read(t, "testdata/losses.json") {
		f, ok := functions[c.Name]
		require.True(t, ok, c.Name)
		met[c.Name] = true
		r := reductions[c.Settings.Reduction]
		of := func(p *core.Array) *core.Array { return f(p, c.Arg("t"), c.Arg("v"), c, r) }
		c.Check(t, "y", of(c.Arg("p")))
		total := func(p *core.Array) *core.Array { return of(p).Mul(c.Arg("ct")).Sum() }
		c.Check(t, "dp", compile.Of(grad.Of(total)).Call(c.Arg("p")))
	}
	require.Len(t, met, len(functions))
}

// The derivative of each loss agrees with differences, in float64.
func TestGradients(t *testing.T) {
	if len(core.Devices()) > 1 {
		t.Skip("float64 needs the CPU")
	}
	for _, c := range fixture.Read(t, "testdata/losses.json") {
		if c.Settings.Reduction != "sum" {
			continue
		}
		wide := func(a *core.Array) *core.Array {
			if a == nil || a.DType().IsInteger() {
				return a
			}
			return a.AsType(core.Float64)
		}
		f := func(p *core.Array) *core.Array {
			return functions[c.Name](p, wide(c.Arg("t")), wide(c.Arg("v")), c, loss.Sum)
		}
		p := wide(c.Arg("p"))
		require.Equal(t, core.Float64, f(p).DType(), c.Name)
		g := core.Data[float64](grad.Of(f)(p))
		data := core.Data[float64](p)
		const h = 1e-4
		for i := range data {
			at := func(d float64) float64 {
				moved := append([]float64{}, data...)
				moved[i] += d
				return f(core.From(moved, p.Shape()...)).Item()
			}
			require.InDelta(t, (at(h)-at(-h))/(2*h), g[i], 1e-3, "%s[%d]", c.Name, i)
		}
	}
}

func TestAwkwardValues(t *testing.T) {
	// Large logits, and certainty of the wrong class.
	l := loss.CrossEntropy(core.From([]float32{1e4, -1e4}, 1, 2), core.From([]int{1}), loss.Mean)
	require.Equal(t, 2e4, l.Item())
	require.InDelta(t, 100, loss.BinaryCrossEntropy(core.From([]float32{0}), core.From([]float32{1}), loss.Mean).Item(), 1e-4)
	require.InDelta(t, 1e4, loss.BinaryCrossEntropyLogits(core.From([]float32{-1e4}), core.From([]float32{1}), loss.Mean).Item(), 1e-2)
	inf := float32(math.Inf(-1))
	require.InDelta(t, math.Ln2, loss.KLDiv(core.From([]float32{-math.Ln2, -math.Ln2}), core.From([]float32{0, inf}), loss.Sum).Item(), 1e-6)
	// Gradients where a formula would give 0/0.
	zero := core.From([]float32{0, 0})
	for name, f := range map[string]func(x *core.Array) *core.Array{
		"cosine":  func(x *core.Array) *core.Array { return loss.CosineSimilarity(x, zero, loss.Sum) },
		"triplet": func(x *core.Array) *core.Array { return loss.Triplet(x, zero, zero, 1, loss.Sum) },
		"binary":  func(x *core.Array) *core.Array { return loss.BinaryCrossEntropy(x, zero, loss.Sum) },
	} {
		for _, g := range core.Data[float32](grad.Of(f)(zero)) {
			require.False(t, math.IsNaN(float64(g)) || math.IsInf(float64(g), 0), name)
		}
	}
	half := core.From([]float32{2, 1}, 1, 2).AsType(core.Float16)
	require.Equal(t, core.Float16, loss.CrossEntropy(half, core.From([]int{0}), loss.Mean).DType())
	// bool targets are numbers.
	require.InDelta(t, 0.5, loss.MSE(core.From([]float32{0, 1}), core.From([]bool{true, true}), loss.Mean).Item(), 0)
}

func TestClassOutOfRange(t *testing.T) {
	x := core.Ones(core.Float32, 2, 3)
	for _, bad := range []int{-1, 3, 1 << 30} {
		y := core.From([]int{0, bad})
		fails(t, "out of range: want 0 to 2", func() { loss.CrossEntropy(x, y, loss.Mean) })
		l := compile.Of(func(x, y *core.Array) *core.Array { return loss.CrossEntropy(x, y, loss.None) }).Call(x, y)
		out := core.Data[float32](l)
		require.InDelta(t, math.Log(3), out[0], 1e-6)
		require.True(t, math.IsNaN(float64(out[1])))
	}
}

func TestBadInputs(t *testing.T) {
	x, ids := core.Ones(core.Float32, 2, 3), core.From([]int{0, 1})
	row := core.Ones(core.Float32, 3)
	for name, c := range map[string]struct {
		want string
		f    func()
	}{
		"shapes":         {"the predictions have shape [2 3], the targets [3]", func() { loss.MSE(x, row, loss.Mean) }},
		"nil":            {"the predictions: the array is nil", func() { loss.L1(nil, x, loss.Mean) }},
		"nil targets":    {"the targets: the array is nil", func() { loss.Huber(x, nil, 1, loss.Mean) }},
		"nil classes":    {"the targets: the array is nil", func() { loss.CrossEntropy(x, nil, loss.Mean) }},
		"integers":       {"int32, want real", func() { loss.MSE(ids, ids, loss.Mean) }},
		"complex":        {"complex", func() { loss.MSE(x, x.AsType(core.Complex64), loss.Mean) }},
		"reduction":      {"reduction 7", func() { loss.MSE(x, x, 7) }},
		"empty":          {"an empty batch", func() { e := core.Zeros(core.Float32, 0, 3); loss.MSE(e, e, loss.Mean) }},
		"classes":        {"the classes have shape [2 1], want [2]", func() { loss.CrossEntropy(x, ids.Reshape(2, 1), loss.Mean) }},
		"float classes":  {"the target classes are float32", func() { loss.NLL(x, row, loss.Mean) }},
		"no class":       {"at least one class", func() { loss.CrossEntropy(core.Zeros(core.Float32, 2, 0), ids, loss.Mean) }},
		"smoothing":      {"label smoothing 1", func() { loss.CrossEntropyWith(x, ids, loss.CrossEntropyConfig{LabelSmoothing: 1}) }},
		"weights":        {"the weights have shape [3], the losses [2]", func() { loss.CrossEntropyWith(x, ids, loss.CrossEntropyConfig{Weights: row}) }},
		"beta":           {"beta 0", func() { loss.SmoothL1(x, x, 0, loss.Mean) }},
		"delta":          {"delta NaN", func() { loss.Huber(x, x, math.NaN(), loss.Mean) }},
		"margin":         {"margin -1", func() { loss.Triplet(x, x, x, -1, loss.Mean) }},
		"scalar vectors": {"at least one class", func() { s := core.Scalar[float32](1); loss.CosineSimilarity(s, s, loss.Mean) }},
	} {
		t.Run(name, func(t *testing.T) { fails(t, c.want, c.f) })
	}
}

func fails(t *testing.T, want string, f func()) {
	t.Helper()
	_, err := core.Try(func() *core.Array { f(); return nil })
	require.ErrorContains(t, err, want)
	require.NotContains(t, err.Error(), "\n")
}
