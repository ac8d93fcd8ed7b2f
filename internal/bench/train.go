package bench

import (
	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/tree"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
)

// batch is what a network is trained on: images or vectors, and their classes.
type batch struct{ X, Y *core.Array }

// adam is the state of the Adam optimizer for parameters P.
type adam[P any] struct {
	T    *core.Array // steps done
	M, V P
}

// state is what one training step hands to the next.
type state[P any] struct {
	Params P
	Opt    adam[P] // absent with plain gradient descent
}

// training is a job whose step is one compiled update of params. next returns
// the state that follows when the gradient is g.
func training[P any](params P, opt adam[P], data batch, loss func(P, batch) *core.Array, next func(s state[P], g P) state[P]) job {
	vag := grad.ValueAndGrad2(loss)
	update := compile.Of(func(s state[P], d batch) (*core.Array, state[P]) {
		l, g := vag(s.Params, d)
		return l, next(s, g)
	})
	now := state[P]{params, opt}
	var l *core.Array
	first := true
	return steps{
		step: func() {
			old, oldLoss := now, l
			l, now = update.Call(now, data)
			// What is freed before the step runs can lend its memory to the results.
			oldLoss.Free()
			if !first {
				core.Free(old)
			}
			first = false
			core.AsyncEval(l, now)
		},
		wait:  func() { core.Eval(l, now) },
		value: func() []float64 { return []float64{l.Item()} },
	}
}

// sgd is gradient descent at rate 0.1.
func sgd[P any](s state[P], g P) state[P] {
	s.Params = tree.Map2(s.Params, g, func(p, g *core.Array) *core.Array { return p.Sub(g.MulScalar(0.1)) })
	return s
}

// Adam's constants, and the rate and decay of AdamW.
const (
	adamRate = 1e-3
	wRate    = 3e-4
	wDecay   = 0.01
	beta1    = 0.9
	beta2    = 0.999
	adamEps  = 1e-8
)

func newAdam[P any](params P) adam[P] {
	zeros := func(p *core.Array) *core.Array { return core.Zeros(core.Float32, p.Shape()...).Eval() }
	return adam[P]{core.Scalar[float32](0), tree.Map(params, zeros), tree.Map(params, zeros)}
}

// adamStep is Adam with bias correction.
func adamStep[P any](s state[P], g P) state[P] { return adamRated(s, g, adamRate, 0) }

// adamWStep is Adam that lets every parameter decay.
func adamWStep[P any](s state[P], g P) state[P] { return adamRated(s, g, wRate, wDecay) }

func adamRated[P any](s state[P], g P, rate, decay float64) state[P] {
	t := s.Opt.T.AddScalar(1)
	m := tree.Map2(s.Opt.M, g, func(m, g *core.Array) *core.Array {
		return m.MulScalar(beta1).Add(g.MulScalar(1 - beta1))
	})
	v := tree.Map2(s.Opt.V, g, func(v, g *core.Array) *core.Array {
		return v.MulScalar(beta2).Add(g.Square().MulScalar(1 - beta2))
	})
	// The corrections are scalars: lr·m̂/(√v̂+ε) = scale·m/(√v+eps).
	root := t.RPowScalar(beta2).RSubScalar(1).Sqrt()
	scale := t.RPowScalar(beta1).RSubScalar(1).RDivScalar(rate).Mul(root)
	eps := root.MulScalar(adamEps)
	move := tree.Map2(m, v, func(m, v *core.Array) *core.Array {
		return scale.Mul(m).Div(v.Sqrt().Add(eps))
	})
	params := tree.Map2(s.Params, move, func(p, d *core.Array) *core.Array {
		if decay != 0 {
			p = p.MulScalar(1 - rate*decay)
		}
		return p.Sub(d)
	})
	return state[P]{params, adam[P]{t, m, v}}
}

// crossEntropy is the mean over the batch of -log softmax at the class y.
func crossEntropy(logits, y *core.Array) *core.Array {
	of := logits.TakeAlongAxis(y.ExpandDims(1), 1)
	return logits.LogSumExpKeep(1).Sub(of).Mean()
}
