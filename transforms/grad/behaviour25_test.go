package grad_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/linalg"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

// wave returns n numbers in (-1, 1) without a pattern.
func wave(n int, seed float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = math.Sin(seed + 7.3*float64(i)*float64(i) + float64(i))
	}
	return out
}

// well returns float64 matrices whose diagonals dominate, with distinct values.
func well(seed float64, shape ...int) arr {
	a := core.From(wave(core.Zeros(core.Float64, shape...).Size(), seed), shape...).MulScalar(0.4)
	rows, cols := shape[len(shape)-2], shape[len(shape)-1]
	d := make([]float64, rows*cols)
	for i := range min(rows, cols) {
		d[i*cols+i] = 1.5 + 0.75*float64(i)
	}
	return a.Add(core.From(d, rows, cols))
}

type factor struct {
	name string
	f    func(arr) []arr
	x    arr
}

func one(f func(arr) arr) func(arr) []arr { return func(x arr) []arr { return []arr{f(x)} } }

func two(f func(arr) (arr, arr)) func(arr) []arr {
	return func(x arr) []arr { a, b := f(x); return []arr{a, b} }
}

func three(f func(arr) (arr, arr, arr)) func(arr) []arr {
	return func(x arr) []arr { a, b, c := f(x); return []arr{a, b, c} }
}

func factors() []factor {
	a, b := well(1, 3, 3), well(2, 3, 2)
	spd := a.MatMul(a.T())
	inf := math.Inf(1)
	order := func(ord float64) func(arr) []arr {
		return one(func(x arr) arr { return linalg.NormOrd(x, ord, -2, -1) })
	}
	return []factor{
		{"Inv", one(linalg.Inv), a},
		{"Inv/batch", one(linalg.Inv), well(3, 2, 3, 3)},
		{"TriInv/lower", one(func(x arr) arr { return linalg.TriInv(x, false) }), a},
		{"TriInv/upper", one(func(x arr) arr { return linalg.TriInv(x, true) }), a},
		{"Cholesky", one(linalg.Cholesky), spd},
		{"CholeskyUpper", one(linalg.CholeskyUpper), core.Stack(0, spd, spd.Add(a.Tril(0).MatMul(a.Tril(0).T())))},
		{"CholeskyInv", one(func(x arr) arr { return linalg.CholeskyInv(x, false) }), a},
		{"CholeskyInv/upper", one(func(x arr) arr { return linalg.CholeskyInv(x, true) }), a},
		{"QR/square", two(linalg.QR), a},
		{"QR/tall", two(linalg.QR), well(4, 2, 4, 3)},
		{"QR/wide", two(linalg.QR), well(5, 2, 4)},
		{"SVD/square", three(linalg.SVD), a},
		{"SVD/tall", three(linalg.SVD), well(6, 2, 4, 3)},
		{"SVD/wide", three(linalg.SVD), well(7, 2, 3)},
		{"SVDVals", one(linalg.SVDVals), well(8, 2, 3, 3)},
		{"SVDVals/tall", one(linalg.SVDVals), well(9, 7, 2)},
		{"SVDVals/wide", one(linalg.SVDVals), well(10, 2, 7)},
		// The basis of the null space is arbitrary, its projector is not.
		{"SVD/null space", one(func(x arr) arr {
			u, _, _ := linalg.SVD(x)
			n := u.At(core.All, core.Range(2, 5))
			return n.MatMul(n.T())
		}), well(11, 5, 2)},
		{"Eigh", two(linalg.Eigh), spd},
		{"EighUpper", two(linalg.EighUpper), core.Stack(0, spd, a)},
		{"EigValsh", one(linalg.EigValsh), a},
		{"EigValshUpper", one(linalg.EigValshUpper), a},
		{"LU/square", three(linalg.LU), well(12, 2, 3, 3).Sub(core.From(wave(9, 2), 3, 3))},
		{"LU/tall", three(linalg.LU), well(13, 4, 2).Mul(core.From([]float64{.1, .5, -2, 1}, 4, 1))},
		{"LU/wide", three(linalg.LU), well(14, 2, 4)},
		{"LUFactor", two(linalg.LUFactor), core.From([]float64{.1, 2, 1, -1, .3, 2, 3, 1, .2}, 3, 3)},
		{"Solve/a", one(func(x arr) arr { return linalg.Solve(x, b) }), core.From([]float64{.1, 2, 1, -1, .3, 2, 3, 1, .2}, 3, 3)},
		{"Solve/b", one(func(x arr) arr { return linalg.Solve(a, x) }), b},
		{"Solve/vector", one(func(x arr) arr { return linalg.Solve(x, x.Sum(0)) }), well(15, 3, 3)},
		{"Solve/batch", one(func(x arr) arr { return linalg.Solve(x, core.Stack(0, b, b.MulScalar(2))) }), well(16, 2, 3, 3)},
		{"SolveTriangular/a", one(func(x arr) arr { return linalg.SolveTriangular(x, b, false) }), a},
		{"SolveTriangular/upper", one(func(x arr) arr { return linalg.SolveTriangular(x, b, true) }), a},
		{"SolveTriangular/b", one(func(x arr) arr { return linalg.SolveTriangular(a, x, false) }), b},
		{"Pinv/square", one(linalg.Pinv), a},
		{"Pinv/tall", one(linalg.Pinv), well(17, 2, 4, 3)},
		{"Pinv/wide", one(linalg.Pinv), well(18, 2, 4)},
		{"Det/1", one(linalg.Det), well(19, 1, 1)},
		{"Det/3", one(linalg.Det), well(20, 2, 3, 3)},
		{"Det/5", one(linalg.Det), well(21, 5, 5)},
		{"Det/negative", one(linalg.Det), well(22, 4, 4).Mul(core.From([]float64{1, -1, 1, 1}))},
		{"SlogDet/2", two(linalg.SlogDet), well(23, 2, 2)},
		{"SlogDet/4", two(linalg.SlogDet), well(24, 2, 4, 4).Mul(core.From([]float64{1, -1, 1, 1}))},
		{"Norm", one(func(x arr) arr { return linalg.Norm(x) }), a},
		{"NormOrd 1", order(1), a},
		{"NormOrd -1", order(-1), a},
		{"NormOrd inf", order(inf), a},
		{"NormOrd -inf", order(-inf), a},
		{"NormOrd 2", order(2), well(25, 2, 3, 4)},
		{"NormOrd -2", order(-2), well(26, 2, 4, 3)},
		{"NormMatrix nuc", one(func(x arr) arr { return linalg.NormMatrix(x, "nuc", -2, -1) }), well(27, 2, 4, 3)},
		{"NormMatrix fro", one(func(x arr) arr { return linalg.NormMatrix(x, "fro") }), a},
		{"Cross", one(func(x arr) arr { return linalg.Cross(x, x.T(), -1) }), a},
	}
}

// equal compares relative to the largest element.
func equal(want, got arr, tol float64) bool {
	if want.Size() != got.Size() {
		return false
	}
	return want.Sub(got).Abs().Max().Item() <= tol*want.Abs().Max().Item()
}

// curved makes a scalar of results that has second derivatives. The engine's sin and exp would be good
// to 1e-7 only.
func curved(f func(arr) []arr) func(arr) arr {
	return func(x arr) arr {
		loss := core.Scalar(0.0)
		for i, y := range f(x) {
			if y.DType() == core.Float64 {
				w := core.From(wave(y.Size(), float64(i+40)), y.Shape()...)
				y = y.Mul(w)
				loss = loss.Add(y.Mul(y).Mul(y).AddScalar(1).Add(y).Mul(y).Sum())
			}
		}
		return loss
	}
}

func TestBehaviour25_LinearAlgebraHasDerivatives(t *testing.T) {
	core.Using(core.CPU, func() {
		for _, c := range factors() {
			t.Run(c.name, func(t *testing.T) {
				require.NoError(t, grad.Check(c.f, c.x, grad.Checking{}), "first derivative")
				g := grad.Of(curved(c.f))
				require.NoError(t, grad.Check(g, c.x, grad.Checking{}), "second derivative")
				want := g(c.x)
				require.True(t, equal(want, compile.Of(g).Call(c.x), 1e-12), "compiled")
				more := c.x.MulScalar(1.1)
				got := vmap.Of(g)(core.Stack(0, c.x, more))
				require.True(t, equal(core.Stack(0, want, g(more)), got, 1e-9), "mapped")
				last := vmap.Of(g, vmap.In(-1), vmap.Out(-1))(core.Stack(-1, c.x, more))
				require.True(t, equal(core.Stack(-1, want, g(more)), last, 1e-9), "mapped along the last axis")
			})
		}
	})
}

// TestBehaviour25_ClosedForms compares with formulas in place of differences.
func TestBehaviour25_ClosedForms(t *testing.T) {
	core.Using(core.CPU, func() {
		const n = 4
		a, v := well(30, n, n), well(31, n, n)
		y := linalg.Inv(a)
		logdet := func(x arr) arr { _, l := linalg.SlogDet(x); return l }
		near(t, core.Data[float64](y.T().Contiguous()), grad.Of(logdet)(a), n, n)
		near(t, core.Data[float64](linalg.Det(a).Mul(y.T()).Contiguous()), grad.Of(linalg.Det)(a), n, n)
		inv := core.Data[float64](y)
		var hessian []float64
		for i := range n {
			for j := range n {
				for k := range n {
					for l := range n {
						hessian = append(hessian, -inv[j*n+k]*inv[l*n+i])
					}
				}
			}
		}
		near(t, hessian, grad.Hessian(logdet)(a), n, n, n, n)
		near(t, hessian, grad.JacFwd(grad.JacFwd(logdet))(a), n, n, n, n)
		// dᵏ/dtᵏ (a + t·v)⁻¹ = (-1)ᵏ·k!·(y·v)ᵏ·y
		along := func(f func(arr) arr) func(arr) arr {
			return func(x arr) arr { _, d := grad.JVP(f, x, v); return d }
		}
		want := y
		f := linalg.Inv
		for k := 1; k <= 3; k++ {
			f = along(f)
			want = y.MatMul(v).MatMul(want).MulScalar(-float64(k))
			near(t, core.Data[float64](want.Contiguous()), f(a), n, n)
		}
	})
}

func isFinite(x arr) bool { return x.IsFinite().All().Item() == 1 }

// TestBehaviour25_Degenerate pins what the documentation says where a derivative does not exist, or a
// formula for it fails.
func TestBehaviour25_Degenerate(t *testing.T) {
	core.Using(core.CPU, func() {
		eye := core.Identity(core.Float64, 4)
		w := well(32, 4, 4)
		weighted := func(f func(arr) arr) func(arr) arr {
			return func(x arr) arr { return f(x).Mul(w).Sum() }
		}
		sum := func(f func(arr) arr) func(arr) arr { return func(x arr) arr { return f(x).Sum() } }
		for name, f := range map[string]func(arr) arr{
			"eigenvalues":                 sum(linalg.EigValsh),
			"eigenvalues beside vectors":  sum(func(x arr) arr { v, _ := linalg.Eigh(x); return v }),
			"singular values":             sum(linalg.SVDVals),
			"nuclear norm":                func(x arr) arr { return linalg.NormMatrix(x, "nuc") },
			"singular values and vectors": sum(func(x arr) arr { _, s, _ := linalg.SVD(x); return s }),
		} {
			require.True(t, equal(eye, grad.Of(f)(eye), 1e-12), name)
		}
		near(t, core.Data[float64](w.Neg()), grad.Of(weighted(linalg.Pinv))(eye), 4, 4)
		require.False(t, isFinite(grad.Of(weighted(func(x arr) arr { _, v := linalg.Eigh(x); return v }))(eye)), "vectors of equal values")
		require.False(t, isFinite(grad.Of(weighted(func(x arr) arr { u, _, _ := linalg.SVD(x); return u }))(eye)), "vectors of equal singular values")

		singular := core.From([]float64{1, 2, 3, 4, 2, 4, 6, 8, 0, 1, 0, 1, 5, 0, 2, 1}, 4, 4)
		require.False(t, isFinite(grad.Of(func(x arr) arr { _, l := linalg.SlogDet(x); return l })(singular)), "the logarithm of zero")
		require.False(t, isFinite(grad.Of(weighted(func(x arr) arr { q, _ := linalg.QR(x); return q }))(core.Zeros(core.Float64, 4, 4))), "QR of zeros")
		require.False(t, isFinite(grad.Of(weighted(func(x arr) arr { _, _, u := linalg.LU(x); return u }))(core.Zeros(core.Float64, 4, 4))), "LU of zeros")
		require.False(t, isFinite(grad.Of(weighted(linalg.Cholesky))(eye.Neg())), "Cholesky of negative definite")
		failure(t, func() { grad.Of(weighted(linalg.Inv))(singular.MulScalar(0)).Eval() })

		// The determinant of sizes to 3 is a polynomial.
		small := core.From([]float64{1, 2, 2, 4}, 2, 2)
		near(t, []float64{4, -2, -2, 1}, grad.Of(linalg.Det)(small), 2, 2)

		for name, f := range map[string]func(arr) arr{
			"inv": linalg.Inv, "cholesky": linalg.Cholesky, "svdvals": linalg.SVDVals, "det": linalg.Det,
			"tri_inv": func(x arr) arr { return linalg.TriInv(x, true) },
			"pinv":    linalg.Pinv,
			"solve":   func(x arr) arr { return linalg.Solve(x, x) },
			"lu":      func(x arr) arr { _, l, _ := linalg.LU(x); return l },
			"qr":      func(x arr) arr { q, _ := linalg.QR(x); return q },
		} {
			empty := core.Zeros(core.Float64, 0, 0)
			require.Equal(t, []int{0, 0}, grad.Of(sum(f))(empty).Shape(), name)
			_, d := grad.JVP(f, empty, empty)
			require.Equal(t, f(empty).Shape(), d.Shape(), name)
		}
	})
}

// TestBehaviour25_Complex checks what does not depend on the phases of vectors, which are arbitrary, and
// eigenvectors of general matrices, whose phases are not.
func TestBehaviour25_Complex(t *testing.T) {
	core.Using(core.CPU, func() {
		complexOf := func(re, im arr) arr {
			i := core.Scalar(complex64(1i))
			return re.AsType(core.Complex64).Add(im.AsType(core.Complex64).Mul(i))
		}
		a := complexOf(well(33, 3, 3), well(34, 3, 3).MulScalar(0.3))
		tall := complexOf(well(35, 4, 3), well(36, 4, 3).MulScalar(0.3))
		h := func(x arr) arr { return x.Conjugate().SwapAxes(-1, -2) }
		for _, c := range []factor{
			{"SVDVals", one(linalg.SVDVals), tall},
			{"nuc", one(func(x arr) arr { return linalg.NormMatrix(x, "nuc") }), a},
			{"polar factor", one(func(x arr) arr {
				u, _, vt := linalg.SVD(x)
				return u.At(core.All, core.Range(0, 3)).MatMul(vt)
			}), tall},
			{"EigValsh", one(linalg.EigValsh), a},
			{"function of a Hermitian matrix", one(func(x arr) arr {
				w, v := linalg.EighUpper(x)
				return v.Mul(w.Sin()).MatMul(h(v))
			}), a},
			{"Eig", two(linalg.Eig), a},
			{"EigVals", one(linalg.EigVals), a},
			{"Eig/real", two(linalg.Eig), well(37, 3, 3).AsType(core.Float32)},
			{"Eig/pair", two(linalg.Eig), core.From([]float32{1, -2, .3, 1.5, 1, .2, .1, -.2, 3}, 3, 3)},
			{"Eig/float64", one(linalg.EigVals), core.From([]float64{1, -2, .3, 1.5, 1, .2, .1, -.2, 3}, 3, 3)},
		} {
			require.NoError(t, grad.Check(c.f, c.x, grad.Checking{Step: 1e-2}), c.name)
		}
	})
}
