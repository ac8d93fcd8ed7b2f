package jax

import (
	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/linalg"
	"github.com/adjoint-go/adjoint/nn"
	"github.com/adjoint-go/adjoint/nn/loss"
	"github.com/adjoint-go/adjoint/transforms/flow"
	"github.com/adjoint-go/adjoint/transforms/grad"
)

var sequences = []twin{
	of("rnn", rnn), of("lstm", lstm), of("gru", gru), of("hidden_markov", hiddenMarkov), of("kalman_filter", kalmanFilter),
	of("soft_dtw", softDTW), of("conditional_random_field", conditionalRandomField),
	of("discrete_survival", discreteSurvival), of("exponential_smoothing", exponentialSmoothing), of("ctc", ctc),
}

// cell holds the weights of a recurrent cell, its gates one below the other.
type cell struct{ WX, WH, B *core.Array }

func (c cell) input(x *core.Array) *core.Array { return x.MatMul(c.WX.T()).Add(c.B) }

func (c cell) hidden(h *core.Array) *core.Array { return h.MatMul(c.WH.T()) }

type readout struct {
	Cell cell
	Out  nn.Linear
}

func rnn(p readout, d struct{ X, Y *core.Array }) results {
	f := func(p readout) *core.Array {
		h := core.Zeros(core.Float32, 2, 4)
		var hs []*core.Array
		for _, x := range d.X.Unstack(0) {
			h = p.Cell.input(x).Add(p.Cell.hidden(h)).Tanh()
			hs = append(hs, h)
		}
		return loss.MSE(p.Out.Forward(nil, core.Stack(0, hs...)), d.Y, loss.Mean)
	}
	value, g := grad.ValueAndGrad(f)(p)
	return results{"value": value, "grad": g}
}

type memory struct{ H, C *core.Array }

func lstm(p readout, d struct{ X, Y *core.Array }) results {
	f := func(p readout) *core.Array {
		step := func(m memory, x *core.Array) (memory, struct{}) {
			gates := p.Cell.input(x).Add(p.Cell.hidden(m.H)).Split(4, -1)
			c := gates[1].Sigmoid().Mul(m.C).Add(gates[0].Sigmoid().Mul(gates[2].Tanh()))
			return memory{gates[3].Sigmoid().Mul(c.Tanh()), c}, struct{}{}
		}
		zero := core.Zeros(core.Float32, 2, 4)
		last, _ := flow.Scan(step, memory{zero, zero}, d.X)
		return loss.MSE(p.Out.Forward(nil, last.H), d.Y, loss.Mean)
	}
	value, g := grad.ValueAndGrad(f)(p)
	return results{"value": value, "grad": g}
}

type gatedCell struct {
	Cell cell
	H    *core.Array
}

func gru(p gatedCell, d struct{ X, W *core.Array }) results {
	f := func(p gatedCell) *core.Array {
		step := func(h, x *core.Array) (*core.Array, *core.Array) {
			in, from := p.Cell.input(x).Split(3, -1), p.Cell.hidden(h).Split(3, -1)
			r, z := in[0].Add(from[0]).Sigmoid(), in[1].Add(from[1]).Sigmoid()
			n := in[2].Add(r.Mul(from[2])).Tanh()
			h = z.RSubScalar(1).Mul(n).Add(z.Mul(h))
			return h, h
		}
		_, hs := flow.Scan(step, p.H, d.X)
		return d.W.Mul(hs).Sum()
	}
	value, g := grad.ValueAndGrad(f)(p)
	return results{"value": value, "grad": g}
}

type markov struct{ Emission, Start, Transition *core.Array }

func hiddenMarkov(p markov, d struct{ X *core.Array }) results {
	f := func(p markov) *core.Array {
		t := nn.LogSoftmax(p.Transition)
		seen := nn.LogSoftmax(p.Emission).Take(d.X, 1).Unstack(1)
		alpha := nn.LogSoftmax(p.Start).Add(seen[0])
		for _, e := range seen[1:] {
			alpha = alpha.ExpandDims(1).Add(t).LogSumExp(0).Add(e)
		}
		return alpha.LogSumExp()
	}
	value, g := grad.ValueAndGrad(f)(p)
	hessian := grad.Hessian(func(t *core.Array) *core.Array { return f(markov{p.Emission, p.Start, t}) })(p.Transition)
	return results{"value": value, "grad": g, "hessian": hessian}
}

type stateSpace struct{ A, LogQ, LogR *core.Array }

type belief struct{ Mean, Cov *core.Array }

func kalmanFilter(p stateSpace, d struct{ C, Y *core.Array }) results {
	f := func(p stateSpace) *core.Array {
		q, r := p.LogQ.Exp().Diag(0), p.LogR.Exp().Diag(0)
		step := func(b belief, y *core.Array) (belief, *core.Array) {
			m, cov := p.A.MatMul(b.Mean), p.A.MatMul(b.Cov).MatMul(p.A.T()).Add(q)
			s := d.C.MatMul(cov).MatMul(d.C.T()).Add(r)
			e := y.Sub(d.C.MatMul(m))
			gain := linalg.Solve(s, d.C.MatMul(cov)).T()
			_, logdet := linalg.SlogDet(s)
			nll := e.Inner(linalg.Solve(s, e)).Add(logdet).MulScalar(0.5)
			return belief{m.Add(gain.MatMul(e)), cov.Sub(gain.MatMul(d.C).MatMul(cov))}, nll
		}
		_, nll := flow.Scan(step, belief{core.Zeros(core.Float32, 3), eye(3)}, d.Y)
		return nll.Sum()
	}
	value, g := grad.ValueAndGrad(f)(p)
	hessian := grad.Hessian(func(q *core.Array) *core.Array { return f(stateSpace{p.A, q, p.LogR}) })(p.LogQ)
	return results{"value": value, "grad": g, "hessian": hessian}
}

func softDTW(p struct{ X, Y *core.Array }, _ struct{}) results {
	const gamma = 0.5
	f := func(p struct{ X, Y *core.Array }) *core.Array {
		cost := p.X.ExpandDims(1).Sub(p.Y).Square().Sum(-1)
		row := cost.Index(0).CumSum(0).Unstack(0)
		for i := 1; i < 5; i++ {
			c := cost.Index(i).Unstack(0)
			next := []*core.Array{row[0].Add(c[0])}
			for j := 1; j < 6; j++ {
				before := core.Stack(0, row[j-1], row[j], next[j-1])
				next = append(next, c[j].Sub(before.DivScalar(-gamma).LogSumExp().MulScalar(gamma)))
			}
			row = next
		}
		return row[5]
	}
	value, g := grad.ValueAndGrad(f)(p)
	return results{"value": value, "grad": g}
}

type chain struct{ Emission, Transition *core.Array }

func conditionalRandomField(p chain, d struct{ Y *core.Array }) results {
	f := func(p chain) *core.Array {
		step := func(alpha, e *core.Array) (*core.Array, struct{}) {
			return alpha.ExpandDims(1).Add(p.Transition).LogSumExp(0).Add(e), struct{}{}
		}
		alpha, _ := flow.Scan(step, p.Emission.Index(0), p.Emission.Slice(0, 1, 7))
		score := p.Emission.TakeAlongAxis(d.Y.ExpandDims(1), 1).Sum()
		steps := p.Transition.At(d.Y.Slice(0, 0, -1), d.Y.Slice(0, 1, 7))
		return alpha.LogSumExp().Sub(score).Sub(steps.Sum())
	}
	value, g := grad.ValueAndGrad(f)(p)
	fisher := grad.Hessian(func(t *core.Array) *core.Array { return f(chain{p.Emission, t}) })(p.Transition)
	return results{"value": value, "grad": g, "fisher": fisher}
}

type hazards struct{ Logits *core.Array }

func discreteSurvival(p hazards, d struct{ Event, At *core.Array }) results {
	f := func(p hazards) *core.Array {
		hazard := p.Logits.Sigmoid()
		safe := hazard.RSubScalar(1)
		alive, before := safe.CumProd(1), safe.CumProdWith(1, false, false)
		at := func(a *core.Array) *core.Array { return a.TakeAlongAxis(d.At.ExpandDims(1), 1).Squeeze(1) }
		likelihood := d.Event.Mul(at(before.Mul(hazard))).Add(d.Event.RSubScalar(1).Mul(at(alive)))
		return likelihood.Log().Sum().Neg()
	}
	value, g := grad.ValueAndGrad(f)(p)
	hessian := grad.Hessian(func(x *core.Array) *core.Array { return f(hazards{x.Reshape(6, 5)}) })(p.Logits.Flatten())
	return results{"value": value, "grad": g, "curvature": diag(hessian)}
}

type trend struct{ Level, Slope *core.Array }

func exponentialSmoothing(x *core.Array, d struct{ Y *core.Array }) results {
	f := func(x *core.Array) *core.Array {
		s := x.Sigmoid().Unstack(0)
		alpha, beta, phi := s[0], s[1], s[2]
		step := func(t trend, y *core.Array) (trend, *core.Array) {
			damped := phi.Mul(t.Slope)
			e := y.Sub(t.Level).Sub(damped)
			return trend{t.Level.Add(damped).Add(alpha.Mul(e)), damped.Add(beta.Mul(e))}, e
		}
		first := trend{d.Y.Index(0), d.Y.Index(1).Sub(d.Y.Index(0))}
		_, errors := flow.Scan(step, first, d.Y.Slice(0, 2, 20))
		return errors.Square().Mean()
	}
	return results{"value": f(x), "grad": grad.Of(f)(x), "hessian": grad.Hessian(f)(x)}
}

type frames struct{ Logits *core.Array }

// ctc sums over all alignments of 3 labels with 8 frames; 0 is the blank.
func ctc(p frames, d struct{ Label *core.Array }) results {
	f := func(p frames) *core.Array {
		path := core.Zeros(core.Int32, 7).AtSet(d.Label, core.Range(1, core.Open).By(2))
		late, early := path.Slice(0, 2, 7), path.Slice(0, 0, 5)
		skip := core.Concatenate(0, core.Zeros(core.Bool, 2), late.NotEqualScalar(0).LogicalAnd(late.NotEqual(early)))
		low := func(n int) *core.Array { return core.Full(core.Float32, -1e5, n) }
		ys := nn.LogSoftmax(p.Logits).Take(path, 1).Unstack(0)
		alpha := core.Concatenate(0, ys[0].Slice(0, 0, 2), low(5))
		for _, y := range ys[1:] {
			one := core.Concatenate(0, low(1), alpha.Slice(0, 0, 6))
			two := core.Where(skip, core.Concatenate(0, low(2), alpha.Slice(0, 0, 5)), low(7))
			alpha = core.Stack(0, alpha, one, two).LogSumExp(0).Add(y)
		}
		return alpha.Slice(0, 5, 7).LogSumExp().Neg()
	}
	value, g := grad.ValueAndGrad(f)(p)
	return results{"value": value, "grad": g}
}
