package loss

import (
	"fmt"
	"slices"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/nn/internal/look"
)

// Reduction says what becomes of the losses of a batch.
type Reduction int

// The reductions. The zero value is Mean.
const (
	Mean Reduction = iota // their mean, a scalar
	Sum                   // their sum, a scalar
	None                  // nothing: one loss per example
)

// of reduces l and gives it the dtype of what was predicted.
func (r Reduction) of(op string, l *core.Array, dtype core.DType) *core.Array {
	switch r {
	case Mean:
		if slices.Contains(look.Shape(l), 0) {
			core.Failf(op, "an empty batch has no mean loss")
		}
		l = l.Mean()
	case Sum:
		l = l.Sum()
	case None:
	default:
		core.Failf(op, "reduction %d: want Mean, Sum or None", r)
	}
	return l.AsType(dtype)
}

// single returns a in the dtype that is computed in: float32 for half precision.
// Errors: a is nil or not real floating.
func single(op, name string, a *core.Array) *core.Array {
	if a == nil {
		core.Failf(op, "%s: %w", name, core.ErrNil)
	}
	switch d := a.DType(); {
	case !d.IsFloat():
		core.Fail(op, []*core.Array{a}, fmt.Errorf("%s are %v, want real floating-point numbers", name, d))
	case d.Size() == 2:
		return a.AsType(core.Float32)
	}
	return a
}

// pair is single for predictions and targets, which may be integer and must have
// the same shape.
func pair(op string, predictions, targets *core.Array) (p, t *core.Array) {
	p = single(op, "the predictions", predictions)
	if targets == nil {
		core.Failf(op, "the targets: %w", core.ErrNil)
	}
	if ps, ts := look.Shape(p), look.Shape(targets); !slices.Equal(ps, ts) {
		core.Fail(op, []*core.Array{predictions, targets}, fmt.Errorf("the predictions have shape %v, the targets %v: want the same", ps, ts))
	}
	if !targets.DType().IsFloat() && targets.DType().IsInexact() {
		core.Fail(op, []*core.Array{predictions, targets}, fmt.Errorf("the targets are complex, want real numbers"))
	}
	return p, targets.AsType(p.DType())
}
