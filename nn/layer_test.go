package nn_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/core/tree"
	"github.com/adjoint-go/adjoint/nn"
	"github.com/adjoint-go/adjoint/nn/internal/fixture"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

func TestLayersAsInMLX(t *testing.T) {
	for i, c := range fixture.Read(t, "testdata/layers.json") {
		s := c.Settings
		window := nn.Window{Kernel: s.Kernel, Stride: s.Stride, Padding: s.Padding}
		t.Run(fmt.Sprint(i, c.Name), func(t *testing.T) {
			switch c.Name {
			case "Linear":
				checkLayer(t, c, nn.Linear{Weight: c.Arg("weight"), Bias: c.Arg("bias")})
			case "Conv2d":
				checkLayer(t, c, nn.Conv2d{Weight: c.Arg("weight"), Bias: c.Arg("bias"),
					Conv2dConfig: nn.Conv2dConfig{Stride: s.Stride, Padding: s.Padding, Dilation: s.Dilation, Groups: s.Groups}})
			case "Embedding":
				checkLayer(t, c, nn.Embedding{Weight: c.Arg("weight")})
			case "LayerNorm":
				checkLayer(t, c, nn.LayerNorm{Weight: c.Arg("weight"), Bias: c.Arg("bias"), Eps: s.Eps})
			case "RMSNorm":
				checkLayer(t, c, nn.RMSNorm{Weight: c.Arg("weight")})
			case "MaxPool2d":
				checkLayer(t, c, nn.MaxPool2d{Window: window})
			case "AvgPool2d":
				checkLayer(t, c, nn.AvgPool2d{Window: window})
			case "BatchNorm":
				checkBatchNorm(t, c)
			default:
				t.Fatal("no layer", c.Name)
			}
		})
	}
}

func checkBatchNorm(t *testing.T, c fixture.Case) {
	l := nn.NewBatchNorm(3)
	l.Weight, l.Bias = c.Arg("weight"), c.Arg("bias")
	type arg struct {
		L nn.BatchNorm
		X *core.Array
	}
	f := func(a arg) (*core.Array, nn.BatchNorm) {
		ctx := nn.Training(nil)
		y := a.L.Forward(ctx, a.X)
		return y.Mul(c.Arg("ct")).Sum(), nn.Commit(ctx, a.L)
	}
	_, g, after := compile.Of(grad.ValueAndGradAux(f)).Call(arg{l, c.Arg("x")})
	c.Check(t, "dx", g.X)
	c.Check(t, "dweight", g.L.Weight)
	c.Check(t, "dbias", g.L.Bias)
	require.Nil(t, g.L.Mean)
	ctx := nn.Training(nil)
	c.Check(t, "y", l.Forward(nn.Training(nil), c.Arg("x")))
	c.Check(t, "y2", after.Forward(ctx, c.Arg("x2")))
	after = nn.Commit(ctx, after)
	c.Check(t, "mean", after.Mean)
	c.Check(t, "var", after.Var)
	c.Check(t, "y3", after.Forward(nil, c.Arg("x2")))
	require.Equal(t, []string{"weight", "bias", "running_mean", "running_var"}, tree.Paths(after))
}

// A layer that is used twice in a pass learns from both inputs.
func TestBatchNormUsedTwice(t *testing.T) {
	l := nn.NewBatchNorm(1)
	x, y := core.From([]float32{1, 3}, 2, 1), core.From([]float32{5, 9}, 2, 1)
	once := nn.Training(nil)
	l.Forward(once, x)
	l.Forward(once, y)
	both := nn.Commit(once, l)
	first := nn.Training(nil)
	l.Forward(first, x)
	next := nn.Commit(first, l)
	second := nn.Training(nil)
	next.Forward(second, y)
	require.InDelta(t, nn.Commit(second, next).Mean.Item(), both.Mean.Item(), 1e-6)
	require.InDelta(t, 0.9*0.2+0.7, both.Mean.Item(), 1e-6)
}

func TestCommitFindsWhatWasSet(t *testing.T) {
	l, other := nn.NewBatchNorm(1), nn.NewBatchNorm(1)
	c := nn.Training(nil)
	l.Forward(c, core.From([]float32{1, 3}, 2, 1))
	fails(t, "not in the model", func() { nn.Commit(c, other) })
	fails(t, "the same array", func() { nn.Commit(c, []nn.BatchNorm{l, {Mean: l.Mean}}) })
	require.Equal(t, l, nn.Commit(nil, l))
}

func TestDropout(t *testing.T) {
	d := nn.Dropout{P: 0.25}
	x := core.Ones(core.Float32, 100, 100)
	require.Same(t, x, d.Forward(nil, x))
	c := nn.Training(random.Key(3))
	y, z := d.Forward(c, x), d.Forward(c, x)
	require.InDelta(t, 1, y.Mean().Item(), 0.03)
	require.InDelta(t, 4./3, y.Max().Item(), 1e-6)
	require.InDelta(t, 2500, y.EqualScalar(0).Sum().Item(), 200)
	require.Less(t, y.Equal(z).AsType(core.Float32).Mean().Item(), 0.9, "two draws of one pass differ")
	// The gradient goes where the value went.
	g := grad.Of(func(x *core.Array) *core.Array { return d.Forward(nn.Training(random.Key(3)), x).Sum() })(x)
	require.Equal(t, core.Data[float32](y), core.Data[float32](g))
}

func TestPoolTiesShareTheGradient(t *testing.T) {
	x := core.Ones(core.Float32, 1, 2, 2, 1)
	g := grad.Of(func(x *core.Array) *core.Array { return nn.NewMaxPool2d(2).Forward(nil, x).Sum() })(x)
	require.Equal(t, []float32{0.25, 0.25, 0.25, 0.25}, core.Data[float32](g))
}

type net struct {
	Body  nn.Sequential
	Table nn.Embedding
}

func (n net) loss(x, ids *core.Array) *core.Array {
	return n.Body.Forward(nil, x).Square().Mean().Add(n.Table.Forward(nil, ids).Sum())
}

func newNet() net {
	keys := random.SplitN(random.Key(1), 3)
	conv := nn.NewConv2d(keys.Index(0), 2, 4, [2]int{3, 3}, nn.Conv2dConfig{Padding: [2]int{1, 1}})
	return net{
		nn.Sequential{conv, nn.NewBatchNorm(4), nn.Func(nn.ReLU), nn.MaxPool2d{Window: nn.Window{Kernel: [2]int{3, 3}, Stride: [2]int{2, 2}, Padding: [2]int{1, 1}}},
			nn.Func(nn.Flatten), nn.NewLinear(keys.Index(1), 16, 3), nn.NewLayerNorm(3), nn.NewRMSNorm(3)},
		nn.NewEmbedding(keys.Index(2), 5, 2),
	}
}

// What the transforms make of layers equals what a loop does.
func TestLayersInTransforms(t *testing.T) {
	n := newNet()
	x := random.Normal(random.Key(9), core.Float32, 3, 2, 4, 4, 2)
	ids := core.From([]int{0, 1, 4, 4, 2, 2}, 3, 2)
	type data struct{ X, IDs *core.Array }
	f := func(n net, d data) *core.Array { return n.loss(d.X, d.IDs) }
	losses := compile.Of(vmap.Of(f, vmap.In(nil, 0))).Call(n, data{x, ids})
	n.Body = n.Body[1:] // the engine cannot map the gradient of a convolution's weight
	n.Body[0], n.Body[4] = nn.NewBatchNorm(2), nn.NewLinear(random.Key(5), 8, 3)
	mapped := compile.Of(vmap.Of(grad.Of2(f), vmap.In(nil, 0))).Call(n, data{x, ids})
	for i := range 3 {
		d := data{x.Index(i), ids.Index(i)}
		require.InDelta(t, f(newNet(), d).Item(), losses.Index(i).Item(), 1e-5)
		for path, a := range tree.All(grad.Of2(f)(n, d)) {
			b := tree.Flatten(mapped)[path]
			require.InDeltaSlice(t, core.Data[float32](a), core.Data[float32](b.Index(i)), 1e-5, path)
		}
	}
}

func TestShapelessLayers(t *testing.T) {
	n := newNet()
	n.Body[3] = nn.NewMaxPool2d(2)
	f := compile.Of(func(n net, x *core.Array) *core.Array { return n.Body.Forward(nil, x) }, compile.Shapeless())
	for _, batch := range []int{2, 5, 7, 9, 4, 11, 3} {
		x := random.Normal(random.Key(2), core.Float32, batch, 4, 4, 2)
		require.InDeltaSlice(t, core.Data[float32](n.Body.Forward(nil, x)), core.Data[float32](f.Call(n, x)), 1e-5)
	}
}

func TestFlatten(t *testing.T) {
	require.Equal(t, []int{2, 12}, nn.Flatten(core.Zeros(core.Float32, 2, 3, 4)).Shape())
	require.Equal(t, []int{2, 1}, nn.Flatten(core.Zeros(core.Float32, 2)).Shape())
	require.Equal(t, []int{0, 12}, nn.Flatten(core.Zeros(core.Float32, 0, 3, 4)).Shape())
}
