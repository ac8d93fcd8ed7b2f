package core

import (
	"fmt"
	"math"
)

// The methods below take a number that follows the array's dtype: the result of
// a bfloat16 array stays bfloat16. A number that the dtype cannot hold is an
// error: 0.5, 300 or NaN for int8, 1e6 for float16. Finite numbers are rounded.

// AddScalar returns a + v.
func (a *Array) AddScalar(v float64) *Array { return a.Add(a.scalar("AddScalar", v)) }

// SubScalar returns a - v.
func (a *Array) SubScalar(v float64) *Array { return a.Sub(a.scalar("SubScalar", v)) }

// RSubScalar returns v - a.
func (a *Array) RSubScalar(v float64) *Array { return a.scalar("RSubScalar", v).Sub(a) }

// MulScalar returns a · v.
func (a *Array) MulScalar(v float64) *Array { return a.Mul(a.scalar("MulScalar", v)) }

// DivScalar returns a / v. Integers and bool become float32, and v with them.
func (a *Array) DivScalar(v float64) *Array { return a.Div(a.quotientScalar("DivScalar", v)) }

// RDivScalar returns v / a. Integers and bool become float32, and v with them.
func (a *Array) RDivScalar(v float64) *Array { return a.quotientScalar("RDivScalar", v).Div(a) }

// FloorDivScalar returns a / v rounded down; integers divided by 0 give 0.
func (a *Array) FloorDivScalar(v float64) *Array { return a.FloorDiv(a.scalar("FloorDivScalar", v)) }

// RemainderScalar returns a - v·floor(a/v); of integers and 0 it is a.
func (a *Array) RemainderScalar(v float64) *Array {
	return a.Remainder(a.scalar("RemainderScalar", v))
}

// PowScalar returns a raised to the power v.
func (a *Array) PowScalar(v float64) *Array { return a.Pow(a.scalar("PowScalar", v)) }

// RPowScalar returns v raised to the power a.
func (a *Array) RPowScalar(v float64) *Array { return a.scalar("RPowScalar", v).Pow(a) }

// MaximumScalar returns the larger of a and v, elementwise; NaN wins. Where both are
// equal the gradient is 0.
func (a *Array) MaximumScalar(v float64) *Array {
	return a.maximumConstant(a.scalar("MaximumScalar", v))
}

// MinimumScalar returns the smaller of a and v, elementwise; NaN wins. Where both are
// equal the gradient is 0.
func (a *Array) MinimumScalar(v float64) *Array {
	return a.minimumConstant(a.scalar("MinimumScalar", v))
}

// ClipScalar returns a limited to [lo, hi]; an infinite bound does not limit.
// Errors: the dtype cannot hold a bound, a bound is NaN, or lo lies above hi.
func (a *Array) ClipScalar(lo, hi float64) *Array {
	if math.IsNaN(lo) || math.IsNaN(hi) || lo > hi {
		panic(newError("ClipScalar", []*Array{a}, fmt.Errorf("[%v, %v] is no range", lo, hi)))
	}
	var low, high *Array
	if !math.IsInf(lo, -1) {
		low = a.scalar("ClipScalar", lo)
	}
	if !math.IsInf(hi, 1) {
		high = a.scalar("ClipScalar", hi)
	}
	if low == nil && high == nil {
		return a.Positive()
	}
	return a.Clip(low, high)
}

// EqualScalar says where a = v.
func (a *Array) EqualScalar(v float64) *Array { return a.Equal(a.scalar("EqualScalar", v)) }

// NotEqualScalar says where a ≠ v.
func (a *Array) NotEqualScalar(v float64) *Array { return a.NotEqual(a.scalar("NotEqualScalar", v)) }

// LessScalar says where a < v.
func (a *Array) LessScalar(v float64) *Array { return a.Less(a.scalar("LessScalar", v)) }

// LessEqualScalar says where a ≤ v.
func (a *Array) LessEqualScalar(v float64) *Array {
	return a.LessEqual(a.scalar("LessEqualScalar", v))
}

// GreaterScalar says where a > v.
func (a *Array) GreaterScalar(v float64) *Array { return a.Greater(a.scalar("GreaterScalar", v)) }

// GreaterEqualScalar says where a ≥ v.
func (a *Array) GreaterEqualScalar(v float64) *Array {
	return a.GreaterEqual(a.scalar("GreaterEqualScalar", v))
}
