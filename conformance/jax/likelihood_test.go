package jax

import (
	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/linalg"
	"github.com/adjoint-go/adjoint/core/tree"
	"github.com/adjoint-go/adjoint/nn"
	"github.com/adjoint-go/adjoint/nn/loss"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

var likelihoods = []twin{
	of("logistic_regression", logisticRegression), of("poisson_regression", poissonRegression),
	of("negative_binomial", negativeBinomial), of("softmax_regression", softmaxRegression),
	of("gaussian_process", gaussianProcess), of("variational_autoencoder", variationalAutoencoder),
	of("gaussian_mixture", gaussianMixture), of("cox_regression", coxRegression),
	of("coupling_flow", couplingFlow), of("residual_flow", residualFlow),
}

// hessian is the Hessian of a function of a tree, over its arrays end to end.
func hessian[P any](f func(P) *core.Array, p P) *core.Array {
	flat, unravel := tree.Ravel(p)
	return grad.Hessian(func(v *core.Array) *core.Array { return f(unravel(v)) })(flat)
}

type classifier struct{ B, W *core.Array }

func logisticRegression(p classifier, d labelled) results {
	f := func(p classifier) *core.Array {
		z := d.X.MatMul(p.W).Add(p.B)
		return loss.BinaryCrossEntropyLogits(z, d.Y, loss.Mean).Add(p.W.Square().Sum().MulScalar(0.01))
	}
	value, g := grad.ValueAndGrad(f)(p)
	return results{"value": value, "grad": g, "hessian": hessian(f, p)}
}

func poissonRegression(w *core.Array, d labelled) results {
	f := func(w *core.Array) *core.Array {
		eta := d.X.MatMul(w)
		return eta.Exp().Sub(d.Y.Mul(eta)).Sum()
	}
	return results{"value": f(w), "grad": grad.Of(f)(w), "hessian": grad.Hessian(f)(w)}
}

type overdispersed struct{ LogR, W *core.Array }

func negativeBinomial(p overdispersed, d labelled) results {
	f := func(p overdispersed) *core.Array {
		// log Γ(y + r)/Γ(r) is the sum of log(r + k) over k < y.
		r, mu := p.LogR.Exp(), d.X.MatMul(p.W).Exp()
		k := core.Arange(core.Float32, 0, 12, 1)
		ratio := core.Where(k.Less(d.Y.ExpandDims(1)), r.Add(k).Log(), core.Scalar(float32(0))).Sum(1)
		total := r.Add(mu)
		return ratio.Add(r.Mul(r.Div(total).Log())).Add(d.Y.Mul(mu.Div(total).Log())).Sum().Neg()
	}
	value, g := grad.ValueAndGrad(f)(p)
	return results{"value": value, "grad": g, "hessian": hessian(f, p)}
}

func softmaxRegression(w *core.Array, d struct{ X, Y, V *core.Array }) results {
	f := func(w *core.Array) *core.Array { return loss.CrossEntropy(d.X.MatMul(w.T()), d.Y, loss.Mean) }
	return results{"value": f(w), "grad": grad.Of(f)(w), "hessian": grad.Hessian(f)(w), "hvp": grad.HVP(f)(w, d.V)}
}

func gaussianProcess(theta *core.Array, d labelled) results {
	f := func(theta *core.Array) *core.Array {
		t := theta.Exp().Unstack(0)
		scale, length, noise := t[0], t[1], t[2]
		r2 := d.X.ExpandDims(1).Sub(d.X).Square().Sum(-1)
		k := scale.Mul(r2.Div(length.Square()).MulScalar(-0.5).Exp()).Add(noise.AddScalar(0.1).Mul(eye(9)))
		l := linalg.Cholesky(k)
		z := linalg.SolveTriangular(l, d.Y, false)
		return z.Inner(z).MulScalar(0.5).Add(diag(l).Log().Sum())
	}
	return results{"value": f(theta), "grad": grad.Of(f)(theta), "hessian": grad.Hessian(f)(theta)}
}

type autoencoder struct{ Encoder, Mean, LogVar, Decoder nn.Linear }

func variationalAutoencoder(p autoencoder, d struct{ X, Eps *core.Array }) results {
	f := func(p autoencoder) *core.Array {
		h := p.Encoder.Forward(nil, d.X).Tanh()
		mean, logvar := p.Mean.Forward(nil, h), p.LogVar.Forward(nil, h)
		z := mean.Add(logvar.MulScalar(0.5).Exp().Mul(d.Eps))
		fit := loss.BinaryCrossEntropyLogits(p.Decoder.Forward(nil, z), d.X, loss.Sum)
		kl := logvar.AddScalar(1).Sub(mean.Square()).Sub(logvar.Exp()).Sum().MulScalar(-0.5)
		return fit.Add(kl).DivScalar(7)
	}
	value, g := grad.ValueAndGrad(f)(p)
	return results{"value": value, "grad": g}
}

type mixture struct{ Logits, Mean, Raw *core.Array }

func gaussianMixture(p mixture, d struct{ X *core.Array }) results {
	f := func(p mixture) *core.Array {
		z := d.X.ExpandDims(1).Sub(p.Mean).Mul(p.Raw.Neg().Exp())
		each := z.Square().Sum(-1).MulScalar(-0.5).Sub(p.Raw.Sum(-1))
		return nn.LogSoftmax(p.Logits).Add(each).LogSumExp(-1).Sum().Neg()
	}
	value, g := grad.ValueAndGrad(f)(p)
	return results{"value": value, "grad": g, "hessian": hessian(f, p)}
}

func coxRegression(w *core.Array, d struct{ X, Event *core.Array }) results {
	f := func(w *core.Array) *core.Array {
		// Rows are in falling order of time: the risk set of a row is what came before.
		eta := d.X.MatMul(w)
		return d.Event.Mul(eta.Sub(eta.LogCumSumExp(0))).Sum().Neg()
	}
	return results{"value": f(w), "grad": grad.Of(f)(w), "hessian": grad.Hessian(f)(w)}
}

type coupling struct{ S, T []nn.Linear }

func couplingFlow(p coupling, d struct{ X *core.Array }) results {
	net := func(layers []nn.Linear, x *core.Array) *core.Array { return mlp{layers[0], layers[1]}.forward(x) }
	f := func(p coupling) *core.Array {
		halves := d.X.Split(2, 1)
		a, b := halves[0], halves[1]
		total := core.Zeros(core.Float32, 9)
		for range 2 {
			s := net(p.S, a).Tanh()
			a, b = b.Mul(s.Exp()).Add(net(p.T, a)), a
			total = total.Add(s.Sum(-1))
		}
		return a.Square().Add(b.Square()).Sum(-1).MulScalar(0.5).Sub(total).Mean()
	}
	value, g := grad.ValueAndGrad(f)(p)
	return results{"value": value, "grad": g}
}

// residualFlow is the density of a flow whose Jacobian is computed, not known.
func residualFlow(p mlp, d struct{ X *core.Array }) results {
	nll := func(p mlp, x *core.Array) *core.Array {
		step := func(x *core.Array) *core.Array { return x.Add(p.forward(x).MulScalar(0.3)) }
		_, logdet := linalg.SlogDet(grad.JacFwd(step)(x))
		return step(x).Square().Sum().MulScalar(0.5).Sub(logdet)
	}
	f := func(p mlp) *core.Array { return vmap.Of(nll, vmap.In(nil, 0))(p, d.X).Mean() }
	value, g := grad.ValueAndGrad(f)(p)
	return results{"value": value, "grad": g}
}
