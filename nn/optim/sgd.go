package optim

import "github.com/adjoint-go/adjoint/core"

// SGD is stochastic gradient descent: v ← μ·v + (1 − τ)·g, p ← p − lr·v with
// momentum μ and dampening τ; v starts at 0.
type SGD struct {
	LR          float64
	Schedule    Schedule // in place of LR
	Momentum    float64  // in [0, 1)
	Dampening   float64  // in [0, 1)
	Nesterov    bool     // step along g + μ·v; needs a momentum, and no dampening
	WeightDecay float64  // adds this share of p to g
}

// Slots is 1 with momentum: v.
func (r SGD) Slots() int {
	if r.Momentum == 0 {
		return 0
	}
	return 1
}

// Init returns zeros.
func (r SGD) Init(p *core.Array) []*core.Array {
	const op = "optim.SGD"
	checkRate(op, r.LR, r.Schedule)
	checkShare(op, "momentum", r.Momentum)
	checkShare(op, "dampening", r.Dampening)
	checkSize(op, "weight decay", r.WeightDecay)
	if r.Nesterov && (r.Momentum == 0 || r.Dampening != 0) {
		core.Failf(op, "Nesterov's step needs a momentum and no dampening")
	}
	return zeros(r.Slots(), p)
}

// Step moves p.
func (r SGD) Step(t, p, g *core.Array, slots []*core.Array) (*core.Array, []*core.Array) {
	const op = "optim.SGD"
	if r.WeightDecay != 0 {
		g = g.Add(p.MulScalar(r.WeightDecay))
	}
	if r.Momentum == 0 {
		return p.Sub(scaled(op, g, t, r.LR, r.Schedule)), nil
	}
	v := slots[0].MulScalar(r.Momentum).Add(g.MulScalar(1 - r.Dampening))
	along := v
	if r.Nesterov {
		along = g.Add(v.MulScalar(r.Momentum))
	}
	return p.Sub(scaled(op, along, t, r.LR, r.Schedule)), []*core.Array{v}
}
