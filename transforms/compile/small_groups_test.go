package compile_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/linalg"
	"github.com/adjoint-go/adjoint/transforms/compile"
)

// A comparison that counts NaN as equal once wrote four bytes for every bool.
func TestNaNEqualInAGroupWritesBools(t *testing.T) {
	nan := float32(math.NaN())
	x, y := vec(1, nan, 3, nan, 5), vec(1, nan, 3, 4, 5)
	for _, d := range []core.DType{core.Float32, core.Float64, core.Float16, core.BFloat16} {
		f := func(a, b arr) arr { return a.AddScalar(1).ArrayEqualNaN(b.AddScalar(1)) }
		c := compile.Of(f)
		for range 20 {
			sameBits(t, core.Scalar(true), c.Call(x.AsType(d), x.AsType(d)))
			sameBits(t, core.Scalar(false), c.Call(x.AsType(d), y.AsType(d)))
		}
		require.Regexp(t, `Fused(.|\n)*NaNEqual`, c.Program(x.AsType(d), x.AsType(d)).String(), d)
	}
}

// The empty factorisations are mended by zeros, which a shapeless trace once made
// of the results of the engine, that divides by zero.
func TestEmptyFactorisationsInAShapelessProgram(t *testing.T) {
	empty := core.Zeros(core.Float32, 0, 0)
	square := func(a arr) []arr { return []arr{linalg.Inv(a)} }
	for name, f := range map[string]func(arr) []arr{
		"inv": square,
		"lu_factor": func(a arr) []arr {
			lu, pivots := linalg.LUFactor(a)
			return []arr{lu, pivots}
		},
		"lu": func(a arr) []arr {
			p, l, u := linalg.LU(a)
			return []arr{p, l, u}
		},
		"solve":    func(a arr) []arr { return []arr{linalg.Solve(a, a)} },
		"cholesky": func(a arr) []arr { return []arr{linalg.Cholesky(a)} },
	} {
		_, err := core.Try(func() []arr { return compile.Of(f, compile.Shapeless()).Call(empty) })
		if err != nil {
			require.ErrorIs(t, err, core.ErrShapeless, name)
		}
		captured := compile.Of(func(a arr) []arr { return append(f(empty), a.AddScalar(1)) }, compile.Shapeless())
		_, err = core.Try(func() []arr { return captured.Call(vec(1, 2)) })
		if err != nil {
			require.ErrorIs(t, err, core.ErrShapeless, name)
		}
	}
}
