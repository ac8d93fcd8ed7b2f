package sample

import (
	"bytes"
	"fmt"
	"math"
	"math/cmplx"

	"github.com/adjoint-go/adjoint/core"
)

// Epsilon is the distance of 1 to the next number; 0 for what is not floating.
func Epsilon(d core.DType) float64 {
	switch d {
	case core.Float16:
		return 0x1p-10
	case core.BFloat16:
		return 0x1p-7
	case core.Float32, core.Complex64:
		return 0x1p-23
	case core.Float64:
		return 0x1p-52
	}
	return 0
}

// SameBits fails where results differ in a bit; NaN equals NaN.
func SameBits(got, want []Value) error {
	if err := SameSpecs(got, want); err != nil {
		return err
	}
	for i := range got {
		if bytes.Equal(got[i].Raw, want[i].Raw) {
			continue
		}
		size := got[i].DType.Size()
		for k := range got[i].Len() {
			g, w := got[i].At(k), want[i].At(k)
			if !bytes.Equal(got[i].Raw[k*size:(k+1)*size], want[i].Raw[k*size:(k+1)*size]) && !(cmplx.IsNaN(g) && cmplx.IsNaN(w)) {
				return fmt.Errorf("result %d differs at %v: %v in place of %v", i, Index(got[i].Shape, k), Text(got[i].DType, g), Text(got[i].DType, w))
			}
		}
	}
	return nil
}

// SameSpecs compares dtypes and shapes.
func SameSpecs(got, want []Value) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d results in place of %d", len(got), len(want))
	}
	for i := range got {
		if got[i].String() != want[i].String() {
			return fmt.Errorf("result %d is %v in place of %v", i, got[i].Spec, want[i].Spec)
		}
	}
	return nil
}

// Near fails where results differ by more than tol of the largest magnitude, or
// of 1 where all are smaller; integers must be equal. It returns the largest
// relative error.
func Near(got, want []Value, tol func(core.DType) float64) (worst float64, err error) {
	if err := SameSpecs(got, want); err != nil {
		return 0, err
	}
	for i := range got {
		scale := 1.0
		for k := range want[i].Len() {
			if m := cmplx.Abs(want[i].At(k)); !math.IsInf(m, 0) {
				scale = max(scale, m)
			}
		}
		for k := range got[i].Len() {
			g, w := got[i].At(k), want[i].At(k)
			if g == w || cmplx.IsNaN(g) && cmplx.IsNaN(w) {
				continue
			}
			rel, limit := cmplx.Abs(g-w)/scale, tol(got[i].DType)
			if !(rel <= limit) {
				return rel, fmt.Errorf("result %d at %v is %v in place of %v: relative error %.1e, allowed %.1e",
					i, Index(got[i].Shape, k), Text(got[i].DType, g), Text(got[i].DType, w), rel, limit)
			}
			worst = max(worst, rel)
		}
	}
	return worst, nil
}

// Rounding allows for another order of a sum.
func Rounding(d core.DType) float64 { return 16 * Epsilon(d) }

// Index is the position of element k.
func Index(shape []int, k int) []int {
	out := make([]int, len(shape))
	for i := len(shape) - 1; i >= 0; i-- {
		out[i] = k % shape[i]
		k /= shape[i]
	}
	return out
}

// Text prints an element.
func Text(d core.DType, x complex128) string {
	if d == core.Complex64 {
		return fmt.Sprintf("%.6g", x)
	}
	return fmt.Sprintf("%.9g", real(x))
}
