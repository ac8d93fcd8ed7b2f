package conformance

import (
	"fmt"
	"math"

	"github.com/adjoint-go/adjoint/conformance/internal/sample"
	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/linalg"
)

// Convention is what a derivative is at a point where the limit does not say, or
// where a formula would divide by zero.
type Convention struct {
	Op, Name string
	Says     string      // in words
	At       [][]float32 // the arguments, vectors
	Gradient [][]float32 // of the sum of the results with respect to each

	f func(x []*core.Array) *core.Array
}

// Conventions returns every convention, in the order of the op table.
func Conventions() []Convention {
	var out []Convention
	for _, r := range sample.Rows() {
		for _, c := range conventions {
			if c.Op == r.Name {
				out = append(out, c)
			}
		}
	}
	return out
}

var inf = float32(math.Inf(1))

func one(f func(a *core.Array) *core.Array) func(x []*core.Array) *core.Array {
	return func(x []*core.Array) *core.Array { return f(x[0]) }
}

func power(p float64) func(x []*core.Array) *core.Array {
	return one(func(a *core.Array) *core.Array { return a.Pow(a.ScalarLike(p)) })
}

var conventions = []Convention{
	{"power", "square", "0² has the slope 0", [][]float32{{0, -2, 3}}, [][]float32{{0, -4, 6}}, power(2)},
	{"power", "x^1.5", "0^1.5 has the slope 0", [][]float32{{0, 4}}, [][]float32{{0, 3}}, power(1.5)},
	{"power", "x^1", "the slope of x¹ is 1, at 0 too", [][]float32{{0, -2}}, [][]float32{{1, 1}}, power(1)},
	{"power", "x^0", "the slope of x⁰ is 0, at 0 too", [][]float32{{0, -2}}, [][]float32{{0, 0}}, power(0)},
	{"power", "cube", "a negative base has a slope where the exponent is whole", [][]float32{{-2, 0}}, [][]float32{{12, 0}}, power(3)},
	{"power", "zero-base", "0^y has the slope 0 in y", [][]float32{{0, 0}, {2, 1}}, [][]float32{{0, 1}, {0, 0}},
		func(x []*core.Array) *core.Array { return x[0].Pow(x[1]) }},
	{"square", "at-0", "the slope is 0", [][]float32{{0}}, [][]float32{{0}}, one((*core.Array).Square)},
	{"sqrt", "at-0", "the slope is +Inf", [][]float32{{0, 4}}, [][]float32{{inf, 0.25}}, one((*core.Array).Sqrt)},
	{"rsqrt", "at-0", "the slope is −Inf", [][]float32{{0, 4}}, [][]float32{{-inf, -0.0625}}, one((*core.Array).Rsqrt)},
	{"reciprocal", "at-0", "the slope is −Inf", [][]float32{{0, 2}}, [][]float32{{-inf, -0.25}}, one((*core.Array).Reciprocal)},
	{"log", "at-0", "the slope is +Inf", [][]float32{{0, 2}}, [][]float32{{inf, 0.5}}, one((*core.Array).Log)},
	{"abs", "at-0", "the slope is 0, that of sign", [][]float32{{0, -1, 2}}, [][]float32{{0, -1, 1}}, one((*core.Array).Abs)},
	{"sign", "at-0", "the slope is 0 everywhere", [][]float32{{0, -1}}, [][]float32{{0, 0}}, one((*core.Array).Sign)},
	{"arcsin", "at-1", "the slope is +Inf", [][]float32{{1, 0}}, [][]float32{{inf, 1}}, one((*core.Array).ArcSin)},
	{"arccosh", "at-1", "the slope is +Inf", [][]float32{{1}}, [][]float32{{inf}}, one((*core.Array).ArcCosh)},
	{"sigmoid", "saturated", "far out the slope is 0, not NaN", [][]float32{{-200, 200}}, [][]float32{{0, 0}}, one((*core.Array).Sigmoid)},
	{"tanh", "saturated", "far out the slope is 0, not NaN", [][]float32{{-200, 200}}, [][]float32{{0, 0}}, one((*core.Array).Tanh)},
	{"maximum", "tie", "equal elements have half of the gradient each", [][]float32{{1, 2}, {1, 1}}, [][]float32{{0.5, 1}, {0.5, 0}},
		func(x []*core.Array) *core.Array { return x[0].Maximum(x[1]) }},
	{"maximum", "half", "max(x, 0) has the slope 1/2 at 0", [][]float32{{0, -1, 1}}, [][]float32{{0.5, 0, 1}},
		one(func(a *core.Array) *core.Array { return a.Maximum(a.ScalarLike(0)) })},
	{"maximum_constant", "relu", "next to a number the slope is 0 at it", [][]float32{{0, -1, 1}}, [][]float32{{0, 0, 1}},
		one(func(a *core.Array) *core.Array { return a.MaximumScalar(0) })},
	{"minimum", "tie", "equal elements have half of the gradient each", [][]float32{{1, 0}, {1, 1}}, [][]float32{{0.5, 1}, {0.5, 0}},
		func(x []*core.Array) *core.Array { return x[0].Minimum(x[1]) }},
	{"logaddexp", "equal", "each takes half", [][]float32{{1, -200}, {1, 200}}, [][]float32{{0.5, 0}, {0.5, 1}},
		func(x []*core.Array) *core.Array { return x[0].LogAddExp(x[1]) }},
	{"max", "tie", "equal maxima share the gradient equally", [][]float32{{1, 3, 3}}, [][]float32{{0, 0.5, 0.5}},
		one(func(a *core.Array) *core.Array { return a.Max() })},
	{"min", "tie", "equal minima share the gradient equally", [][]float32{{1, 1, 3}}, [][]float32{{0.5, 0.5, 0}},
		one(func(a *core.Array) *core.Array { return a.Min() })},
	{"prod", "one-zero", "the zero has the product of the others", [][]float32{{2, 0, 3}}, [][]float32{{0, 6, 0}},
		one(func(a *core.Array) *core.Array { return a.Prod() })},
	{"prod", "two-zeros", "the slope is 0", [][]float32{{2, 0, 0}}, [][]float32{{0, 0, 0}},
		one(func(a *core.Array) *core.Array { return a.Prod() })},
	{"cumprod", "one-zero", "the zero has the products of the others", [][]float32{{2, 0, 3}}, [][]float32{{1, 8, 0}},
		one(func(a *core.Array) *core.Array { return a.CumProd(0) })},
	{"cumprod", "two-zeros", "what a second zero cuts off counts nothing", [][]float32{{2, 0, 0, 5}}, [][]float32{{1, 2, 0, 0}},
		one(func(a *core.Array) *core.Array { return a.CumProd(0) })},
	{"cummax", "tie", "the latest of equal maxima takes the gradient", [][]float32{{1, 3, 3, 2}}, [][]float32{{1, 1, 2, 0}},
		one(func(a *core.Array) *core.Array { return a.CumMax(0) })},
	{"cummin", "tie", "the latest of equal minima takes the gradient", [][]float32{{3, 1, 1, 2}}, [][]float32{{1, 1, 2, 0}},
		one(func(a *core.Array) *core.Array { return a.CumMin(0) })},
	{"logsumexp", "far", "differences beyond the range of exp are no NaN", [][]float32{{1000, 0}}, [][]float32{{1, 0}},
		one(func(a *core.Array) *core.Array { return a.LogSumExp() })},
	{"linalg.norm_l2", "at-0", "the slope is 0", [][]float32{{0, 0}}, [][]float32{{0, 0}},
		one(func(a *core.Array) *core.Array { return linalg.Norm(a) })},
	{"std", "constant", "the slope is 0", [][]float32{{2, 2}}, [][]float32{{0, 0}},
		one(func(a *core.Array) *core.Array { return a.Std() })},
	{"clip", "bounds", "at a bound each has half of the gradient", [][]float32{{0, 1, 0.5, 2}}, [][]float32{{0.5, 0.5, 1, 0}},
		one(func(a *core.Array) *core.Array { return a.Clip(a.ScalarLike(0), a.ScalarLike(1)) })},
	{"sort", "tie", "equal elements keep their order", [][]float32{{2, 1, 1}}, [][]float32{{3, 1, 2}},
		one(func(a *core.Array) *core.Array { return a.Sort(0).Mul(core.From([]float32{1, 2, 3}, 3)) })},
	{"arctan2", "origin", "the slope is 0", [][]float32{{0}, {0}}, [][]float32{{0}, {0}},
		func(x []*core.Array) *core.Array { return x[0].ArcTan2(x[1]) }},
	{"where", "unchosen", "what is not chosen has the slope 0", [][]float32{{-1, 2}}, [][]float32{{0, 2}},
		one(func(a *core.Array) *core.Array {
			zero := a.ScalarLike(0)
			return core.Where(a.Greater(zero), a.Mul(a.ScalarLike(2)), zero)
		})},
}

// checkAwkward compares gradient and forward derivative with the convention.
func checkAwkward(via how) check {
	return func(s *subject, arg string) (outcome, error) {
		var c Convention
		for _, k := range conventions {
			if k.Op == s.Name && k.Name == arg {
				c = k
			}
		}
		o := outcome{gap: s.JVPGap}
		var in, others, want []sample.Value
		var wrt []int
		for i, at := range c.At {
			in, wrt = append(in, vector(at)), append(wrt, i)
			want = append(want, vector(c.Gradient[i]))
			others = append(others, vector(make([]float32, len(at))))
		}
		f := func(x []*core.Array) []*core.Array { return []*core.Array{c.f(x)} }
		other := func() []sample.Value { return others }
		sum := []sample.Value{}
		for _, y := range sample.Read(f(sample.Arrays(in))) {
			ones := sample.Value{Spec: core.Spec{DType: core.Float32, Shape: y.Shape}, Raw: make([]byte, len(y.Raw))}
			for k := range ones.Len() {
				ones.Set(k, 1)
			}
			sum = append(sum, ones)
		}
		ws := present(sum)
		got, err := via(s, func(in []*core.Array) []*core.Array {
			_, g := core.Differentiate("grad", func(in []*core.Array) []*core.Array {
				return []*core.Array{f(in)[0].Mul(ws[0]).Sum()}
			}, in, wrt)
			return g
		}, in, other)
		if err != nil {
			return o, err
		}
		if _, err := sample.Near(got, want, sample.Rounding); err != nil {
			return o, fmt.Errorf("%s: %w", c.Says, err)
		}
		tangents := make([]sample.Value, len(in))
		for i := range in {
			tangents[i] = in[i].Clone()
			for k := range tangents[i].Len() {
				tangents[i].Set(k, complex(float64(k+1+2*i), 0))
			}
		}
		pushed, err := guarded(func() ([]sample.Value, error) { return via(s, forward(f, tangents, wrt), in, other) })
		if refusal(s.JVPGap, err, core.ErrNotDifferentiable) {
			o.refused = true
			return o, nil
		}
		if err != nil {
			return o, err
		}
		left, _ := inner(sum, pushed)
		right, _ := inner(want, tangents)
		if left != right && math.Abs(left-right) > 1e-5*math.Abs(right) && !(math.IsNaN(left) && math.IsNaN(right)) {
			return o, fmt.Errorf("%s: forward %v, reverse %v", c.Says, left, right)
		}
		return o, nil
	}
}

func vector(x []float32) sample.Value {
	elems := make([]complex128, len(x))
	for i, e := range x {
		elems[i] = complex(float64(e), 0)
	}
	return sample.New(core.Spec{DType: core.Float32, Shape: []int{len(x)}}, elems)
}
