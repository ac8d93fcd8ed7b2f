package conformance

import (
	"bytes"
	"fmt"
	"math"
	"math/cmplx"

	"github.com/adjoint-go/adjoint/core"
)

// epsilon is the distance of 1 to the next number; 0 for what is not floating.
func epsilon(d core.DType) float64 {
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

// sameBits fails where results differ in a bit; NaN equals NaN.
func sameBits(got, want []value) error {
	if err := sameSpecs(got, want); err != nil {
		return err
	}
	for i := range got {
		if bytes.Equal(got[i].raw, want[i].raw) {
			continue
		}
		size := got[i].DType.Size()
		for k := range got[i].len() {
			g, w := got[i].at(k), want[i].at(k)
			if !bytes.Equal(got[i].raw[k*size:(k+1)*size], want[i].raw[k*size:(k+1)*size]) && !(cmplx.IsNaN(g) && cmplx.IsNaN(w)) {
				return fmt.Errorf("result %d differs at %v: %v in place of %v", i, index(got[i].Shape, k), text(got[i].DType, g), text(got[i].DType, w))
			}
		}
	}
	return nil
}

func sameSpecs(got, want []value) error {
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

// near fails where results differ by more than tol of the largest magnitude, or
// of 1 where all are smaller; integers must be equal. It returns the largest
// relative error.
func near(got, want []value, tol func(core.DType) float64) (worst float64, err error) {
	if err := sameSpecs(got, want); err != nil {
		return 0, err
	}
	for i := range got {
		scale := 1.0
		for k := range want[i].len() {
			if m := cmplx.Abs(want[i].at(k)); !math.IsInf(m, 0) {
				scale = max(scale, m)
			}
		}
		for k := range got[i].len() {
			g, w := got[i].at(k), want[i].at(k)
			if g == w || cmplx.IsNaN(g) && cmplx.IsNaN(w) {
				continue
			}
			rel, limit := cmplx.Abs(g-w)/scale, tol(got[i].DType)
			if !(rel <= limit) {
				return rel, fmt.Errorf("result %d at %v is %v in place of %v: relative error %.1e, allowed %.1e",
					i, index(got[i].Shape, k), text(got[i].DType, g), text(got[i].DType, w), rel, limit)
			}
			worst = max(worst, rel)
		}
	}
	return worst, nil
}

// rounding allows for another order of a sum.
func rounding(d core.DType) float64 { return 16 * epsilon(d) }

// index is the position of element k.
func index(shape []int, k int) []int {
	out := make([]int, len(shape))
	for i := len(shape) - 1; i >= 0; i-- {
		out[i] = k % shape[i]
		k /= shape[i]
	}
	return out
}

func text(d core.DType, x complex128) string {
	if d == core.Complex64 {
		return fmt.Sprintf("%.6g", x)
	}
	return fmt.Sprintf("%.9g", real(x))
}
