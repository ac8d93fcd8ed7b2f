package loss

import (
	"fmt"
	"math"
	"slices"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/nn/internal/look"
)

// CrossEntropyConfig adjusts [CrossEntropyWith].
type CrossEntropyConfig struct {
	LabelSmoothing float64     // share of the target that all classes split evenly, in [0, 1)
	Weights        *core.Array // of the losses, of their shape, or absent; Mean divides by their number, not by the weights
	Reduction      Reduction
}

// CrossEntropy is −log softmax(logits) at the target class, or its mean under
// target probabilities.
//
// Shapes: (…, classes) with integer targets (…), or floating-point targets of the
// logits' shape; the losses are (…). Errors: other shapes; a class below 0 or
// beyond the last. Inside a transform, where classes have no value yet, the loss
// of such an example is NaN.
func CrossEntropy(logits, targets *core.Array, r Reduction) *core.Array {
	return crossEntropy("loss.CrossEntropy", logits, targets, CrossEntropyConfig{Reduction: r})
}

// CrossEntropyWith is [CrossEntropy] with label smoothing (Szegedy et al. 2016)
// and weights. Errors: those of CrossEntropy; LabelSmoothing is outside [0, 1);
// Weights have another shape than the losses.
func CrossEntropyWith(logits, targets *core.Array, cfg CrossEntropyConfig) *core.Array {
	return crossEntropy("loss.CrossEntropyWith", logits, targets, cfg)
}

func crossEntropy(op string, logits, targets *core.Array, cfg CrossEntropyConfig) *core.Array {
	if !(cfg.LabelSmoothing >= 0 && cfg.LabelSmoothing < 1) {
		core.Failf(op, "label smoothing %v: want a number in [0, 1)", cfg.LabelSmoothing)
	}
	x := single(op, "the logits", logits)
	if targets == nil {
		core.Failf(op, "the targets: %w", core.ErrNil)
	}
	var score *core.Array
	if targets.DType().IsInteger() {
		score = at(op, x, targets)
	} else {
		_, t := pair(op, logits, targets)
		classes(op, logits)
		score = x.Mul(t).Sum(-1)
	}
	if s := cfg.LabelSmoothing; s > 0 {
		score = score.MulScalar(1 - s).Add(x.Mean(-1).MulScalar(s))
	}
	normaliser := x.LogSumExp(-1)
	if !targets.DType().IsInteger() {
		// Probabilities that do not sum to 1 weigh the normaliser too.
		total := targets.AsType(x.DType()).Sum(-1)
		if s := cfg.LabelSmoothing; s > 0 {
			total = total.MulScalar(1 - s).AddScalar(s)
		}
		normaliser = normaliser.Mul(total)
	}
	l := normaliser.Sub(score)
	if cfg.Weights != nil {
		if ws, ls := look.Shape(cfg.Weights), look.Shape(l); !slices.Equal(ws, ls) {
			core.Failf(op, "the weights have shape %v, the losses %v: want the same", ws, ls)
		}
		l = l.Mul(cfg.Weights.AsType(l.DType()))
	}
	return cfg.Reduction.of(op, l, logits.DType())
}

// NLL is minus the log-probability of the target class.
//
// Shapes: (…, classes), integer targets (…); the losses are (…). Errors: as for
// [CrossEntropy].
func NLL(logProbabilities, targets *core.Array, r Reduction) *core.Array {
	const op = "loss.NLL"
	x := single(op, "the log-probabilities", logProbabilities)
	if targets == nil {
		core.Failf(op, "the targets: %w", core.ErrNil)
	}
	return r.of(op, at(op, x, targets).Neg(), logProbabilities.DType())
}

// BinaryCrossEntropy is −t·log p − (1 − t)·log(1 − p) for probabilities p;
// logarithms count as at least −100, and that of 0 has no gradient.
// [BinaryCrossEntropyLogits] is faster and more precise.
//
// Shapes: p and t have the same; the losses have it too.
func BinaryCrossEntropy(probabilities, targets *core.Array, r Reduction) *core.Array {
	const op = "loss.BinaryCrossEntropy"
	p, t := pair(op, probabilities, targets)
	log := func(x *core.Array) *core.Array {
		zero := x.EqualScalar(0)
		// The logarithm never sees the 0, whose gradient is infinite.
		l := core.Where(zero, x.ScalarLike(1), x).Log().MaximumScalar(-100)
		return core.Where(zero, x.ScalarLike(-100), l)
	}
	l := t.Mul(log(p)).Add(t.RSubScalar(1).Mul(log(p.RSubScalar(1)))).Neg()
	return r.of(op, l, probabilities.DType())
}

// BinaryCrossEntropyLogits is [BinaryCrossEntropy] of σ(logits).
//
// Shapes: as for BinaryCrossEntropy.
func BinaryCrossEntropyLogits(logits, targets *core.Array, r Reduction) *core.Array {
	const op = "loss.BinaryCrossEntropyLogits"
	x, t := pair(op, logits, targets)
	l := x.LogAddExp(x.ScalarLike(0)).Sub(x.Mul(t))
	return r.of(op, l, logits.DType())
}

// KLDiv is the divergence Σ q·(log q − log p) of predictions log p from targets
// log q. A class whose q is 0 adds nothing.
//
// Shapes: (…, classes) both; the losses are (…).
func KLDiv(logPredictions, logTargets *core.Array, r Reduction) *core.Array {
	const op = "loss.KLDiv"
	p, q := pair(op, logPredictions, logTargets)
	classes(op, logPredictions)
	never := q.IsNegInf()
	q = core.Where(never, q.ScalarLike(0), q)
	l := core.Where(never, q.ScalarLike(0), q.Exp().Mul(q.Sub(p)))
	return r.of(op, l.Sum(-1), logPredictions.DType())
}

// classes fails unless there is at least one along the last axis.
func classes(op string, x *core.Array) {
	s := look.Shape(x)
	if len(s) == 0 || s[len(s)-1] == 0 {
		core.Fail(op, []*core.Array{x}, fmt.Errorf("want at least one class along the last axis"))
	}
}

// at picks the elements of x's last axis that targets name, NaN where there is
// none.
func at(op string, x, targets *core.Array) *core.Array {
	classes(op, x)
	both := []*core.Array{x, targets}
	if !targets.DType().IsInteger() {
		core.Fail(op, both, fmt.Errorf("the target classes are %v, want integers", targets.DType()))
	}
	if xs, ts := look.Shape(x), look.Shape(targets); !slices.Equal(xs[:len(xs)-1], ts) {
		core.Fail(op, both, fmt.Errorf("the classes have shape %v, want %v: that of the predictions without their last axis", ts, xs[:len(xs)-1]))
	}
	n := x.Dim(-1)
	t := targets.AsType(core.Int64)
	inside := t.GreaterEqualScalar(0).LogicalAnd(t.LessScalar(float64(n)))
	if !core.Tracing() && inside.All().Item() == 0 {
		core.Fail(op, both, fmt.Errorf("a target class is out of range: want 0 to %d", n-1))
	}
	safe := core.Where(inside, t, t.ScalarLike(0))
	picked := x.TakeAlongAxis(safe.ExpandDims(-1), -1).Squeeze(-1)
	return core.Where(inside, picked, x.ScalarLike(math.NaN()))
}
