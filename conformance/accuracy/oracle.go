package accuracy

import (
	"math"

	"github.com/adjoint-go/adjoint/core"
)

// The oracles are functions of Go's math package, which has nothing in common with the
// C libraries that the kernels call, on float64: an error of a hundred units in the last
// place there is 2·10⁻⁷ of one of float32. Where its functions lose more than that to
// cancellation the formula is another.

func oracleLog2(x float64) float64  { return math.Log(x) / math.Ln2 }
func oracleLog10(x float64) float64 { return math.Log(x) / math.Ln10 }

// arccos(x) = 2·arcsin(√((1-x)/2)), where 1-x is exact for numbers of float32.
func oracleArcCos(x float64) float64 {
	if x > 0.5 {
		return 2 * math.Asin(math.Sqrt((1-x)/2))
	}
	return math.Acos(x)
}

func oracleSigmoid(x float64) float64 {
	if x < 0 {
		return math.Exp(x) / (1 + math.Exp(x))
	}
	return 1 / (1 + math.Exp(-x))
}

// math.Pow multiplies, and loses digits to large exponents. Its other results are exact
// ones, or right to a few units of float64.
func oraclePower(x, y float64) float64 {
	z := math.Pow(x, y)
	if math.Abs(y) <= 8 || x == 0 || math.Abs(x) == 1 || math.IsInf(x, 0) || math.IsInf(y, 0) || math.IsNaN(z) {
		return z
	}
	return math.Copysign(math.Exp(y*math.Log(math.Abs(x))), z)
}

// math.Atan2 loses the sign of a quotient that vanishes.
func oracleArcTan2(y, x float64) float64 { return math.Copysign(math.Atan2(math.Abs(y), x), y) }

func oracleMaximum(x, y float64) float64 {
	switch {
	case x != x || y != y:
		return math.NaN()
	case x > y:
		return x
	}
	return y
}

func oracleMinimum(x, y float64) float64 {
	switch {
	case x != x || y != y:
		return math.NaN()
	case x < y:
		return x
	}
	return y
}

// oracleRemainder is x - y·⌊x/y⌋: r is exact, and so is the sum but for what is far below
// a float32's last place. Of an infinite y the sum is y, as MLX has it.
func oracleRemainder(x, y float64) float64 {
	r := math.Mod(x, y)
	if r != 0 && (r < 0) != (y < 0) {
		r += y
	}
	return r
}

// oracleFloorDivide is the floor of the quotient as it is rounded, which is how MLX
// defines it.
func oracleFloorDivide(d core.DType, x, y float64) float64 {
	return math.Floor(decode(d, encode(d, x/y)))
}

func oracleLogAddExp(x, y float64) float64 {
	high, low := max(x, y), min(x, y)
	if math.IsInf(low, -1) || math.IsInf(high, 1) {
		if x != x || y != y {
			return math.NaN()
		}
		return high
	}
	return high + math.Log1p(math.Exp(low-high))
}

func oracleSign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
