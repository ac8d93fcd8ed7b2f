package compile_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
)

// equal says that arrays have one dtype and shape and the same values; NaN is NaN,
// and -0 is not 0.
func equal(t require.TestingT, want, got arr, about string) {
	require.Equal(t, want.Spec(), got.Spec(), about)
	if !want.DType().IsFloat() {
		require.Equal(t, want.Bytes(), got.Bytes(), about)
		return
	}
	w := core.Data[float64](want.AsType(core.Float64))
	g := core.Data[float64](got.AsType(core.Float64))
	for i := range w {
		if !alike(want.DType(), w[i], g[i]) {
			require.Failf(t, "not equal", "element %d: eager %v, compiled %v\n%s", i, w[i], g[i], about)
		}
	}
}

// awkward are values at which ops go wrong.
var awkward = []float64{
	0, math.Copysign(0, -1), 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 3, 7, -7, 100, -100, 127, 128, -128, 255, 300,
	math.Pi, 1e-3, 65504, 65520, 1e5, -1e5, 1e-7, 6e-8, 1e-40, 1e-45, 3e38, -3e38, math.Inf(1), math.Inf(-1), math.NaN(),
}

// values are n elements of a dtype, awkward ones for floats.
func values(d core.DType, n, seed int) arr {
	v := make([]float64, n)
	for i := range v {
		v[i] = awkward[(i*(2*seed+1)+seed)%len(awkward)]
		if !d.IsFloat() {
			v[i] = float64((i*(37+seed) + seed) % 120)
			if seed%2 == 1 && d != core.Uint8 && d != core.Uint16 && d != core.Uint32 && d != core.Uint64 {
				v[i] -= 60
			}
		}
	}
	return core.From(v).AsType(d)
}

var realDTypes = []core.DType{
	core.Bool, core.Uint8, core.Uint16, core.Uint32, core.Uint64, core.Int8, core.Int16, core.Int32, core.Int64,
	core.Float16, core.BFloat16, core.Float32, core.Float64,
}

type exactOp struct {
	name string
	f    func(a, b, c arr) arr
}

// exact are the ops whose results are fully determined, by what they take.
var exact = map[string][]exactOp{
	"any": {
		{"equal", func(a, b, _ arr) arr { return a.Equal(b) }},
		{"not equal", func(a, b, _ arr) arr { return a.NotEqual(b) }},
		{"less", func(a, b, _ arr) arr { return a.Less(b) }},
		{"greater or equal", func(a, b, _ arr) arr { return a.GreaterEqual(b) }},
		{"maximum", func(a, b, _ arr) arr { return a.Maximum(b) }},
		{"minimum", func(a, b, _ arr) arr { return a.Minimum(b) }},
		{"add", func(a, b, _ arr) arr { return a.Add(b) }},
		{"multiply", func(a, b, _ arr) arr { return a.Mul(b) }},
		{"where", func(a, b, c arr) arr { return core.Where(c.NotEqual(a), a, b) }},
		{"and", func(a, b, _ arr) arr { return a.LogicalAnd(b) }},
		{"not", func(a, _, _ arr) arr { return a.LogicalNot() }},
	},
	"number": {
		{"subtract", func(a, b, _ arr) arr { return a.Sub(b) }},
		{"negative", func(a, _, _ arr) arr { return a.Neg() }},
		{"abs", func(a, _, _ arr) arr { return a.Abs() }},
		{"sign", func(a, _, _ arr) arr { return a.Sign() }},
		{"square", func(a, _, _ arr) arr { return a.Square() }},
		{"remainder", func(a, b, _ arr) arr { return a.Remainder(b) }},
		{"floor", func(a, _, _ arr) arr { return a.Floor() }},
		{"ceil", func(a, _, _ arr) arr { return a.Ceil() }},
	},
	"float": {
		{"divide", func(a, b, _ arr) arr { return a.Div(b) }},
		{"sqrt", func(a, _, _ arr) arr { return a.Sqrt() }},
		{"rsqrt", func(a, _, _ arr) arr { return a.Rsqrt() }},
		{"round", func(a, _, _ arr) arr { return a.Round() }},
		{"is nan", func(a, _, _ arr) arr { return a.IsNaN() }},
	},
	"integer": {
		{"bit and", func(a, b, _ arr) arr { return a.BitwiseAnd(b) }},
		{"bit xor", func(a, b, _ arr) arr { return a.BitwiseXor(b) }},
		{"bit not", func(a, _, _ arr) arr { return a.BitwiseInvert() }},
		{"left shift", func(a, b, _ arr) arr { return a.LeftShift(b.BitwiseAnd(core.Scalar(7).AsType(b.DType()))) }},
		{"right shift", func(a, b, _ arr) arr { return a.RightShift(b.BitwiseAnd(core.Scalar(7).AsType(b.DType()))) }},
	},
}

func opsFor(d core.DType) []exactOp {
	list := exact["any"]
	if d != core.Bool {
		list = append(list[:len(list):len(list)], exact["number"]...)
	}
	switch {
	case d.IsFloat():
		list = append(list[:len(list):len(list)], exact["float"]...)
	case d != core.Bool:
		list = append(list[:len(list):len(list)], exact["integer"]...)
	}
	return list
}

// Every op on every dtype, twice in a row and with a second output, is what it is
// when it runs by itself.
func TestBehaviour10_FusedOpsAreExact(t *testing.T) {
	for _, d := range realDTypes {
		for _, op := range opsFor(d) {
			t.Run(d.String()+"/"+op.name, func(t *testing.T) {
				core.TidyDo(func() {
					a, b, c := values(d, 3001, 0), values(d, 3001, 3), values(d, 3001, 6)
					f := func(a, b, c arr) (arr, arr) {
						r := op.f(a, b, c)
						return r, op.f(r.AsType(d), a, b)
					}
					w1, w2 := f(a, b, c)
					g1, g2 := compile.Of(f).Call(a, b, c)
					equal(t, w1, g1, op.name)
					equal(t, w2, g2, op.name+" again")
				})
			})
		}
	}
}

// A value that fits is converted as by itself.
func TestBehaviour10_FusedCastsAreExact(t *testing.T) {
	for _, from := range realDTypes {
		for _, to := range realDTypes {
			core.TidyDo(func() {
				x := values(from, 2000, 2)
				if from.IsFloat() && !to.IsFloat() && to != core.Bool {
					x = core.Where(x.Abs().Less(num(100).AsType(from)), x.Abs(), num(7).AsType(from))
				}
				f := func(x arr) arr { return x.Maximum(x).AsType(to).Add(core.Scalar(1).AsType(to)) }
				equal(t, f(x), compile.Of(f).Call(x), fmt.Sprint(from, " to ", to))
			})
		}
	}
}

// layouts are arrays of one shape that lie differently in memory.
func layouts(d core.DType, shape []int, seed int) map[string]arr {
	n := 1
	for _, s := range shape {
		n *= s
	}
	flat := values(d, n, seed)
	m := map[string]arr{"in order": flat.Reshape(shape...), "one value": values(d, 1, seed).Reshape().BroadcastTo(shape...)}
	rank := len(shape)
	if rank == 0 {
		return m
	}
	turned := make([]int, rank)
	for i := range turned {
		turned[i] = shape[rank-1-i]
	}
	m["transposed"] = flat.Reshape(turned...).Transpose()
	m["reversed"] = flat.Reshape(shape...).At(core.Every(-1))
	m["row"] = values(d, shape[rank-1], seed).BroadcastTo(shape...)
	column := append([]int{shape[0]}, make([]int, rank-1)...)
	for i := 1; i < rank; i++ {
		column[i] = 1
	}
	m["column"] = values(d, shape[0], seed).Reshape(column...).BroadcastTo(shape...)
	if shape[0] > 0 {
		wide := append([]int{2 * shape[0]}, shape[1:]...)
		m["every other"] = values(d, 2*n, seed).Reshape(wide...).At(core.Every(2))
	}
	return m
}

func TestBehaviour10_FusedLayouts(t *testing.T) {
	shapes := [][]int{
		{}, {1}, {5}, {2500}, {0}, {3, 0}, {70, 50}, {1, 6}, {6, 1}, {3, 5, 7, 11}, {2, 1, 3, 1, 2, 2, 1, 3, 2, 2},
	}
	f := func(x, y arr) (arr, arr) {
		s := x.Mul(y).Sub(x)
		return s.Maximum(y).AsType(core.Float32), s
	}
	for _, d := range []core.DType{core.Float32, core.Float16, core.Int8, core.Float64} {
		for _, shape := range shapes {
			core.TidyDo(func() {
				g := compile.Of(f)
				for nx, x := range layouts(d, shape, 1) {
					for ny, y := range layouts(d, shape, 2) {
						core.TidyDo(func() {
							about := fmt.Sprintf("%v %v: %s, %s", d, shape, nx, ny)
							w1, w2 := f(x, y)
							g1, g2 := g.Call(x, y)
							equal(t, w1, g1, about)
							equal(t, w2, g2, about)
						})
					}
				}
			})
		}
	}
}

// Random programs of exact ops, with several outputs, equal themselves.
func TestBehaviour10_FusedProgramsEqualEager(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		core.TidyDo(func() {
			shape := rapid.SampledFrom([][]int{{}, {7}, {1500}, {40, 30}, {4, 1, 5}}).Draw(r, "shape")
			inputs := map[string]arr{}
			for i := range rapid.IntRange(1, 4).Draw(r, "inputs") {
				d := rapid.SampledFrom(realDTypes).Draw(r, "dtype")
				all := layouts(d, shape, i)
				inputs[fmt.Sprint(i)] = all[rapid.SampledFrom([]string{"in order", "one value"}).Draw(r, "layout")]
			}
			type step struct{ op, a, b, c, to int }
			steps := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) step {
				n := rapid.IntRange(0, 1<<20)
				return step{n.Draw(r, "op"), n.Draw(r, "a"), n.Draw(r, "b"), n.Draw(r, "c"), n.Draw(r, "to")}
			}), 1, 25).Draw(r, "steps")
			f := func(in map[string]arr) []arr {
				var v, out []arr
				for i := range len(in) {
					v = append(v, in[fmt.Sprint(i)])
				}
				for i, s := range steps {
					a, b, c := v[s.a%len(v)], v[s.b%len(v)], v[s.c%len(v)]
					if s.to%4 == 0 { // another dtype, of values that it has
						a = a.NotEqual(a.Abs()).AsType(realDTypes[s.op%len(realDTypes)])
					}
					b, c = b.AsType(a.DType()), c.AsType(a.DType())
					ops := opsFor(a.DType())
					if !b.DType().IsFloat() {
						b, c = a, a
					}
					v = append(v, ops[s.op%len(ops)].f(a, b, c))
					if i == len(steps)-1 || s.to%5 == 0 {
						out = append(out, v[len(v)-1])
					}
				}
				return out
			}
			want, got := f(inputs), compile.Of(f).Call(inputs)
			for i := range want {
				equal(r, want[i], got[i], fmt.Sprint("output ", i))
			}
		})
	})
}

func TestBehaviour10_FusedManyArrays(t *testing.T) {
	var in []arr
	for i := range 20 {
		in = append(in, values(core.Float32, 1030, i))
	}
	f := func(in []arr) []arr {
		var out []arr
		sum := in[0]
		for i := range 64 {
			sum = sum.Add(in[i%len(in)].Mul(num(float32(i))))
			out = append(out, sum)
		}
		return out
	}
	want, got := f(in), compile.Of(f).Call(in)
	for i := range want {
		equal(t, want[i], got[i], fmt.Sprint("output ", i))
	}
}

// Within 4 units in the last place of what float64 says, at every kind of value.
func TestBehaviour10_FusedAccuracy(t *testing.T) {
	if stock {
		t.Skip("MLX's kernels promise less: the bounds are those of ours, which run where ADJOINT_CPU is not set")
	}
	for name, c := range map[string]struct {
		f    func(arr) arr
		want func(float64) float64
	}{
		"arccos":  {arr.ArcCos, math.Acos},
		"arccosh": {arr.ArcCosh, math.Acosh},
		"arcsin":  {arr.ArcSin, math.Asin},
		"arcsinh": {arr.ArcSinh, math.Asinh},
		"arctan":  {arr.ArcTan, math.Atan},
		"arctanh": {arr.ArcTanh, math.Atanh},
		"cos":     {arr.Cos, math.Cos},
		"cosh":    {arr.Cosh, math.Cosh},
		"erf":     {arr.Erf, math.Erf},
		"exp":     {arr.Exp, math.Exp},
		"expm1":   {arr.Expm1, math.Expm1},
		"log":     {arr.Log, math.Log},
		"log2":    {arr.Log2, math.Log2},
		"log10":   {arr.Log10, math.Log10},
		"log1p":   {arr.Log1p, math.Log1p},
		"sin":     {arr.Sin, math.Sin},
		"sinh":    {arr.Sinh, math.Sinh},
		"tan":     {arr.Tan, math.Tan},
		"tanh":    {arr.Tanh, math.Tanh},
	} {
		t.Run(name, func(t *testing.T) {
			var x []float32
			for bits := uint32(0); bits < 0xff000000; bits += 40009 {
				x = append(x, math.Float32frombits(bits))
			}
			for _, v := range awkward {
				x = append(x, float32(v))
			}
			f := compile.Of(func(x arr) arr { return c.f(x.Mul(num(1))) })
			for i, got := range floats(f.Call(core.From(x))) {
				want := c.want(float64(x[i]))
				w := float32(want)
				if want != want || math.IsInf(float64(w), 0) {
					require.True(t, got == w || (got != got && want != want), "%s(%v) is %v, not %v", name, x[i], got, w)
					continue
				}
				ulp := float64(math.Nextafter32(float32(math.Abs(want)), math.MaxFloat32)) - float64(float32(math.Abs(want)))
				require.LessOrEqual(t, math.Abs(float64(got)-want), 4*ulp, "%s(%v) is %v, not %v", name, x[i], got, want)
			}
		})
	}
}

// Ops made of several: within a rounding of the true value, as those of eager are.
func TestFusedComposite(t *testing.T) {
	x := random.Normal(random.Key(3), core.Float32, 4000).Mul(num(6)).Eval()
	y := random.Normal(random.Key(4), core.Float32, 4000).Mul(num(6)).Eval()
	for name, f := range map[string]func(x, y arr) arr{
		"sigmoid":   func(x, y arr) arr { return x.Sub(y).Sigmoid() },
		"logaddexp": func(x, y arr) arr { return x.LogAddExp(y).Neg() },
		"arctan2":   func(x, y arr) arr { return x.ArcTan2(y).Neg() },
		"power":     func(x, y arr) arr { return x.Abs().Pow(y) },
		"erfinv":    func(x, y arr) arr { return x.Tanh().Mul(y.Tanh()).Mul(num(0.9)).ErfInv() },
		"gelu":      func(x, _ arr) arr { return gelu(x) },
	} {
		for _, d := range []core.DType{core.Float32, core.Float16, core.BFloat16} {
			a, b := x.AsType(d), y.AsType(d)
			tol := map[core.DType]float64{core.Float32: 2e-6, core.Float16: 4e-3, core.BFloat16: 3e-2}[d]
			want := core.Data[float64](f(a, b).AsType(core.Float64))
			got := core.Data[float64](compile.Of(f).Call(a, b).AsType(core.Float64))
			for i := range want {
				if want[i] != got[i] {
					require.InDelta(t, want[i], got[i], tol*(1+math.Abs(want[i])), "%s of %v", name, d)
				}
			}
		}
	}
}

// Transforms see the ops that were recorded.
func TestFusedUnderTransforms(t *testing.T) {
	f := compile.Of(gelu)
	x := vec(-2, -0.5, 0, 0.5, 2)
	f.Call(x)
	sum := func(f func(arr) arr) func(arr) arr { return func(x arr) arr { return f(x).Sum() } }
	sameBits(t, grad.Of(sum(gelu))(x), grad.Of(sum(f.Call))(x))
	require.Equal(t, 1, f.Stats().Traces, "the derivative needed a trace of its own")
	inner := compile.Of(func(x arr) arr { return grad.Of(sum(f.Call))(x).Mul(x) })
	require.InDeltaSlice(t, floats(grad.Of(sum(gelu))(x).Mul(x)), floats(inner.Call(x)), 1e-6)
}
