package replay

import (
	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/fft"
	"github.com/adjoint-go/adjoint/core/linalg"
)

var factorizing = map[string]operation{
	"Cholesky": with(1, func(c *call, a *array) *array {
		if c.bool(0) {
			return linalg.CholeskyUpper(a)
		}
		return linalg.Cholesky(a)
	}),
	"Inverse": with(1, func(c *call, a *array) *array {
		if c.bool(0) {
			return linalg.TriInv(a, c.bool(1))
		}
		return linalg.Inv(a)
	}),
	"QRF": {1, 1, func(c *call) []*array {
		q, r := linalg.QR(c.in[0])
		return []*array{q, r}
	}},
	"SVD": {1, 1, func(c *call) []*array {
		if !c.bool(0) {
			return one(linalg.SVDVals(c.in[0]))
		}
		u, s, vt := linalg.SVD(c.in[0])
		return []*array{u, s, vt}
	}},
	"Eig": {1, 1, func(c *call) []*array {
		if !c.bool(0) {
			return one(linalg.EigVals(c.in[0]))
		}
		values, vectors := linalg.Eig(c.in[0])
		if c.in[0].DType() == core.Complex64 {
			vectors = vectors.Conjugate() // MLX's primitive gives them so
		}
		return []*array{values, vectors}
	}},
	"Eigh": {1, 1, func(c *call) []*array {
		side := state[string](c, 0)
		c.need(side == "L" || side == "U", "the triangle %q", side)
		switch {
		case c.bool(1) && side == "L":
			values, vectors := linalg.Eigh(c.in[0])
			return []*array{values, vectors}
		case c.bool(1):
			values, vectors := linalg.EighUpper(c.in[0])
			return []*array{values, vectors}
		case side == "L":
			return one(linalg.EigValsh(c.in[0]))
		}
		return one(linalg.EigValshUpper(c.in[0]))
	}},
	"FFT": with(1, func(c *call, a *array) *array {
		axes, inverse, isReal := c.ints(0), c.bool(1), c.bool(2)
		if len(axes) == 0 {
			return a.Positive()
		}
		n := make([]int, len(axes))
		for i, axis := range axes {
			n[i] = a.Dim(axis)
		}
		switch {
		case isReal && inverse:
			last := &n[len(n)-1]
			if *last = 2 * (*last - 1); c.bool(3) {
				*last++
			}
			return fft.IRFFTNWith(a, n, axes, fft.Backward)
		case isReal:
			return fft.RFFTNWith(a, n, axes, fft.Backward)
		case inverse:
			return fft.IFFTNWith(a, n, axes, fft.Backward)
		}
		return fft.FFTNWith(a, n, axes, fft.Backward)
	}),
}
