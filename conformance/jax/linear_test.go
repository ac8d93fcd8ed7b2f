package jax

import (
	"math"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/linalg"
	"github.com/adjoint-go/adjoint/transforms/grad"
)

var linear = []twin{
	of("solve", solve), of("inverse", inverse), of("gaussian_cholesky", gaussianCholesky), of("logdet", logdet),
	of("determinant", determinant), of("qr_least_squares", qrLeastSquares), of("nuclear_norm", nuclearNorm),
	of("spectral_function", spectralFunction), of("eigenvalues", eigenvalues), of("pseudo_inverse", pseudoInverse),
	of("norms", norms), of("lu_factors", luFactors), of("matrix_exponential", matrixExponential),
	of("whitening", whitening), of("low_rank", lowRank), of("cholesky_jacobian", choleskyJacobian),
	of("power_iteration", powerIteration), of("newton_schulz", newtonSchulz), of("tensor_network", tensorNetwork),
	of("procrustes", procrustes),
}

func eye(n int) *core.Array { return core.Identity(core.Float32, n) }

func diag(a *core.Array) *core.Array { return a.Diagonal(0, 0, 1) }

func solve(p struct{ A, B *core.Array }, d struct{ W, VA, VB *core.Array }) results {
	type system = struct{ A, B *core.Array }
	f := func(p system) *core.Array { return d.W.Mul(linalg.Solve(p.A, p.B).Sin()).Sum() }
	value, g := grad.ValueAndGrad(f)(p)
	_, along := grad.JVP(f, p, system{d.VA, d.VB})
	return results{"value": value, "grad": g, "along": along}
}

func inverse(a *core.Array, d struct{ W, V *core.Array }) results {
	f := func(a *core.Array) *core.Array { return d.W.Mul(linalg.Inv(a).Square()).Sum() }
	return results{"grad": grad.Of(f)(a), "hvp": grad.HVP(f)(a, d.V)}
}

type gaussian struct{ Factor, Mean *core.Array }

func gaussianCholesky(p gaussian, d struct{ X *core.Array }) results {
	f := func(p gaussian) *core.Array {
		cov := p.Factor.MatMul(p.Factor.T()).Add(eye(4))
		l := linalg.Cholesky(cov)
		z := linalg.SolveTriangular(l, d.X.Sub(p.Mean).T(), false)
		return z.Square().Sum().MulScalar(0.5).Add(diag(l).Log().Sum().MulScalar(float64(d.X.Dim(0))))
	}
	value, g := grad.ValueAndGrad(f)(p)
	hessian := grad.Hessian(func(m *core.Array) *core.Array { return f(gaussian{p.Factor, m}) })(p.Mean)
	return results{"value": value, "grad": g, "hessian": hessian}
}

func logdet(a *core.Array, d struct{ W *core.Array }) results {
	f := func(a *core.Array) *core.Array {
		_, l := linalg.SlogDet(a.Add(d.W.MulScalar(0.1)))
		return l
	}
	return results{"value": f(a), "grad": grad.Of(f)(a), "hessian": grad.Hessian(f)(a)}
}

func determinant(a, small *core.Array) results {
	f := func(a *core.Array) *core.Array {
		corner := a.At(core.Range(0, 2), core.Range(0, 2))
		return linalg.Det(a).Mul(linalg.Det(corner.Add(small)))
	}
	return results{"value": f(a), "grad": grad.Of(f)(a), "forward": grad.JacFwd(f)(a)}
}

func qrLeastSquares(p struct{ A, B *core.Array }, d struct{ W *core.Array }) results {
	f := func(p struct{ A, B *core.Array }) *core.Array {
		q, r := linalg.QR(p.A)
		return d.W.Mul(linalg.SolveTriangular(r, q.T().MatMul(p.B), true)).Sum()
	}
	value, g := grad.ValueAndGrad(f)(p)
	return results{"value": value, "grad": g}
}

func nuclearNorm(a *core.Array, d struct{ W *core.Array }) results {
	f := func(a *core.Array) *core.Array {
		return linalg.SVDVals(a).Sum().Add(a.Sub(d.W).Square().Sum().MulScalar(0.5))
	}
	return results{"value": f(a), "grad": grad.Of(f)(a)}
}

func spectralFunction(a *core.Array, d struct{ W *core.Array }) results {
	f := func(a *core.Array) *core.Array {
		values, vectors := linalg.Eigh(a.Add(a.T()).DivScalar(2))
		return d.W.Mul(vectors.Mul(values.Exp()).MatMul(vectors.T())).Sum()
	}
	return results{"value": f(a), "grad": grad.Of(f)(a)}
}

func eigenvalues(x *core.Array, d struct{ Basis, Base *core.Array }) results {
	f := func(x *core.Array) *core.Array {
		m := d.Base.Add(core.Einsum("k,kij->ij", x, d.Basis).MulScalar(0.2))
		return linalg.EigValsh(m.Add(m.T()).DivScalar(2))
	}
	return results{"values": f(x), "reverse": grad.JacRev(f)(x), "forward": grad.JacFwd(f)(x)}
}

func pseudoInverse(a *core.Array, d struct{ W *core.Array }) results {
	f := func(a *core.Array) *core.Array { return d.W.Mul(linalg.Pinv(a)).Sum() }
	return results{"value": f(a), "grad": grad.Of(f)(a)}
}

func norms(p struct{ A, X *core.Array }, _ struct{}) results {
	f := func(p struct{ A, X *core.Array }) *core.Array {
		return core.Stack(0,
			linalg.Norm(p.A), linalg.NormMatrix(p.A, "nuc"), linalg.NormOrd(p.A, 1), linalg.NormOrd(p.A, math.Inf(1)), linalg.NormOrd(p.A, 2),
			linalg.NormOrd(p.X, 1), linalg.Norm(p.X), linalg.NormOrd(p.X, 3), linalg.NormOrd(p.X, math.Inf(1)))
	}
	return results{"values": f(p), "jacobian": grad.JacRev(f)(p)}
}

func luFactors(a *core.Array, d struct{ WL, WU, V *core.Array }) results {
	f := func(a *core.Array) *core.Array {
		_, l, u := linalg.LU(a)
		return d.WL.Mul(l.Square()).Sum().Add(d.WU.Mul(u.Sin()).Sum())
	}
	value, along := grad.JVP(f, a, d.V)
	return results{"value": value, "along": along, "grad": grad.Of(f)(a)}
}

func matrixExponential(a *core.Array, d struct{ W, V *core.Array }) results {
	// Scaling, a Padé approximant of order 5, squaring.
	expm := func(a *core.Array) *core.Array {
		a = a.DivScalar(8)
		a2 := a.MatMul(a)
		a4 := a2.MatMul(a2)
		u := a.MatMul(a4.Add(a2.MulScalar(420)).Add(eye(4).MulScalar(15120)))
		v := a4.MulScalar(30).Add(a2.MulScalar(3360)).Add(eye(4).MulScalar(30240))
		r := linalg.Solve(v.Sub(u), v.Add(u))
		for range 3 {
			r = r.MatMul(r)
		}
		return r
	}
	f := func(a *core.Array) *core.Array { return d.W.Mul(expm(a)).Sum() }
	return results{"exp": expm(a), "grad": grad.Of(f)(a), "hvp": grad.HVP(f)(a, d.V)}
}

func whitening(p struct{ Raw, X *core.Array }, d struct{ W *core.Array }) results {
	f := func(p struct{ Raw, X *core.Array }) *core.Array {
		l := p.Raw.Tril(-1).Add(diag(p.Raw).MulScalar(0.3).Exp().Diag(0))
		z := linalg.SolveTriangular(l, p.X, false)
		back := linalg.SolveTriangular(l.T(), z, true)
		return d.W.Mul(z.Tanh()).Sum().Add(back.Square().Sum().MulScalar(0.1))
	}
	value, g := grad.ValueAndGrad(f)(p)
	return results{"value": value, "grad": g}
}

func lowRank(a *core.Array, d struct{ W *core.Array }) results {
	f := func(a *core.Array) *core.Array {
		u, s, vt := linalg.SVD(a)
		two := core.Range(0, 2)
		return d.W.Mul(u.At(core.All, two).Mul(s.At(two)).MatMul(vt.At(two))).Sum()
	}
	return results{"value": f(a), "grad": grad.Of(f)(a)}
}

func choleskyJacobian(x *core.Array, _ struct{}) results {
	f := func(x *core.Array) *core.Array {
		b := core.Zeros(core.Float32, 3, 3).AtSet(x, core.Pick(0, 1, 1, 2, 2, 2), core.Pick(0, 0, 1, 0, 1, 2))
		return linalg.Cholesky(b.MatMul(b.T()).Add(eye(3)))
	}
	return results{"factor": f(x), "reverse": grad.JacRev(f)(x), "forward": grad.JacFwd(f)(x)}
}

func powerIteration(a *core.Array, d struct{ V *core.Array }) results {
	f := func(a *core.Array) *core.Array {
		v := d.V
		for range 15 {
			v = a.T().MatMul(a.MatMul(v))
			v = v.Div(linalg.Norm(v))
		}
		return linalg.Norm(a.MatMul(v))
	}
	return results{"value": f(a), "grad": grad.Of(f)(a)}
}

func newtonSchulz(g *core.Array, d struct{ CT, V *core.Array }) results {
	f := func(g *core.Array) *core.Array {
		x := g.Div(linalg.Norm(g).AddScalar(1e-7))
		for range 3 {
			a := x.MatMul(x.T())
			b := a.MulScalar(-4.775).Add(a.MatMul(a).MulScalar(2.0315))
			x = x.MulScalar(3.4445).Add(b.MatMul(x))
		}
		return x
	}
	y, pull := grad.VJP(f, g)
	_, pushed := grad.JVP(f, g, d.V)
	return results{"value": y, "pulled": pull(d.CT), "pushed": pushed}
}

func tensorNetwork(cores []*core.Array, d struct{ O *core.Array }) results {
	f := func(cores []*core.Array) *core.Array {
		psi := core.Einsum("ia,ajb,bkc,cl->ijkl", cores...)
		energy := core.Einsum("ijkl,jm,imkl->", psi, d.O, psi)
		return energy.Div(psi.Square().Sum())
	}
	value, g := grad.ValueAndGrad(f)(cores)
	return results{"value": value, "grad": g}
}

func procrustes(p struct{ X, Y *core.Array }, _ struct{}) results {
	f := func(p struct{ X, Y *core.Array }) *core.Array {
		x, y := p.X.Sub(p.X.Mean(0)), p.Y.Sub(p.Y.Mean(0))
		u, _, vt := linalg.SVD(x.T().MatMul(y))
		return x.MatMul(u.MatMul(vt)).Sub(y).Square().Tanh().Sum()
	}
	value, g := grad.ValueAndGrad(f)(p)
	return results{"value": value, "grad": g}
}
