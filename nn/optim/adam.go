package optim

import (
	"math"

	"github.com/adjoint-go/adjoint/core"
)

// Adam steps along the mean of past gradients divided by the root of the mean of
// their squares. Both means are corrected for starting at 0, as PyTorch does and
// MLX does when asked. Source: Kingma and Ba 2015.
type Adam struct {
	LR               float64
	Schedule         Schedule   // in place of LR
	Betas            [2]float64 // decay of the two means, in [0, 1); both 0 is 0.9 and 0.999
	Eps              float64    // added to the root; 0 is 1e-8
	WeightDecay      float64    // adds this share of p to g; see AdamW
	NoBiasCorrection bool       // leaves the correction out, as MLX does by default
}

// Slots is 2: the means of g and of g².
func (Adam) Slots() int { return 2 }

// Init returns zeros.
func (r Adam) Init(p *core.Array) []*core.Array {
	const op = "optim.Adam"
	checkSize(op, "weight decay", r.WeightDecay)
	r.check(op)
	return zeros(2, p)
}

func (r Adam) check(op string) {
	checkRate(op, r.LR, r.Schedule)
	checkShare(op, "beta", r.Betas[0])
	checkShare(op, "beta", r.Betas[1])
	checkSize(op, "eps", r.Eps)
}

// Step moves p.
func (r Adam) Step(t, p, g *core.Array, slots []*core.Array) (*core.Array, []*core.Array) {
	if r.WeightDecay != 0 {
		g = g.Add(p.MulScalar(r.WeightDecay))
	}
	along, slots := r.direction(t, g, slots)
	return p.Sub(scaled("optim.Adam", along, t, r.LR, r.Schedule)), slots
}

// direction is what a learning rate of 1 would subtract.
func (r Adam) direction(t, g *core.Array, slots []*core.Array) (*core.Array, []*core.Array) {
	b := betas(r.Betas, 0.999)
	m, v := average(slots[0], g, b[0]), average(slots[1], g.Square(), b[1])
	mean, root := m, v.Sqrt()
	if !r.NoBiasCorrection {
		// 1 − βᵗ, precise also when β is near 1.
		rest := func(beta float64) *core.Array {
			if beta == 0 {
				return g.ScalarLike(1)
			}
			return t.AsType(g.DType()).MulScalar(math.Log(beta)).Expm1().Neg()
		}
		mean, root = m.Div(rest(b[0])), root.Mul(rest(b[1]).Rsqrt())
	}
	return mean.Div(root.AddScalar(or(r.Eps, 1e-8))), []*core.Array{m, v}
}

// AdamW is [Adam] whose weight decay shrinks p beside the step: p ← p·(1 −
// lr·decay) − lr·…. Source: Loshchilov and Hutter 2019.
type AdamW struct {
	LR               float64
	Schedule         Schedule   // in place of LR
	Betas            [2]float64 // as for Adam
	Eps              float64    // as for Adam
	WeightDecay      float64    // 0 is 0.01; for none use Adam
	NoBiasCorrection bool       // as for Adam
}

// Slots is 2: the means of g and of g².
func (AdamW) Slots() int { return 2 }

// Init returns zeros.
func (r AdamW) Init(p *core.Array) []*core.Array {
	const op = "optim.AdamW"
	checkSize(op, "weight decay", r.WeightDecay)
	r.adam().check(op)
	return zeros(2, p)
}

func (r AdamW) adam() Adam {
	return Adam{LR: r.LR, Schedule: r.Schedule, Betas: r.Betas, Eps: r.Eps, NoBiasCorrection: r.NoBiasCorrection}
}

// Step moves p.
func (r AdamW) Step(t, p, g *core.Array, slots []*core.Array) (*core.Array, []*core.Array) {
	along, slots := r.adam().direction(t, g, slots)
	along = along.Add(p.MulScalar(or(r.WeightDecay, 0.01)))
	return p.Sub(scaled("optim.AdamW", along, t, r.LR, r.Schedule)), slots
}

// betas replaces a pair of zeros by the usual decays.
func betas(b [2]float64, second float64) [2]float64 {
	if b == [2]float64{} {
		return [2]float64{0.9, second}
	}
	return b
}
