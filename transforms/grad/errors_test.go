package grad_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/quant"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
)

type params struct {
	W, B  arr
	N     arr
	Stats arr `tree:",state"`
	Name  string
	Inner []layer
}

type layer struct{ K arr }

func model() params {
	return params{W: vec(1, 2), B: num(3), N: core.From([]int32{4}), Stats: num(5), Name: "m", Inner: []layer{{num(6)}, {nil}}}
}

func modelLoss(p params) arr {
	l := p.W.Square().Sum().Add(p.B.Mul(num(2))).Add(p.N.AsType(core.Float32).Sum())
	if p.Stats != nil {
		l = l.Add(p.Stats.Square())
	}
	return l.Add(p.Inner[0].K.Mul(num(7)))
}

// Each misuse is a typed error that says what to do.
func TestBehaviour17_MisuseIsATypedError(t *testing.T) {
	x := vec(1, 2)
	sum := func(x arr) arr { return x.Sum() }
	pair := func(x arr) (r [2]arr) { r[0], r[1] = x.Exp(), x.Sum(); return r }
	type two struct{ A, B arr }
	cases := map[string]struct {
		f    func()
		says string
		is   error
	}{
		"loss of shape 2":     {f: func() { grad.Of(func(x arr) arr { return x })(x) }, says: "float32[2]"},
		"loss of shape 1":     {f: func() { grad.Of(func(x arr) arr { return x })(vec(1)) }, says: "float32[1]"},
		"loss of integers":    {f: func() { grad.Of(func(x arr) arr { return x.AsType(core.Int32).Sum() })(x) }, says: "int32[]"},
		"complex loss":        {f: func() { grad.Of(func(x arr) arr { return x.AsType(core.Complex64).Sum() })(x) }, says: "complex64[]"},
		"nil loss":            {f: func() { grad.Of(func(x arr) arr { return nil })(x) }, says: "result", is: core.ErrNil},
		"freed loss":          {f: func() { grad.Of(func(x arr) arr { l := x.Sum(); l.Free(); return l })(x) }, says: "grad.Of: the result", is: core.ErrFreed},
		"nil function":        {f: func() { grad.Of[arr](nil) }, says: "nil"},
		"nil function 2":      {f: func() { grad.ValueAndGradAux2[arr, arr, arr](nil) }, says: "nil"},
		"nil vjp aux":         {f: func() { grad.VJPAux[arr, arr, arr](nil, x) }, says: "grad.VJPAux: the function is nil"},
		"nil jvp aux":         {f: func() { grad.JVPAux[arr, arr, arr](nil, x, x) }, says: "grad.JVPAux: the function is nil"},
		"nil vjp":             {f: func() { grad.VJP[arr, arr](nil, x) }, says: "nil"},
		"nil jvp":             {f: func() { grad.JVP[arr, arr](nil, x, x) }, says: "nil"},
		"nil argument":        {f: func() { grad.Of(sum)(nil) }, says: "no leaf"},
		"integer argument":    {f: func() { grad.Of(func(x arr) arr { return x.AsType(core.Float32).Sum() })(core.From([]int32{1})) }, says: "no leaf"},
		"bool argument":       {f: func() { grad.VJP(sum, core.From([]bool{true})) }, says: "no leaf"},
		"freed argument":      {f: func() { y := vec(1); y.Free(); grad.Of(sum)(y) }, says: "grad.Of: the argument", is: core.ErrFreed},
		"no array":            {f: func() { grad.Of(func(int) arr { return num(1) })(3) }, says: "no leaf"},
		"unknown Only":        {f: func() { grad.Of(modelLoss, grad.Only("W", "Weight"))(model()) }, says: "Weight"},
		"unknown Except":      {f: func() { grad.Of(modelLoss, grad.Except("Inner.7"))(model()) }, says: "Inner.7"},
		"asked for integers":  {f: func() { grad.Of(modelLoss, grad.Only("N"))(model()) }, says: "int32"},
		"asked for an absent": {f: func() { grad.Of(modelLoss, grad.Only("Inner.1.K"))(model()) }, is: core.ErrNil},
		"everything left out": {f: func() { grad.Of(modelLoss, grad.Except("W", "B", "Inner"))(model()) }, says: "no leaf"},
		"tangent shape":       {f: func() { grad.JVP(sum, x, vec(1)) }, says: "float32[1], want float32[2]"},
		"tangent dtype":       {f: func() { grad.JVP(sum, x, x.AsType(core.Float16)) }, says: "float16[2], want float32[2]"},
		"tangent of integer": {f: func() {
			grad.JVP(func(p two) arr { return p.A }, two{core.From([]int32{1}), x}, two{core.From([]int32{1}), x})
		}, says: "A"},
		"no tangent":        {f: func() { grad.JVP(func(p two) arr { return p.A }, two{x, x}, two{}) }, says: "tangent"},
		"tangent of absent": {f: func() { grad.JVP(func(p two) arr { return p.A }, two{A: x}, two{x, x}) }, says: "B"},
		"tangents too few": {f: func() {
			grad.JVP(func(p []arr) arr { return p[0] }, []arr{x, x}, []arr{x})
		}, says: "tangent"},
		"tangents too many": {f: func() {
			grad.JVP(func(p []arr) arr { return p[0] }, []arr{x}, []arr{x, x})
		}, says: "tangent"},
		"cotangent shape": {f: func() { _, p := grad.VJP(sum, x); p(vec(1)) }, says: "float32[1], want float32[]"},
		"cotangent dtype": {f: func() { _, p := grad.VJP(sum, x); p(core.Scalar[int32](1)) }, says: "int32[], want float32[]"},
		"cotangents too few": {f: func() {
			_, p := grad.VJP(func(x arr) []arr { r := pair(x); return r[:] }, x)
			p([]arr{x})
		}, says: "cotangent"},
		"cotangents too many": {f: func() {
			_, p := grad.VJP(func(x arr) []arr { r := pair(x); return r[:] }, x)
			p([]arr{x, num(1), num(1)})
		}, says: "cotangent"},
		"cotangent freed":     {f: func() { _, p := grad.VJP(sum, x); c := num(1); c.Free(); p(c) }, is: core.ErrFreed},
		"nil option":          {f: func() { grad.Of(sum, nil) }, says: "option 0 is nil"},
		"chunk of a gradient": {f: func() { grad.Of(sum, grad.Chunk(3)) }, says: "grad.Chunk is an option of"},
		"chunk of nothing":    {f: func() { grad.JacRev(sum, grad.Chunk(0)) }, says: "grad.Chunk(0)"},
		"nil JacRev":          {f: func() { grad.JacRev[arr](nil) }, says: "grad.JacRev: the function is nil"},
		"nil JacFwd":          {f: func() { grad.JacFwd[arr](nil) }, says: "grad.JacFwd: the function is nil"},
		"nil Hessian":         {f: func() { grad.Hessian(nil) }, says: "grad.Hessian: the function is nil"},
		"nil HVP":             {f: func() { grad.HVP[arr](nil) }, says: "grad.HVP: the function is nil"},
		"nil HVP2":            {f: func() { grad.HVP2[arr, arr](nil) }, says: "grad.HVP2: the function is nil"},
		"nil Linearize":       {f: func() { grad.Linearize[arr, arr](nil, x) }, says: "grad.Linearize: the function is nil"},
		"JacRev of integers":  {f: func() { grad.JacRev(func(x arr) arr { return x.AsType(core.Int32) })(x) }, says: "the result is int32[2]"},
		"JacRev of complex":   {f: func() { grad.JacRev(func(x arr) arr { return x.AsType(core.Complex64) })(x) }, says: "the result is complex64[2]"},
		"JacRev at complex":   {f: func() { grad.JacRev(func(x arr) arr { return x.Abs() })(x.AsType(core.Complex64)) }, says: "the argument is complex64[2]"},
		"JacRev of nil":       {f: func() { grad.JacRev(func(x arr) arr { return nil })(x) }, says: "result", is: core.ErrNil},
		"JacRev at nil":       {f: func() { grad.JacRev(sum)(nil) }, says: "no leaf"},
		"JacFwd at complex":   {f: func() { grad.JacFwd(func(x arr) arr { return x.Abs() })(x.AsType(core.Complex64)) }, says: "the argument is complex64[2]"},
		"JacFwd at integers":  {f: func() { grad.JacFwd(sum)(core.From([]int32{1})) }, says: "no leaf"},
		"JacFwd at nil":       {f: func() { grad.JacFwd(sum)(nil) }, says: "no leaf"},
		"JacFwd at freed":     {f: func() { y := vec(1); y.Free(); grad.JacFwd(sum)(y) }, is: core.ErrFreed},
		"JacRev unexported":   {f: func() { grad.JacRev(func(struct{ w arr }) arr { return x }) }, says: "unexported"},
		"JacFwd unexported":   {f: func() { grad.JacFwd(func(arr) (r struct{ w arr }) { return r }) }, says: "unexported"},
		"Hessian of integers": {f: func() { grad.Hessian(func(x arr) arr { return x.AsType(core.Int32) })(x) }, says: "grad.Hessian: the result is int32[2]"},
		"HVP of a vector":     {f: func() { grad.HVP(func(x arr) arr { return x })(x, x) }, says: "float32[2]"},
		"HVP direction shape": {f: func() { grad.HVP(sum)(x, vec(1)) }, says: "grad.HVP: the tangent is float32[1], want float32[2]"},
		"HVP no direction":    {f: func() { grad.HVP(sum)(x, nil) }, says: "every leaf of the direction is absent"},
		"HVP not selected": {f: func() {
			grad.HVP(func(p two) arr { return p.A.Sum().Mul(p.B.Sum()) }, grad.Only("A"))(two{x, x}, two{x, x})
		}, says: "B is not selected"},
		"linear tangent shape": {f: func() { _, p := grad.Linearize(sum, x); p(vec(1)) }, says: "float32[1], want float32[2]"},
		"linear tangent freed": {f: func() { _, p := grad.Linearize(sum, x); c := vec(1, 2); c.Free(); p(c) }, is: core.ErrFreed},
		"linear structure": {f: func() {
			_, p := grad.Linearize(func(p []arr) arr { return p[0] }, []arr{x})
			p([]arr{x, x})
		}, says: "tangent"},
		"array by value": {f: func() { grad.Of(func(a core.Array) arr { return num(1) }) }, says: "by value"},
		"unexported":     {f: func() { grad.Of(func(a struct{ w arr }) arr { return num(1) }) }, says: "unexported"},
		"result tree":    {f: func() { grad.ValueAndGradAux(func(a arr) (arr, struct{ w arr }) { return a, struct{ w arr }{} }) }, says: "unexported"},
		"async":          {f: func() { grad.Of(func(x arr) arr { core.AsyncEval(x); return x.Sum() })(x) }, is: core.ErrTracer},
		"no rule": {
			f:  func() { grad.Of(func(x arr) arr { return x.View(core.Int32).View(core.Float32).Sum() })(x) },
			is: core.ErrNotDifferentiable, says: "stop the gradient before it with grad.Stop, or give a rule with grad.Custom",
		},
		"packed": {
			f: func() {
				grad.Of(func(x arr) arr { _, scales, _ := quant.Quantize(x, 32, 4); return scales.Sum() })(core.Ones(core.Float32, 2, 32))
			},
			is: core.ErrNotDifferentiable, says: "what is packed is rounded: give a rule with grad.Custom",
		},
		"packed forward": {
			f: func() {
				y := core.Ones(core.Float32, 2, 32)
				grad.JVP(func(x arr) arr { _, scales, _ := quant.Quantize(x, 32, 4); return scales }, y, y)
			},
			is: core.ErrNotDifferentiable, says: "what is packed is rounded",
		},
		"multiplied by rounding": {
			f: func() {
				w, scales := core.Ones(core.Uint32, 3, 2), core.Ones(core.Uint8, 3, 1)
				grad.Of(func(x arr) arr { return quant.QQMM(x, w, scales, 0, 0, "nvfp4", nil, nil).Sum() })(core.Ones(core.Float32, 1, 16))
			},
			is: core.ErrNotDifferentiable, says: "the factors are rounded: multiply by weights that were packed beforehand, as quant.MatMul does",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			e := failure(t, c.f)
			require.Contains(t, e.Error(), c.says)
			if c.is != nil {
				require.ErrorIs(t, e, c.is)
			}
			require.Contains(t, e.At(), "errors_test.go")
			t.Log(e)
		})
	}
}

func TestBehaviour17_ACycleIsAnError(t *testing.T) {
	type node struct {
		A    arr
		Next *node
	}
	n := &node{A: num(1)}
	n.Next = n
	e := failure(t, func() { grad.Of(func(n *node) arr { return n.A })(n) })
	require.Contains(t, e.Error(), "pointer")
}

// What a gradient of a struct holds and what it leaves out.
func TestBehaviour18_GradientsOfStructsLeaveOutIntegers(t *testing.T) {
	g := grad.Of(modelLoss)(model())
	require.Equal(t, []float32{2, 4}, floats(g.W))
	require.Equal(t, 2.0, g.B.Item())
	require.Equal(t, 7.0, g.Inner[0].K.Item())
	require.Nil(t, g.Inner[1].K)
	require.Nil(t, g.N, "an integer has no gradient")
	require.Nil(t, g.Stats, "running statistics have no gradient unless asked for")
	require.Equal(t, "m", g.Name)
	g = grad.Of(modelLoss, grad.Only("Stats"))(model())
	require.Equal(t, 10.0, g.Stats.Item())
	require.Nil(t, g.W)
	g = grad.Of(modelLoss, grad.Only("Inner", "W"))(model())
	require.Equal(t, 7.0, g.Inner[0].K.Item())
	require.Equal(t, []float32{2, 4}, floats(g.W))
	require.Nil(t, g.B)
	g = grad.Of(modelLoss, grad.Except("W"))(model())
	require.Nil(t, g.W)
	require.Equal(t, 2.0, g.B.Item())
	m := model()
	grad.Of(modelLoss)(m)
	require.Equal(t, []float32{1, 2}, floats(m.W), "the argument was changed")
}

// The paths of Only may be in any order: every leaf gets its own gradient.
func TestBehaviour18_OrderOfSelectionIsKept(t *testing.T) {
	type three struct{ A, B, C arr }
	f := func(p three) arr { return p.A.MulScalar(2).Add(p.B.MulScalar(3)).Add(p.C.MulScalar(4)) }
	p := three{num(1), num(1), num(1)}
	for _, paths := range [][]string{{"A", "C"}, {"C", "A"}, {"C", "A", "C"}} {
		g := grad.Of(f, grad.Only(paths...))(p)
		require.Equal(t, 2.0, g.A.Item())
		require.Nil(t, g.B)
		require.Equal(t, 4.0, g.C.Item())
		_, pull := grad.VJP(f, p, grad.Only(paths...))
		require.Equal(t, 4.0, pull(num(1)).C.Item())
		require.Equal(t, 2.0, grad.JacRev(f, grad.Only(paths...))(p).A.Item())
	}
}

// What was an integer or bool on the way is a constant, as in differences.
func TestBehaviour18_NothingFlowsThroughIntegers(t *testing.T) {
	x := vec(1.5, -2.25)
	for name, f := range map[string]func(arr) arr{
		"a cast and back":   func(x arr) arr { return x.AsType(core.Int32).AsType(core.Float32) },
		"integer products":  func(x arr) arr { i := x.AsType(core.Int64); return i.Mul(i).AsType(core.Float32) },
		"promotion":         func(x arr) arr { return core.Ones(core.Float32, 2).Mul(x.AsType(core.Int8)) },
		"a comparison":      func(x arr) arr { return x.Greater(num(0)).AsType(core.Float32) },
		"a position":        func(x arr) arr { return x.ArgMax(0).AsType(core.Float32) },
		"an order":          func(x arr) arr { return x.ArgSort(0).AsType(core.Float32) },
		"a root of integer": func(x arr) arr { return x.Abs().AsType(core.Int32).Sqrt() },
	} {
		require.Equal(t, []float32{0, 0}, floats(grad.Of(func(x arr) arr { return f(x).Sum() })(x)), name)
		_, d := grad.JVP(f, x, x)
		require.Equal(t, make([]float32, d.Size()), floats(d), name)
		both := grad.Of(func(x arr) arr { return f(x).Mul(x).Sum() })
		want := f(x).BroadcastTo(2)
		require.Equal(t, floats(want), floats(both(x)), name)
		require.Equal(t, floats(want), floats(compile.Of(both).Call(x)), name)
		require.NoError(t, grad.Check(f, x, grad.Checking{}), name)
	}
	half := grad.Of(func(x arr) arr { return x.AsType(core.Float16).AsType(core.Float32).Sum() })
	require.Equal(t, []float32{1, 1}, floats(half(x)), "between floating-point dtypes it flows")
}

// What was made a truth value or an integer is constant between jumps, whatever is
// made of it afterwards. MLX passes derivatives through.
func TestBehaviour18_NothingFlowsThroughIntegersAndTruthValues(t *testing.T) {
	x := vec(0.5, 2.25, -1)
	for name, f := range map[string]func(arr) arr{
		"all":     func(x arr) arr { return x.All().AsType(core.Float32) },
		"any":     func(x arr) arr { return x.Any().AsType(core.Float32) },
		"and":     func(x arr) arr { return x.LogicalAnd(x).AsType(core.Float32) },
		"bool":    func(x arr) arr { return x.AsType(core.Bool).AsType(core.Float32) },
		"integer": func(x arr) arr { return x.AsType(core.Int32).AsType(core.Float32) },
		"greater": func(x arr) arr { return x.Greater(num(0)).AsType(core.Float32) },
		"argmax":  func(x arr) arr { return x.ArgMax(0).AsType(core.Float32) },
	} {
		sum := func(x arr) arr { return f(x).Sum().Add(x.Sum().MulScalar(3)) }
		require.Equal(t, []float32{3, 3, 3}, floats(grad.Of(sum)(x)), name)
		_, d := grad.JVP(sum, x, vec(1, 10, 100))
		require.Equal(t, 333.0, d.Item(), name)
	}
}

// Integers and bools never get an integer gradient, nor a tangent.
func TestBehaviour18_IntegersHaveNoGradient(t *testing.T) {
	type mixed struct{ W, I, B arr }
	p := mixed{vec(2, 3), core.From([]int32{4, 5}), core.From([]bool{true, false})}
	f := func(p mixed) arr { return core.Where(p.B, p.W.Mul(p.I.AsType(core.Float32)), p.W) }
	_, pull := grad.VJP(f, p)
	g := pull(vec(1, 1))
	require.Equal(t, []float32{4, 1}, floats(g.W))
	require.Nil(t, g.I)
	require.Nil(t, g.B)
	_, d := grad.JVP(func(x arr) mixed { return mixed{x, x.AsType(core.Int32), x.Greater(num(0))} }, vec(1, 2), vec(1, 1))
	require.Equal(t, []float32{1, 1}, floats(d.W))
	require.Nil(t, d.I)
	require.Nil(t, d.B)
	for _, path := range []string{"I", "B"} {
		e := failure(t, func() { grad.VJP(f, p, grad.Only(path)) })
		require.Contains(t, e.Error(), "only floating-point and complex arrays have gradients")
	}
}
