package replay

import "github.com/adjoint-go/adjoint/core"

type array = core.Array

var elementwise = map[string]operation{
	"ArcCos": unary((*array).ArcCos), "ArcCosh": unary((*array).ArcCosh),
	"ArcSin": unary((*array).ArcSin), "ArcSinh": unary((*array).ArcSinh), "ArcTan": unary((*array).ArcTan),
	"ArcTanh": unary((*array).ArcTanh), "Ceil": unary((*array).Ceil), "Conjugate": unary((*array).Conjugate),
	"Copy": unary((*array).Copy), "Cos": unary((*array).Cos), "Cosh": unary((*array).Cosh),
	"Erf": unary((*array).Erf), "ErfInv": unary((*array).ErfInv), "Exp": unary((*array).Exp),
	"Expm1": unary((*array).Expm1), "Floor": unary((*array).Floor), "Imag": unary((*array).Imag),
	"Log1p": unary((*array).Log1p), "LogicalNot": unary((*array).LogicalNot), "Negative": unary((*array).Neg),
	"Real": unary((*array).Real), "Round": unary((*array).Round), "Sigmoid": unary((*array).Sigmoid),
	"Sign": unary((*array).Sign), "Sin": unary((*array).Sin), "Sinh": unary((*array).Sinh),
	"Square": unary((*array).Square), "StopGradient": unary((*array).StopGradient), "Tan": unary((*array).Tan),
	"Tanh": unary((*array).Tanh),

	"Add": binary((*array).Add), "ArcTan2": binary((*array).ArcTan2), "Divide": binary((*array).Div),
	"FloorDivide": binary((*array).FloorDiv), "Greater": binary((*array).Greater),
	"GreaterEqual": binary((*array).GreaterEqual), "Less": binary((*array).Less),
	"LessEqual": binary((*array).LessEqual), "LogAddExp": binary((*array).LogAddExp),
	"LogicalAnd": binary((*array).LogicalAnd), "LogicalOr": binary((*array).LogicalOr),
	"Maximum": binary((*array).Maximum), "Minimum": binary((*array).Minimum), "Multiply": binary((*array).Mul),
	"NotEqual": binary((*array).NotEqual), "Power": binary((*array).Pow), "Remainder": binary((*array).Remainder),
	"Subtract": binary((*array).Sub),

	// Of complex numbers it is complex, and an AsType follows.
	"Abs":    with(1, func(c *call, a *array) *array { return a.Abs().AsType(c.out(0).DType) }),
	"AsType": with(1, func(c *call, a *array) *array { return a.AsType(c.dtype(0)) }),
	"View":   with(1, func(c *call, a *array) *array { return a.View(c.dtype(0)) }),
	"Select": with(3, func(c *call, a *array) *array { return core.Where(a, c.in[1], c.in[2]) }),
	"DivMod": {2, 2, func(c *call) []*array {
		q, r := c.in[0].DivMod(c.in[1])
		return []*array{q, r}
	}},
	"Equal": with(2, func(c *call, a *array) *array {
		b := c.in[1]
		if c.bool(0) {
			return a.Equal(b).LogicalOr(a.NotEqual(a).LogicalAnd(b.NotEqual(b)))
		}
		return a.Equal(b)
	}),
	"Log": with(1, func(c *call, a *array) *array {
		switch c.int(0) {
		case 0:
			return a.Log2()
		case 1:
			return a.Log10()
		}
		return a.Log()
	}),
	"Sqrt": with(1, func(c *call, a *array) *array {
		if c.bool(0) {
			return a.Rsqrt()
		}
		return a.Sqrt()
	}),
	"BitwiseBinary": with(2, func(c *call, a *array) *array {
		b := c.in[1]
		switch c.int(0) {
		case 0:
			return a.BitwiseAnd(b)
		case 1:
			return a.BitwiseOr(b)
		case 2:
			return a.BitwiseXor(b)
		case 3:
			return a.LeftShift(b)
		}
		return a.RightShift(b)
	}),
	"Arange": with(0, func(c *call, _ *array) *array {
		return core.Arange(c.out(0).DType, state[float64](c, 0), state[float64](c, 1), state[float64](c, 2))
	}),
}
