package optim

import "github.com/adjoint-go/adjoint/core"

// RMSprop divides the gradient by the root of the mean of its past squares.
// Source: Tieleman and Hinton 2012.
type RMSprop struct {
	LR       float64
	Schedule Schedule // in place of LR
	Alpha    float64  // decay of the mean, in [0, 1); 0 is 0.99
	Eps      float64  // added to the root; 0 is 1e-8
}

// Slots is 1: the mean of g².
func (RMSprop) Slots() int { return 1 }

// Init returns zeros.
func (r RMSprop) Init(p *core.Array) []*core.Array {
	const op = "optim.RMSprop"
	checkRate(op, r.LR, r.Schedule)
	checkShare(op, "alpha", r.Alpha)
	checkSize(op, "eps", r.Eps)
	return zeros(1, p)
}

// Step moves p.
func (r RMSprop) Step(t, p, g *core.Array, slots []*core.Array) (*core.Array, []*core.Array) {
	v := average(slots[0], g.Square(), or(r.Alpha, 0.99))
	along := g.Div(v.Sqrt().AddScalar(or(r.Eps, 1e-8)))
	return p.Sub(scaled("optim.RMSprop", along, t, r.LR, r.Schedule)), []*core.Array{v}
}

// Adagrad divides the gradient by the root of the sum of its past squares.
// Source: Duchi et al. 2011.
type Adagrad struct {
	LR       float64
	Schedule Schedule // in place of LR
	Eps      float64  // added to the root; 0 is 1e-8
}

// Slots is 1: the sum of g².
func (Adagrad) Slots() int { return 1 }

// Init returns zeros.
func (r Adagrad) Init(p *core.Array) []*core.Array {
	const op = "optim.Adagrad"
	checkRate(op, r.LR, r.Schedule)
	checkSize(op, "eps", r.Eps)
	return zeros(1, p)
}

// Step moves p.
func (r Adagrad) Step(t, p, g *core.Array, slots []*core.Array) (*core.Array, []*core.Array) {
	v := slots[0].Add(g.Square())
	along := g.Div(v.Sqrt().AddScalar(or(r.Eps, 1e-8)))
	return p.Sub(scaled("optim.Adagrad", along, t, r.LR, r.Schedule)), []*core.Array{v}
}

// Lion steps along the sign of a mean of gradients. Its learning rate is best 3
// to 10 times smaller than AdamW's, and its weight decay larger by as much.
// Source: Chen et al. 2023.
type Lion struct {
	LR          float64
	Schedule    Schedule   // in place of LR
	Betas       [2]float64 // weight of the past in the step and in the mean, in [0, 1); both 0 is 0.9 and 0.99
	WeightDecay float64    // shrinks p by this share of the learning rate
}

// Slots is 1: the mean of g.
func (Lion) Slots() int { return 1 }

// Init returns zeros.
func (r Lion) Init(p *core.Array) []*core.Array {
	const op = "optim.Lion"
	checkRate(op, r.LR, r.Schedule)
	checkShare(op, "beta", r.Betas[0])
	checkShare(op, "beta", r.Betas[1])
	checkSize(op, "weight decay", r.WeightDecay)
	return zeros(1, p)
}

// Step moves p.
func (r Lion) Step(t, p, g *core.Array, slots []*core.Array) (*core.Array, []*core.Array) {
	b := betas(r.Betas, 0.99)
	along := average(slots[0], g, b[0]).Sign()
	if r.WeightDecay != 0 {
		along = along.Add(p.MulScalar(r.WeightDecay))
	}
	m := average(slots[0], g, b[1])
	return p.Sub(scaled("optim.Lion", along, t, r.LR, r.Schedule)), []*core.Array{m}
}
