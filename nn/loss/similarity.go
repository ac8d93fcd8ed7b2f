package loss

import (
	"math"

	"github.com/adjoint-go/adjoint/core"
)

// CosineSimilarity is a·b / (‖a‖·‖b‖) of vectors along the last axis, with norms
// of at least 1e-8; it is 1 for the same direction, so minimise its negative.
//
// Shapes: (…, n) both; the losses are (…).
func CosineSimilarity(a, b *core.Array, r Reduction) *core.Array {
	const op = "loss.CosineSimilarity"
	x, y := pair(op, a, b)
	classes(op, a)
	// The maximum is inside the root: the root of 0 has no gradient.
	norm := func(v *core.Array) *core.Array { return v.Square().Sum(-1).MaximumScalar(1e-16).Sqrt() }
	return r.of(op, x.Mul(y).Sum(-1).Div(norm(x)).Div(norm(y)), a.DType())
}

// Triplet is max(0, d(anchor, positive) − d(anchor, negative) + margin), d being
// the Euclidean distance along the last axis, as √(d² + 1e-6); 1 is the usual
// margin. Source: Schroff et al. 2015.
//
// Shapes: (…, n) all three; the losses are (…). Errors: margin is negative.
func Triplet(anchors, positives, negatives *core.Array, margin float64, r Reduction) *core.Array {
	const op = "loss.Triplet"
	checkMargin(op, margin)
	a, p := pair(op, anchors, positives)
	_, n := pair(op, anchors, negatives)
	classes(op, anchors)
	distance := func(v *core.Array) *core.Array { return a.Sub(v).Square().Sum(-1).AddScalar(1e-6).Sqrt() }
	l := distance(p).Sub(distance(n)).AddScalar(margin).MaximumScalar(0)
	return r.of(op, l, anchors.DType())
}

// MarginRanking is max(0, −t·(a − b) + margin): a should be ranked above b where
// t is 1, below where it is −1.
//
// Shapes: all three have the same; the losses have it too. Errors: margin is
// negative.
func MarginRanking(a, b, targets *core.Array, margin float64, r Reduction) *core.Array {
	const op = "loss.MarginRanking"
	checkMargin(op, margin)
	x, y := pair(op, a, b)
	_, t := pair(op, a, targets)
	return r.of(op, t.Neg().Mul(x.Sub(y)).AddScalar(margin).MaximumScalar(0), a.DType())
}

func checkMargin(op string, margin float64) {
	if !(margin >= 0) || math.IsInf(margin, 1) {
		core.Failf(op, "margin %v: want a number, at least 0", margin)
	}
}
