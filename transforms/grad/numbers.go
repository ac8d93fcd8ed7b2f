package grad

import (
	"math"

	"github.com/adjoint-go/adjoint/core"
)

// numbers reads an array's elements.
func numbers(a *core.Array) []complex128 {
	switch a.DType() {
	case core.Complex64:
		return widened(core.Data[complex64](a), func(v complex64) complex128 { return complex128(v) })
	case core.Float64:
		return widened(core.Data[float64](a), func(v float64) complex128 { return complex(v, 0) })
	}
	return widened(core.Data[float32](a.AsType(core.Float32)), func(v float32) complex128 { return complex(float64(v), 0) })
}

func widened[T any](in []T, f func(T) complex128) []complex128 {
	out := make([]complex128, len(in))
	for i, v := range in {
		out[i] = f(v)
	}
	return out
}

// arrayOf makes an array of numbers.
func arrayOf(v []complex128, s core.Spec) *core.Array {
	var a *core.Array
	switch s.DType {
	case core.Complex64:
		c := make([]complex64, len(v))
		for i := range v {
			c[i] = complex64(v[i])
		}
		a = core.From(c)
	case core.Float64:
		f := make([]float64, len(v))
		for i := range v {
			f[i] = real(v[i])
		}
		a = core.From(f)
	default:
		f := make([]float32, len(v))
		for i := range v {
			f[i] = float32(real(v[i]))
		}
		a = core.From(f).AsType(s.DType)
	}
	return a.Reshape(s.Shape...)
}

// inner is the inner product of two numbers as vectors of the plane.
func inner(a, b complex128) float64 { return real(a)*real(b) + imag(a)*imag(b) }

// units are the directions in which a number of a dtype may move.
func units(d core.DType) []complex128 {
	if d == core.Complex64 {
		return []complex128{1, 1i}
	}
	return []complex128{1}
}

// precision is the relative error of one operation. The engine's float64
// functions are good to about 1e-7 only, its sums and products to 1e-16.
func precision(d core.DType) float64 {
	switch d {
	case core.NoDType:
		return 0
	case core.Float64:
		return 1e-9
	case core.Float16:
		return 1e-3
	case core.BFloat16:
		return 8e-3
	}
	return 1.2e-7
}

// tolerance is the relative error that derivatives may have.
func tolerance(precision float64) float64 {
	switch {
	case precision < 1e-7:
		return 1e-3
	case precision < 1e-4:
		return 1e-2
	}
	return math.Sqrt(precision) * 4
}

// index is the place of the i-th element of an array.
func index(i int, shape []int) []int {
	at := make([]int, len(shape))
	for k := len(shape) - 1; k >= 0; k-- {
		at[k], i = i%shape[k], i/shape[k]
	}
	return at
}
