package tree_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/mlxio"
	"github.com/adjoint-go/adjoint/core/tree"
	"github.com/adjoint-go/adjoint/nn/optim"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

// stack is a linked structure, whose nodes hold their arrays unexported.
type stack struct {
	scale *core.Array
	power int
	below *stack
}

type shownStack struct {
	Scale *core.Array `tree:"scale"`
	Power int
	Below *stack `tree:"below"`
}

var _ = tree.Register(
	func(s *stack) shownStack { return shownStack{s.scale, s.power, s.below} },
	func(s shownStack) *stack { return &stack{s.Scale, s.Power, s.Below} })

// value is scale·x^power of each node, summed.
func (s *stack) value(x *core.Array) *core.Array {
	y := s.scale.Mul(x.PowScalar(float64(s.power)))
	if s.below == nil {
		return y
	}
	return y.Add(s.below.value(x))
}

type stacked struct {
	S    *stack
	Bias *core.Array
}

func newStacked() stacked {
	return stacked{
		S:    &stack{core.Scalar(float32(2)), 1, &stack{core.Scalar(float32(3)), 2, nil}},
		Bias: core.Scalar(float32(1)),
	}
}

func loss(m stacked, x *core.Array) *core.Array { return m.S.value(x).Add(m.Bias).Sum() }

func TestTransformsTakeRegisteredTypes(t *testing.T) {
	needEngine(t)
	m, x := newStacked(), core.From([]float32{1, 2})
	want := map[string][]float64{"S.scale": {3}, "S.below.scale": {5}, "Bias": {2}}

	g := grad.Of2(loss)(m, x)
	assert.Equal(t, want, values(t, g), "d loss/d scale is Σ x^power")
	assert.Equal(t, 2, g.S.below.power)

	step := compile.Of(grad.Of2(loss))
	assert.Equal(t, want, values(t, step.Call(m, x)))
	assert.Equal(t, want, values(t, step.Call(newStacked(), x)))
	assert.Equal(t, 1, step.Stats().Traces)
	other := newStacked()
	other.S.power = 3
	assert.Equal(t, []float64{9}, values(t, step.Call(other, x))["S.scale"], "a static of a registered type is part of the key")
	assert.Equal(t, 2, step.Stats().Traces)

	each := vmap.Of(grad.Of2(loss), vmap.In(nil, 0))
	assert.Equal(t, map[string][]float64{"S.scale": {1, 2}, "S.below.scale": {1, 4}, "Bias": {1, 1}}, values(t, each(m, x)))

	frozen := grad.Of2(loss, grad.Except("S.below"))(m, x)
	assert.Equal(t, []string{"S.scale", "Bias"}, tree.Paths(frozen))
	assert.Nil(t, frozen.S.below.scale, "an array that is not asked for is absent")

	opt := optim.New(optim.SGD{LR: 0.5}, m)
	next, _ := opt.Update(m, g)
	assert.Equal(t, map[string][]float64{"S.scale": {0.5}, "S.below.scale": {0.5}, "Bias": {0}}, values(t, next))

	core.Eval(next)
	core.Free(next)
	assert.ErrorIs(t, caught(func() { next.S.below.scale.Eval() }), core.ErrFreed)
}

func TestCapturedStateOfARegisteredTypeIsWrittenBack(t *testing.T) {
	needEngine(t)
	m := newStacked()
	step := compile.Of(func(x *core.Array) *core.Array {
		y := m.S.value(x)
		m.S = tree.Map(m.S, func(a *core.Array) *core.Array { return a.AddScalar(1) })
		return y
	}, compile.State(&m))
	x := core.Scalar(float32(2))
	for _, want := range []float64{16, 22, 28} {
		assert.Equal(t, want, step.Call(x).Item())
	}
	assert.Equal(t, map[string][]float64{"S.scale": {5}, "S.below.scale": {6}, "Bias": {1}}, values(t, m))
	assert.Equal(t, 1, step.Stats().Traces)
}

func TestRegisteredTypesAreSavedByPath(t *testing.T) {
	needEngine(t)
	m := newStacked()
	file := filepath.Join(t.TempDir(), "m.safetensors")
	require.NoError(t, mlxio.SaveTree(file, m))
	arrays, _, err := mlxio.Load(file)
	require.NoError(t, err)
	for _, path := range tree.Paths(m) {
		assert.Contains(t, arrays, path)
	}
	blankOnes := tree.Map(m, func(a *core.Array) *core.Array { return a.ZerosLike() })
	back, err := mlxio.LoadTree(file, blankOnes)
	require.NoError(t, err)
	assert.Equal(t, values(t, m), values(t, back))
}

type late struct{ W *core.Array }
type twice struct{ w *core.Array }
type noTree struct{ w *core.Array }
type loses struct{ as []*core.Array }

func TestRegisterRefuses(t *testing.T) {
	tree.Paths(late{})
	read, build := func(a twice) *core.Array { return a.w }, func(w *core.Array) twice { return twice{w} }
	tree.Register(read, build)
	for want, f := range map[string]func(){
		"a nil function; give both flatten and unflatten": func() { tree.Register[twice, *core.Array](nil, build) },
		"(tree_test.twice): it is registered already":     func() { tree.Register(read, build) },
		"it was used as a tree before": func() {
			tree.Register(func(l late) *core.Array { return l.W }, func(w *core.Array) late { return late{w} })
		},
		"an unexported field that could hold a *core.Array": func() {
			tree.Register(func(n noTree) struct{ w *core.Array } { return struct{ w *core.Array }{n.w} }, func(s struct{ w *core.Array }) noTree { return noTree{s.w} })
		},
		"only defined types": func() {
			tree.Register(func(a []*core.Array) any { return nil }, func(any) []*core.Array { return nil })
		},
		"it is a leaf itself": func() {
			tree.Register(func(a *core.Array) []*core.Array { return nil }, func([]*core.Array) *core.Array { return nil })
		},
	} {
		err := caught(f)
		var typed *core.Error
		require.ErrorAs(t, err, &typed, want)
		assert.ErrorContains(t, err, want)
		assert.ErrorContains(t, err, "adjoint: tree.Register: ")
		assert.NotContains(t, err.Error(), "\n")
	}
	tree.Register(func(l loses) []*core.Array { return l.as }, func(as []*core.Array) loses { return loses{as[1:]} })
	err := caught(func() { tree.Clone(struct{ L loses }{loses{[]*core.Array{blank(), blank()}}}) })
	assert.ErrorContains(t, err, "tree.Clone: at L (tree_test.loses): its unflatten was given 2 leaves and made a value that has 1")
}

func BenchmarkFlatten(b *testing.B) {
	type layer struct{ Q, K, V, O, Up, Down, Scale, Shift *core.Array }
	var model struct{ Layers [25]layer }
	model.Layers = [25]layer{}
	for i := range model.Layers {
		a := blank()
		model.Layers[i] = layer{a, a, a, a, a, a, a, a}
	}
	var hidden struct{ S []*stack }
	for range 200 {
		hidden.S = append(hidden.S, &stack{scale: blank()})
	}
	b.Run("200 fields", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			tree.Count(&model)
		}
	})
	b.Run("200 registered", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			tree.Count(&hidden)
		}
	})
	b.Run("200 paths", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			tree.Paths(&model)
		}
	})
}
