package jax

import (
	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/fft"
	"github.com/adjoint-go/adjoint/core/linalg"
	"github.com/adjoint-go/adjoint/nn"
	"github.com/adjoint-go/adjoint/nn/loss"
	"github.com/adjoint-go/adjoint/transforms/grad"
)

var structures = []twin{
	of("wasserstein", wasserstein), of("conditional_value_at_risk", conditionalValueAtRisk),
	of("graph_network", graphNetwork), of("embedding_bag", embeddingBag), of("updates", updates),
	of("volume_rendering", volumeRendering), of("fft_filter", fftFilter), of("quantum_circuit", quantumCircuit),
	of("tensor_factors", tensorFactors), of("discounted_returns", discountedReturns),
}

func wasserstein(x *core.Array, d struct{ Y *core.Array }) results {
	f := func(x *core.Array) *core.Array { return x.Sort(0).Sub(d.Y.Sort(0)).Abs().PowScalar(1.5).Mean() }
	return results{"value": f(x), "grad": grad.Of(f)(x)}
}

type portfolio struct{ W *core.Array }

func conditionalValueAtRisk(p portfolio, d struct{ X *core.Array }) results {
	f := func(p portfolio) *core.Array {
		loss := d.X.MatMul(p.W.Softmax())
		return loss.TopK(4, 0).Mean().Add(loss.Median().MulScalar(0.5))
	}
	value, g := grad.ValueAndGrad(f)(p)
	return results{"value": value, "grad": g}
}

type graph struct{ Edge, Node *core.Array }

func graphNetwork(p graph, d struct{ Source, Target, W *core.Array }) results {
	f := func(p graph) *core.Array {
		h := p.Node
		for range 2 {
			message := h.At(d.Source).MatMul(p.Edge).Tanh()
			h = h.Add(h.ZerosLike().AtAdd(message, d.Target))
		}
		return h
	}
	g := grad.Of(func(p graph) *core.Array { return d.W.Mul(f(p)).Sum() })(p)
	return results{"h": f(p), "grad": g}
}

type bag struct{ Table, Scale *core.Array }

func embeddingBag(p bag, d struct{ I, Bag, W *core.Array }) results {
	f := func(p bag) *core.Array {
		rows := p.Table.At(d.I).Sum(0).Mul(p.Scale)
		sums := d.W.ZerosLike().AtAdd(rows, d.Bag)
		peaks := d.W.FullLike(-2).AtMax(rows, d.Bag)
		return d.W.Mul(sums.Add(peaks.Square())).Sum()
	}
	value, g := grad.ValueAndGrad(f)(p)
	return results{"value": value, "grad": g}
}

func updates(x *core.Array, d struct{ V, W *core.Array }) results {
	f := func(x *core.Array) *core.Array {
		even, odd := core.Every(2), core.Range(1, core.Open).By(2)
		y := x.AtSet(x.At(core.Range(2, 4)).Sin().Mul(d.V), core.Range(1, 3))
		y = y.AtMul(x.At(core.Pick(3, 3)).Square().AddScalar(1), core.Pick(0, 4))
		y = y.AtAdd(y.At(core.All, odd).Cos(), core.All, even)
		return d.W.Mul(y).Sum()
	}
	flat := func(v *core.Array) *core.Array { return f(v.Reshape(5, 4)) }
	return results{"value": f(x), "grad": grad.Of(f)(x), "hessian": grad.Hessian(flat)(x.Flatten())}
}

func volumeRendering(p struct{ Color, Density *core.Array }, d struct{ Y *core.Array }) results {
	f := func(p struct{ Color, Density *core.Array }) *core.Array {
		through := nn.Softplus(p.Density).MulScalar(-0.4).Exp()
		passed := through.AddScalar(1e-10).CumProdWith(1, false, false)
		weight := passed.Mul(through.RSubScalar(1))
		pixel := weight.ExpandDims(2).Mul(p.Color.Sigmoid()).Sum(1)
		return loss.MSE(pixel, d.Y, loss.Mean)
	}
	value, g := grad.ValueAndGrad(f)(p)
	return results{"value": value, "grad": g}
}

type parts struct{ Imag, Real *core.Array }

func (p parts) complex() *core.Array { return p.Real.Add(p.Imag.Mul(core.Scalar(complex64(1i)))) }

func fftFilter(p parts, d struct{ X, Y *core.Array }) results {
	f := func(p parts) *core.Array {
		spectrum := fft.RFFT(d.X).Mul(p.complex())
		fit := loss.MSE(fft.IRFFT(spectrum), d.Y, loss.Mean)
		return fit.Add(spectrum.Abs().Sum().MulScalar(0.01))
	}
	value, g := grad.ValueAndGrad(f)(p)
	return results{"value": value, "grad": g}
}

// quantumCircuit is an expectation after a unitary, the exponential series of a
// Hermitian generator.
func quantumCircuit(p parts, d struct{ Psi *core.Array }) results {
	f := func(p parts) *core.Array {
		m := p.complex()
		h := m.Add(m.Conjugate().T()).MulScalar(0.1)
		term := d.Psi.Div(linalg.Norm(d.Psi)).AsType(core.Complex64)
		out := term
		for k := 1; k < 9; k++ {
			term = h.MatMul(term).Mul(core.Scalar(complex64(-1i))).DivScalar(float64(k))
			out = out.Add(term)
		}
		z := core.From([]float32{1, 1, -1, -1})
		return z.Mul(out.Real().Square().Add(out.Imag().Square())).Sum()
	}
	value, g := grad.ValueAndGrad(f)(p)
	return results{"value": value, "grad": g}
}

type factors struct{ Factor []*core.Array }

func tensorFactors(p factors, d struct{ T *core.Array }) results {
	f := func(p factors) *core.Array {
		return core.Einsum("ir,jr,kr->ijk", p.Factor...).Sub(d.T).Square().Sum().MulScalar(0.5)
	}
	value, g := grad.ValueAndGrad(f)(p)
	hessian := grad.Hessian(func(a *core.Array) *core.Array {
		return f(factors{[]*core.Array{a, p.Factor[1], p.Factor[2]}})
	})(p.Factor[0])
	return results{"value": value, "grad": g, "hessian": hessian}
}

// discountedReturns sums rewards backwards in time.
func discountedReturns(r *core.Array, d struct{ Y *core.Array }) results {
	f := func(r *core.Array) *core.Array {
		decay := r.AddScalar(2).Sigmoid().CumProd(0)
		returns := r.Mul(decay).CumSumWith(0, true, true).Div(decay)
		return returns.Sub(d.Y).Tanh().Sum()
	}
	return results{"value": f(r), "grad": grad.Of(f)(r), "hessian": grad.Hessian(f)(r)}
}
