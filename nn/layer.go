package nn

import (
	"fmt"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/nn/internal/look"
)

// Layer is a step of a network.
type Layer interface {
	Forward(c *Ctx, x *core.Array) *core.Array
}

// Func makes a layer of a function of one array, as in nn.Func(nn.ReLU). A
// compiled function traces again for another Func, so make closures once.
type Func func(x *core.Array) *core.Array

// Forward returns f of x.
func (f Func) Forward(_ *Ctx, x *core.Array) *core.Array {
	if f == nil {
		core.Failf("nn.Func", "the function is nil")
	}
	return f(x)
}

// Sequential is a network whose layers follow one another.
type Sequential []Layer

// Forward applies the layers in order. Errors: a layer is nil.
func (s Sequential) Forward(c *Ctx, x *core.Array) *core.Array {
	for i, l := range s {
		if l == nil {
			core.Failf("nn.Sequential", "layer %d is nil", i)
		}
		x = l.Forward(c, x)
	}
	return x
}

// Flatten returns x with all axes but the first as one.
//
// Shapes: (n, …) → (n, features). Errors: x is a scalar.
func Flatten(x *core.Array) *core.Array {
	switch input("nn.Flatten", x); x.NDim() {
	case 0:
		core.Fail("nn.Flatten", []*core.Array{x}, fmt.Errorf("want at least one axis"))
	case 1:
		return x.ExpandDims(1)
	}
	return x.FlattenAxes(1, -1)
}

// input fails when x is absent.
func input(op string, x *core.Array) { present(op, "the input", x) }

// present fails when a is absent.
func present(op, name string, a *core.Array) {
	if a == nil {
		core.Fail(op, nil, fmt.Errorf("%s: %w", name, core.ErrNil))
	}
}

// features fails unless x's last axis has n elements and x at least as many axes
// as layout names.
func features(op string, x *core.Array, n int, axes int, layout string) {
	input(op, x)
	switch s := look.Shape(x); {
	case len(s) < axes:
		core.Fail(op, []*core.Array{x}, fmt.Errorf("the input has %d axes, want %s", len(s), layout))
	case n >= 0 && s[len(s)-1] != n:
		core.Fail(op, []*core.Array{x}, fmt.Errorf("the input has %d features in its last axis, the layer is for %d", s[len(s)-1], n))
	}
}

// positive fails unless every size is at least 1.
func positive(op string, names string, sizes ...int) {
	for _, n := range sizes {
		if n < 1 {
			core.Failf(op, "%s %v: want at least 1", names, sizes)
		}
	}
}
