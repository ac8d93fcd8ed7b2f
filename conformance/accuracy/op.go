package accuracy

import (
	"math"
	"slices"

	"github.com/adjoint-go/adjoint/conformance/internal/sample"
	"github.com/adjoint-go/adjoint/core"
)

// Op is an elementwise operation and what is promised of it.
type Op struct {
	Name string // in the op table
	// Bounds are the largest errors in ulps, in float32, float16 and bfloat16. 0.5 says
	// that results are rounded correctly, 0 that they are exact.
	Bounds [3]float64
	// Note says what else the page should of the op, and Differs where and why results
	// are not those of MLX's kernels in more than rounding.
	Note, Differs string

	one func(x float64) float64
	two func(x, y float64) float64
	// halves, where there is one, takes the place of two: it goes by the dtype.
	halves func(d core.DType, x, y float64) float64
	// scale, where there is one, is the number whose ulps count.
	scale func(x, y, want float64) float64
	// vanishes says that a result in half precision may be 0 where the exact one is at most
	// the reciprocal of the largest number.
	vanishes bool
	truth    bool       // the result is a bool
	to       core.DType // of the result of astype
	row      *sample.Row
}

// DTypes are those that Bounds are for.
var DTypes = []core.DType{core.Float32, core.Float16, core.BFloat16}

// Bound is the largest error in ulps of results of dtype d.
func (o *Op) Bound(d core.DType) float64 { return o.Bounds[slices.Index(DTypes, d)] }

// Arity is the number of arguments.
func (o *Op) Arity() int {
	if o.one != nil {
		return 1
	}
	return 2
}

func (o *Op) want(d core.DType, x, y float64) float64 {
	switch {
	case o.one != nil:
		return o.one(x)
	case o.halves != nil:
		return o.halves(d, x, y)
	}
	return o.two(x, y)
}

// result is the dtype of the result for arguments of dtype d.
func (o *Op) result(d core.DType) core.DType {
	switch {
	case o.truth:
		return core.Bool
	case o.to != core.NoDType:
		return o.to
	}
	return d
}

// call builds the op.
func (o *Op) call(in ...*core.Array) *core.Array {
	if o.to != core.NoDType {
		return in[0].AsType(o.to)
	}
	return o.row.Invoke(o.row.Samples[0], in)[0]
}

func one(name string, f func(float64) float64, bounds [3]float64) *Op {
	return &Op{Name: name, one: f, Bounds: bounds}
}

func two(name string, f func(x, y float64) float64, bounds [3]float64) *Op {
	return &Op{Name: name, two: f, Bounds: bounds}
}

// ulps is the bound of a result that is computed in float32 with an error of n ulps. In
// half precision it is rounded once more, where that error hardly shows.
func ulps(n float64) [3]float64 { return [3]float64{n, 0.501, 0.501} }

var (
	rounded = [3]float64{0.5, 0.5, 0.5}
	exact   = [3]float64{}
)

// same is for results that are one of the arguments, whole numbers or signs.
func same(name string, f func(float64) float64) *Op { return one(name, f, exact) }

func asks(name string, f func(float64) bool) *Op {
	o := one(name, func(x float64) float64 { return truth(f(x)) }, exact)
	o.truth = true
	return o
}

func compares(name string, f func(x, y float64) bool) *Op {
	o := two(name, func(x, y float64) float64 { return truth(f(x, y)) }, exact)
	o.truth = true
	return o
}

func itself(x float64) float64 { return x }

// Ops returns every elementwise operation, those that round first.
func Ops() []*Op {
	ops := []*Op{
		{Name: "exp", one: math.Exp, Bounds: ulps(1.2), Differs: "near both ends of its range MLX's is an infinity or 0 where a number is exact"},
		one("expm1", math.Expm1, ulps(3)),
		one("log", math.Log, ulps(4)),
		one("log2", oracleLog2, ulps(3)),
		one("log10", oracleLog10, ulps(0.501)),
		one("log1p", math.Log1p, ulps(3)),
		{Name: "sin", one: math.Sin, Bounds: ulps(3), Differs: "of -0 MLX's is 0"},
		one("cos", math.Cos, ulps(3)),
		one("tan", math.Tan, ulps(4)),
		one("arcsin", math.Asin, ulps(4)),
		one("arccos", oracleArcCos, ulps(3)),
		one("arctan", math.Atan, ulps(3)),
		one("sinh", math.Sinh, ulps(3)),
		one("cosh", math.Cosh, ulps(3)),
		one("tanh", math.Tanh, ulps(2)),
		one("arcsinh", math.Asinh, ulps(3)),
		one("arccosh", math.Acosh, ulps(3)),
		one("arctanh", math.Atanh, ulps(3)),
		{Name: "sigmoid", one: oracleSigmoid, Bounds: [3]float64{2.5, 1.5, 1.5}, vanishes: true, Differs: "as of exp"},
		{Name: "erf", one: math.Erf, Bounds: ulps(2), Differs: "MLX's is within 10⁻⁷, not within some ulps: of 0 it is -0, of small numbers 0"},
		one("erfinv", math.Erfinv, ulps(3)),
		one("sqrt", math.Sqrt, rounded),
		one("rsqrt", func(x float64) float64 { return 1 / math.Sqrt(x) }, [3]float64{1.5, 1.5, 1.5}),
		one("reciprocal", func(x float64) float64 { return 1 / x }, rounded),
		one("square", func(x float64) float64 { return x * x }, rounded),
		one("degrees", func(x float64) float64 { return x * (180 / math.Pi) }, [3]float64{1, 1.5, 1}),
		one("radians", func(x float64) float64 { return x * (math.Pi / 180) }, [3]float64{1, 1, 1}),

		two("add", func(x, y float64) float64 { return x + y }, rounded),
		two("subtract", func(x, y float64) float64 { return x - y }, rounded),
		two("multiply", func(x, y float64) float64 { return x * y }, rounded),
		two("divide", func(x, y float64) float64 { return x / y }, rounded),
		two("remainder", oracleRemainder, rounded),
		{Name: "floor_divide", halves: oracleFloorDivide, Bounds: exact, Note: "the floor of the rounded quotient"},
		two("power", oraclePower, ulps(1)),
		two("arctan2", oracleArcTan2, ulps(4)),
		{Name: "logaddexp", two: oracleLogAddExp, Bounds: [3]float64{5, 2.5, 2.5}, Note: "ulps of the largest of the arguments and the result", Differs: "as of exp",
			scale: func(x, y, want float64) float64 { return max(math.Abs(x), math.Abs(y), math.Abs(want)) }},

		two("maximum", oracleMaximum, exact),
		two("minimum", oracleMinimum, exact),
		two("maximum_constant", oracleMaximum, exact),
		two("minimum_constant", oracleMinimum, exact),
		same("abs", math.Abs),
		same("negative", func(x float64) float64 { return -x }),
		same("sign", oracleSign),
		same("floor", math.Floor),
		same("ceil", math.Ceil),
		same("trunc", math.Trunc),
		same("round", math.RoundToEven),
		same("positive", itself),
		same("copy", itself),
		same("stop_gradient", itself),
		same("conjugate", itself),
		same("real", itself),
		same("imag", func(float64) float64 { return 0 }),
		same("zeros_like", func(float64) float64 { return 0 }),
		same("ones_like", func(float64) float64 { return 1 }),
		asks("isnan", math.IsNaN),
		asks("isinf", func(x float64) bool { return math.IsInf(x, 0) }),
		asks("isposinf", func(x float64) bool { return math.IsInf(x, 1) }),
		asks("isneginf", func(x float64) bool { return math.IsInf(x, -1) }),
		asks("isfinite", func(x float64) bool { return x-x == 0 }),
		asks("logical_not", func(x float64) bool { return x == 0 }),
		compares("equal", func(x, y float64) bool { return x == y }),
		compares("not_equal", func(x, y float64) bool { return x != y }),
		compares("less", func(x, y float64) bool { return x < y }),
		compares("less_equal", func(x, y float64) bool { return x <= y }),
		compares("greater", func(x, y float64) bool { return x > y }),
		compares("greater_equal", func(x, y float64) bool { return x >= y }),
		compares("logical_and", func(x, y float64) bool { return x != 0 && y != 0 }),
		compares("logical_or", func(x, y float64) bool { return x != 0 || y != 0 }),
		compares("logical_xor", func(x, y float64) bool { return (x != 0) != (y != 0) }),
	}
	rows := map[string]*sample.Row{}
	for _, r := range sample.Rows() {
		rows[r.Name] = r
	}
	for _, o := range ops {
		o.row = rows[o.Name]
	}
	return ops
}
