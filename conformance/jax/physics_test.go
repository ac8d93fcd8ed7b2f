package jax

import (
	"math"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/fft"
	"github.com/adjoint-go/adjoint/core/linalg"
	"github.com/adjoint-go/adjoint/nn"
	"github.com/adjoint-go/adjoint/nn/loss"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

var physics = []twin{
	of("burgers", burgers), of("korteweg_de_vries", kortewegDeVries), of("heat", heat), of("poisson_network", poissonNetwork),
	of("neural_ode", neuralODE), of("double_pendulum", doublePendulum), of("lennard_jones", lennardJones),
	of("implicit_midpoint", implicitMidpoint), of("mean_field", meanField), of("hopfield", hopfield),
	of("quaternion", quaternion), of("bundle_adjustment", bundleAdjustment), of("n_body", nBody), of("spectral_wave", spectralWave),
}

// field is a network as a function of coordinates.
type field struct{ A, B, C nn.Linear }

func (f field) at(coordinates ...*core.Array) *core.Array {
	h := f.A.Forward(nil, core.Stack(-1, coordinates...)).Tanh()
	return f.C.Forward(nil, f.B.Forward(nil, h).Tanh()).Squeeze(-1)
}

// along is the derivative of an elementwise function.
func along(f func(*core.Array) *core.Array) func(*core.Array) *core.Array {
	return func(x *core.Array) *core.Array {
		_, df := grad.JVP(f, x, x.OnesLike())
		return df
	}
}

type events struct{ T, X *core.Array }

// u returns the field as a function of the place, and its derivative in time.
func (d events) u(p field) (u func(x *core.Array) *core.Array, ut *core.Array) {
	u = func(x *core.Array) *core.Array { return p.at(d.T, x) }
	return u, along(func(t *core.Array) *core.Array { return p.at(t, d.X) })(d.T)
}

// residuals are what a network that solves an equation has none of.
func residuals(p field, residual func(field) *core.Array) results {
	value, g := grad.ValueAndGrad(func(p field) *core.Array { return residual(p).Square().Mean() })(p)
	return results{"residual": residual(p), "value": value, "grad": g}
}

func burgers(p field, d events) results {
	return residuals(p, func(p field) *core.Array {
		u, ut := d.u(p)
		ux := along(u)
		return ut.Add(u(d.X).Mul(ux(d.X))).Sub(along(ux)(d.X).MulScalar(0.1))
	})
}

func kortewegDeVries(p field, d events) results {
	return residuals(p, func(p field) *core.Array {
		u, ut := d.u(p)
		ux := along(u)
		uxxx := along(along(ux))
		return ut.Add(u(d.X).Mul(ux(d.X)).MulScalar(6)).Add(uxxx(d.X))
	})
}

type rod struct{ LogK, U *core.Array }

func heat(p rod, d struct{ Y, V *core.Array }) results {
	f := func(p rod) *core.Array {
		k, u := p.LogK.Exp(), p.U
		for range 10 {
			flow := k.Mul(u.Roll(-1).Sub(u)).MulScalar(0.2)
			u = u.Add(flow).Sub(flow.Roll(1))
		}
		return u
	}
	_, pushed := grad.JVP(func(u *core.Array) *core.Array { return f(rod{p.LogK, u}) }, p.U, d.V)
	g := grad.Of(func(p rod) *core.Array { return f(p).Sub(d.Y).Square().Sum() })(p)
	return results{"u": f(p), "pushed": pushed, "grad": g}
}

func poissonNetwork(p field, d struct{ X *core.Array }) results {
	laplacian := func(p field, x *core.Array) *core.Array {
		return grad.Hessian(func(x *core.Array) *core.Array {
			s := x.Mul(x.RSubScalar(1)).Prod()
			return s.Mul(p.at(x.Index(0), x.Index(1)))
		})(x).Trace()
	}
	each := vmap.Of(laplacian, vmap.In(nil, 0))
	force := d.X.MulScalar(math.Pi).Sin().Prod(1).MulScalar(4)
	value, g := grad.ValueAndGrad(func(p field) *core.Array { return each(p, d.X).Add(force).Square().Mean() })(p)
	return results{"laplacian": each(p, d.X), "value": value, "grad": g}
}

type mlp struct{ A, B nn.Linear }

func (m mlp) forward(x *core.Array) *core.Array { return m.B.Forward(nil, m.A.Forward(nil, x).Tanh()) }

func neuralODE(p mlp, d struct{ X, Y *core.Array }) results {
	const h = 0.1
	f := func(p mlp) *core.Array {
		x := d.X
		for range 8 {
			k1 := p.forward(x)
			k2 := p.forward(x.Add(k1.MulScalar(h / 2)))
			k3 := p.forward(x.Add(k2.MulScalar(h / 2)))
			k4 := p.forward(x.Add(k3.MulScalar(h)))
			x = x.Add(k1.Add(k2.Add(k3).MulScalar(2)).Add(k4).MulScalar(h / 6))
		}
		return loss.MSE(x, d.Y, loss.Mean)
	}
	value, g := grad.ValueAndGrad(f)(p)
	return results{"value": value, "grad": g}
}

// doublePendulum solves the Euler-Lagrange equations for the accelerations.
func doublePendulum(p struct{ Q, V *core.Array }, d struct{ M *core.Array }) results {
	m1, m2 := d.M.Index(0), d.M.Index(1)
	lagrangian := func(q, v *core.Array) *core.Array {
		y := q.Cos().Neg().CumSum(0)
		swing := v.Prod().Mul(q.Index(0).Sub(q.Index(1)).Cos()).MulScalar(2)
		kinetic := m1.Mul(v.Index(0).Square()).Add(m2.Mul(v.Square().Sum().Add(swing))).MulScalar(0.5)
		return kinetic.Sub(d.M.Mul(y).Sum().MulScalar(9.81))
	}
	momentum := func(q, v *core.Array) *core.Array {
		return grad.Of(func(v *core.Array) *core.Array { return lagrangian(q, v) })(v)
	}
	acceleration := func(q, v *core.Array) *core.Array {
		mass := grad.Hessian(func(v *core.Array) *core.Array { return lagrangian(q, v) })(v)
		force := grad.Of(func(q *core.Array) *core.Array { return lagrangian(q, v) })(q)
		coriolis := grad.JacFwd(func(q *core.Array) *core.Array { return momentum(q, v) })(q)
		return linalg.Solve(mass, force.Sub(coriolis.MatMul(v)))
	}
	return results{
		"acceleration": acceleration(p.Q, p.V),
		"dq":           grad.JacRev(func(q *core.Array) *core.Array { return acceleration(q, p.V) })(p.Q),
		"dv":           grad.JacFwd(func(v *core.Array) *core.Array { return acceleration(p.Q, v) })(p.V),
	}
}

func lennardJones(x *core.Array, _ struct{}) results {
	energy := func(x *core.Array) *core.Array {
		i, j := core.Pick(0, 0, 0, 1, 1, 2), core.Pick(1, 2, 3, 2, 3, 3)
		r2 := x.At(i).Sub(x.At(j)).Square().Sum(-1)
		s := r2.PowScalar(-3)
		return s.Square().Sub(s).MulScalar(4).Sum()
	}
	return results{"energy": energy(x), "forces": grad.Of(energy)(x).Neg(), "hessian": grad.Hessian(energy)(x)}
}

type springs struct{ K, Q, V *core.Array }

func implicitMidpoint(p springs, d struct{ W *core.Array }) results {
	const h = 0.2
	f := func(p springs) *core.Array {
		force := func(q *core.Array) *core.Array { return p.K.Mul(q.Sin()).Add(q.PowScalar(3).MulScalar(0.1)).Neg() }
		q, v := p.Q, p.V
		for range 5 {
			qm, vm := q, v
			for range 8 {
				qm, vm = q.Add(vm.MulScalar(h/2)), v.Add(force(qm).MulScalar(h/2))
			}
			q, v = qm.MulScalar(2).Sub(q), vm.MulScalar(2).Sub(v)
		}
		return core.Concatenate(0, q, v)
	}
	g := grad.Of(func(p springs) *core.Array { return d.W.Mul(f(p)).Sum() })(p)
	return results{"state": f(p), "grad": g}
}

func meanField(h *core.Array, d struct{ J, W *core.Array }) results {
	m := func(h *core.Array) *core.Array {
		m := h.Tanh()
		for range 12 {
			m = h.Add(d.J.MatMul(m)).Tanh()
		}
		return m
	}
	f := func(h *core.Array) *core.Array { return d.W.Mul(m(h).Square()).Sum() }
	return results{"m": m(h), "response": grad.JacRev(m)(h), "hessian": grad.Hessian(f)(h)}
}

func hopfield(x *core.Array, d struct{ Patterns *core.Array }) results {
	energy := func(x *core.Array) *core.Array {
		return x.Square().Sum().Sub(d.Patterns.MatMul(x).MulScalar(2).LogSumExp()).MulScalar(0.5)
	}
	return results{"energy": energy(x), "grad": grad.Of(energy)(x), "hessian": grad.Hessian(energy)(x)}
}

func quaternion(p struct{ Omega, Q *core.Array }, d struct{ X *core.Array }) results {
	// The product with a quaternion that has no real part.
	turn := func(q, omega *core.Array) *core.Array {
		w, v := q.Index(0), q.Slice(0, 1, 4)
		return core.Concatenate(0,
			v.Inner(omega).Neg().ExpandDims(0),
			omega.Mul(w).Add(linalg.Cross(v, omega, 0)))
	}
	f := func(omega, q *core.Array) *core.Array {
		q = q.Div(linalg.Norm(q))
		for range 6 {
			q = q.Add(turn(q, omega).MulScalar(0.05))
			q = q.Div(linalg.Norm(q))
		}
		v := q.Slice(0, 1, 4).ExpandDims(0)
		t := linalg.Cross(v, d.X, 1).MulScalar(2)
		return d.X.Add(q.Index(0).Mul(t)).Add(linalg.Cross(v, t, 1))
	}
	return results{"x": f(p.Omega, p.Q), "jacobian": results{
		"omega": grad.JacFwd(func(omega *core.Array) *core.Array { return f(omega, p.Q) })(p.Omega),
		"q":     grad.JacFwd(func(q *core.Array) *core.Array { return f(p.Omega, q) })(p.Q),
	}}
}

// bundleAdjustment is a Gauss-Newton step for the pose of a camera.
func bundleAdjustment(pose *core.Array, d struct{ X, Y *core.Array }) results {
	residual := func(pose *core.Array) *core.Array {
		w, shift := pose.Slice(0, 0, 3), pose.Slice(0, 3, 6)
		angle := linalg.Norm(w)
		axis := w.Div(angle).ExpandDims(0)
		c, s := angle.Cos(), angle.Sin()
		along := axis.Mul(d.X.Mul(axis).SumKeep(1))
		x := d.X.Mul(c).Add(linalg.Cross(axis, d.X, 1).Mul(s)).Add(along.Mul(c.RSubScalar(1)))
		x = x.Add(shift).Add(core.From([]float32{0, 0, 5}))
		u := x.Slice(1, 0, 2).Div(x.Slice(1, 2, 3))
		u = u.Mul(u.Square().SumKeep(1).MulScalar(0.1).AddScalar(1))
		return u.Sub(d.Y).Flatten()
	}
	j := grad.JacFwd(residual)(pose)
	step := linalg.Solve(j.T().MatMul(j).Add(eye(6).MulScalar(0.01)), j.T().MatMul(residual(pose)))
	return results{"jacobian": j, "reverse": grad.JacRev(residual)(pose), "step": step}
}

type bodies struct{ Q, V *core.Array }

func nBody(p bodies, d struct{ M, TQ, TV *core.Array }) results {
	const h = 0.1
	m := d.M.ExpandDims(1)
	potential := func(q *core.Array) *core.Array {
		r2 := q.ExpandDims(1).Sub(q).Square().Sum(-1).AddScalar(0.1)
		pairs := m.Mul(d.M).Mul(eye(3).RSubScalar(1))
		return pairs.Mul(r2.Rsqrt()).Sum().MulScalar(-0.5)
	}
	kick := func(q, v *core.Array) *core.Array {
		return v.Sub(grad.Of(potential)(q).Div(m).MulScalar(h / 2))
	}
	flow := func(s bodies) bodies {
		for range 5 {
			v := kick(s.Q, s.V)
			q := s.Q.Add(v.MulScalar(h))
			s = bodies{q, kick(q, v)}
		}
		return s
	}
	end, pushed := grad.JVP(flow, p, bodies{d.TQ, d.TV})
	g := grad.Of(func(s bodies) *core.Array { return m.Mul(flow(s).V.Square()).Sum().MulScalar(0.5) })(p)
	return results{"end": end, "pushed": pushed, "grad": g}
}

type wave struct{ Speed, U *core.Array }

func spectralWave(p wave, d struct{ Y *core.Array }) results {
	f := func(p wave) *core.Array {
		k := core.Arange(core.Float32, 0, 9, 1)
		phase := p.Speed.Mul(k).Mul(core.Scalar(complex64(-1i))).Exp()
		damping := k.Square().MulScalar(-0.02).Exp()
		return fft.IRFFT(fft.RFFT(p.U).Mul(phase).Mul(damping))
	}
	g := grad.Of(func(p wave) *core.Array { return f(p).Sub(d.Y).Square().Sum() })(p)
	return results{"u": f(p), "grad": g}
}
