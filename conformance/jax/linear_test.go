package jax

import (
	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/linalg"
	"github.com/adjoint-go/adjoint/transforms/grad"
)

var linear = []twin{

	of("power_iteration", powerIteration), of("newton_schulz", newtonSchulz), of("tensor_network", tensorNetwork),
}

func eye(n int) *core.Array { return core.Identity(core.Float32, n) }

func diag(a *core.Array) *core.Array { return a.Diagonal(0, 0, 1) }

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
