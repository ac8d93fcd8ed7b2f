package jax

import (
	"math"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/linalg"
	"github.com/adjoint-go/adjoint/core/tree"
	"github.com/adjoint-go/adjoint/nn/loss"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

var learning = []twin{
	of("contrastive", contrastive), of("triplet", triplet), of("sinkhorn", sinkhorn), of("page_rank", pageRank),
	of("per_example", perExample), of("meta_learning", metaLearning), of("rosenbrock", rosenbrock),
	of("gradient_penalty", gradientPenalty), of("ridge_hypergradient", ridgeHypergradient), of("black_scholes", blackScholes),
}

func contrastive(p struct{ X, Y *core.Array }, d struct{ T *core.Array }) results {
	f := func(p struct{ X, Y *core.Array }) *core.Array {
		x, y := p.X.Div(linalg.NormKeep(p.X, -1)), p.Y.Div(linalg.NormKeep(p.Y, -1))
		s := x.MatMul(y.T()).Div(d.T)
		right := core.Arange(core.Int32, 0, 5, 1)
		both := loss.CrossEntropy(s, right, loss.Mean).Add(loss.CrossEntropy(s.T(), right, loss.Mean))
		return both.DivScalar(2)
	}
	value, g := grad.ValueAndGrad(f)(p)
	return results{"value": value, "grad": g}
}

func triplet(p mlp, d struct{ X *core.Array }) results {
	f := func(p mlp) *core.Array {
		z := p.forward(d.X).Unstack(0)
		return loss.Triplet(z[0], z[1], z[2], 1, loss.Mean)
	}
	value, g := grad.ValueAndGrad(f)(p)
	return results{"value": value, "grad": g}
}

func sinkhorn(x *core.Array, d struct{ Y, A, B *core.Array }) results {
	const eps = 0.8
	f := func(x *core.Array) *core.Array {
		cost := x.ExpandDims(1).Sub(d.Y).Square().Sum(-1)
		u, v := core.Zeros(core.Float32, 6), core.Zeros(core.Float32, 5)
		for range 20 {
			u = d.A.Log().Sub(v.Sub(cost).DivScalar(eps).LogSumExp(1)).MulScalar(eps)
			v = d.B.Log().Sub(u.ExpandDims(1).Sub(cost).DivScalar(eps).LogSumExp(0)).MulScalar(eps)
		}
		plan := u.ExpandDims(1).Add(v).Sub(cost).DivScalar(eps).Exp()
		return plan.Mul(cost).Sum()
	}
	return results{"value": f(x), "grad": grad.Of(f)(x)}
}

func pageRank(links *core.Array, d struct{ W *core.Array }) results {
	rank := func(links *core.Array) *core.Array {
		m := links.Softmax(0).MulScalar(0.85).AddScalar(0.15 / 7)
		r := core.Full(core.Float32, 1.0/7, 7)
		for range 15 {
			r = m.MatMul(r)
		}
		return r
	}
	f := func(links *core.Array) *core.Array { return d.W.Mul(rank(links).Log()).Sum() }
	return results{"rank": rank(links), "value": f(links), "grad": grad.Of(f)(links)}
}

// perExample clips the gradient of each example, as differential privacy wants it.
func perExample(p mlp, d labelled) results {
	f := func(p mlp, e labelled) *core.Array { return loss.MSE(p.forward(e.X), e.Y, loss.Sum) }
	each := vmap.Of(grad.Of2(f), vmap.In(nil, 0))(p, d)
	squares := tree.Reduce(each, core.Zeros(core.Float32, 6), func(s, g *core.Array) *core.Array {
		return s.Add(g.Reshape(6, -1).Square().Sum(1))
	})
	size := squares.Sqrt()
	factor := size.RDivScalar(2).MinimumScalar(1)
	clipped := tree.Map(each, func(g *core.Array) *core.Array { return core.TensorDotLast(factor, g, 1) })
	return results{"each": each, "size": size, "clipped": clipped}
}

func metaLearning(p mlp, d struct{ X, Y, TX, TY *core.Array }) results {
	inner := func(p mlp, e labelled) *core.Array { return loss.MSE(p.forward(e.X), e.Y, loss.Mean) }
	task := func(p mlp, train, test labelled) *core.Array {
		for range 2 {
			g := grad.Of2(inner)(p, train)
			p = tree.Map2(p, g, func(w, g *core.Array) *core.Array { return w.Sub(g.MulScalar(0.1)) })
		}
		return inner(p, test)
	}
	f := func(p mlp) *core.Array {
		return vmap.Of(task, vmap.In(nil, 0, 0))(p, labelled{d.X, d.Y}, labelled{d.TX, d.TY}).Mean()
	}
	value, g := grad.ValueAndGrad(f)(p)
	return results{"value": value, "grad": g}
}

func rosenbrock(x *core.Array, _ struct{}) results {
	f := func(x *core.Array) *core.Array {
		a, b := x.Slice(0, 0, 5), x.Slice(0, 1, 6)
		return b.Sub(a.Square()).Square().MulScalar(10).Add(a.RSubScalar(1).Square()).Sum()
	}
	return results{"value": f(x), "grad": grad.Of(f)(x), "hessian": grad.Hessian(f)(x), "third": grad.JacFwd(grad.Hessian(f))(x)}
}

func gradientPenalty(p mlp, d struct{ X *core.Array }) results {
	f := func(p mlp) *core.Array {
		slope := grad.Of(func(x *core.Array) *core.Array { return p.forward(x).Squeeze(-1) })
		return linalg.Norm(vmap.Of(slope)(d.X), -1).SubScalar(1).Square().Mean()
	}
	value, g := grad.ValueAndGrad(f)(p)
	return results{"value": value, "grad": g}
}

func ridgeHypergradient(logLambda *core.Array, d struct{ X, Y, VX, VY *core.Array }) results {
	f := func(logLambda *core.Array) *core.Array {
		xt := d.X.T()
		w := linalg.Solve(xt.MatMul(d.X).Add(logLambda.Exp().Mul(eye(4))), xt.MatMul(d.Y))
		return loss.MSE(d.VX.MatMul(w), d.VY, loss.Mean)
	}
	return results{"value": f(logLambda), "grad": grad.Of(f)(logLambda), "second": grad.Hessian(f)(logLambda)}
}

type option struct{ Spot, Vol, Strike, Time *core.Array }

func (o option) price() *core.Array {
	cdf := func(x *core.Array) *core.Array { return x.DivScalar(math.Sqrt2).Erf().AddScalar(1).MulScalar(0.5) }
	spread := o.Vol.Mul(o.Time.Sqrt())
	drift := o.Vol.Square().DivScalar(2).AddScalar(0.02).Mul(o.Time)
	d1 := o.Spot.Div(o.Strike).Log().Add(drift).Div(spread)
	discount := o.Time.MulScalar(-0.02).Exp()
	return o.Spot.Mul(cdf(d1)).Sub(o.Strike.Mul(discount).Mul(cdf(d1.Sub(spread))))
}

func blackScholes(p struct{ Spot, Vol *core.Array }, d struct{ Strike, Time *core.Array }) results {
	type greek = func(option) *core.Array
	bySpot := func(f greek) greek { return func(o option) *core.Array { return grad.Of(f)(o).Spot } }
	byVol := func(f greek) greek { return func(o option) *core.Array { return grad.Of(f)(o).Vol } }
	delta := bySpot(option.price)
	gamma := bySpot(delta)
	greeks := map[string]greek{
		"price": option.price, "delta": delta, "gamma": gamma, "speed": bySpot(gamma),
		"vega": byVol(option.price), "vanna": byVol(delta),
		"theta": func(o option) *core.Array { return grad.Of(option.price)(o).Time },
	}
	r := results{}
	for name, f := range greeks {
		r[name] = vmap.Of(f)(option{p.Spot, p.Vol, d.Strike, d.Time})
	}
	return r
}
