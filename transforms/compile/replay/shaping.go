package replay

import (
	"slices"

	"github.com/adjoint-go/adjoint/core"
)

var shaping = map[string]operation{
	"AsStrided":   with(1, func(c *call, a *array) *array { return a.AsStrided(c.ints(0), c.ints(1), c.int(2)) }),
	"Concatenate": between(1, many, func(c *call, _ *array) *array { return core.Concatenate(c.int(0), c.in...) }),
	"ExpandDims": with(1, func(c *call, a *array) *array {
		c.need(len(c.ints(0)) > 0, "it names no axes")
		return a.ExpandDims(c.ints(0)...)
	}),
	"Flatten": with(1, func(c *call, a *array) *array { return a.FlattenAxes(c.int(0), c.int(1)) }),
	"Reshape": with(1, func(c *call, a *array) *array { return a.Reshape(c.ints(0)...) }),
	"Squeeze": with(1, func(c *call, a *array) *array {
		if axes := c.ints(0); len(axes) > 0 { // Go's method would take all
			return a.Squeeze(axes...)
		}
		return a.Positive()
	}),
	"Transpose": with(1, func(c *call, a *array) *array {
		if axes := c.perAxis(0); len(axes) > 0 {
			return a.Transpose(axes...)
		}
		return a.Positive()
	}),
	"Unflatten": with(1, func(c *call, a *array) *array { return a.Unflatten(c.int(0), c.ints(1)...) }),
	"Split":     {1, 1, func(c *call) []*array { return c.in[0].SplitAt(c.int(1), c.ints(0)...) }},
	"Depends": {1, many, func(c *call) []*array {
		n := len(c.node.Out)
		c.need(n <= len(c.in), "%d results of %d inputs", n, len(c.in))
		return core.Depends(c.in[:n], c.in[n:])
	}},
	// A broadcast of several arrays finds its shape from these.
	"Broadcast": between(1, many, func(c *call, a *array) *array {
		switch {
		case !c.shapeless:
			return a.BroadcastTo(c.out(0).Shape...)
		case len(c.in) == 1:
			return a.BroadcastTo(c.ints(0)...)
		}
		return core.BroadcastArrays(c.in...)[0]
	}),
	"BroadcastAxes": between(1, many, func(c *call, a *array) *array {
		if !c.shapeless {
			return a.BroadcastTo(c.out(0).Shape...)
		}
		return a.BroadcastTo(c.broadcastBut(c.ints(0))...)
	}),
	// The value has the shape of the result already.
	"Full": with(1, func(c *call, a *array) *array {
		if c.shapeless {
			return a.AsType(c.out(0).DType)
		}
		return a.AsType(c.out(0).DType).BroadcastTo(c.out(0).Shape...)
	}),
	"NumberOfElements": with(1, func(c *call, a *array) *array {
		n := 1
		for _, axis := range c.ints(0) {
			n *= a.Dim(axis)
		}
		if c.bool(1) {
			return core.Full(c.dtype(2), 1/float64(n))
		}
		return core.Full(c.dtype(2), float64(n))
	}),
	"Pad": with(2, func(c *call, a *array) *array {
		axes, low, high := c.ints(0), c.ints(1), c.ints(2)
		c.need(len(axes) == len(low) && len(axes) == len(high), "%d axes and %d and %d widths", len(axes), len(low), len(high))
		c.need(c.in[1].NDim() == 0, "its value has axes")
		shape := a.Shape()
		at := make([]core.Selector, len(shape))
		for i := range at {
			at[i] = core.All
		}
		for i, axis := range axes {
			c.need(axis >= 0 && axis < len(shape) && low[i] >= 0 && high[i] >= 0, "widths %d and %d of axis %d", low[i], high[i], axis)
			at[axis] = core.Range(low[i], low[i]+shape[axis])
			shape[axis] += low[i] + high[i]
		}
		around := core.FullOf(a.DType(), c.in[1], shape...)
		if len(at) == 0 {
			return a.Positive()
		}
		return around.AtSet(a, at...)
	}),
}

// broadcastBut is the shape that the inputs broadcast to, but for the axes, counted
// from the end, that the first input has as they are.
func (c *call) broadcastBut(axes []int) []int {
	first := c.in[0].Shape()
	var wide []int // from the last axis on
	for _, a := range c.in {
		shape := a.Shape()
		for i := 1; i <= len(shape); i++ {
			for len(wide) < i {
				wide = append(wide, 1)
			}
			d := shape[len(shape)-i]
			switch {
			case slices.Contains(axes, -i):
				if i <= len(first) {
					wide[i-1] = first[len(first)-i]
				}
			case wide[i-1] == 1:
				wide[i-1] = d
			default:
				c.need(d == 1 || d == wide[i-1], "the inputs do not broadcast")
			}
		}
	}
	slices.Reverse(wide)
	return wide
}
