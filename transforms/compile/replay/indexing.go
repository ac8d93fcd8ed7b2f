package replay

import "github.com/adjoint-go/adjoint/core"

// Modes of updates, as MLX counts them.
const (
	taking = iota // the maximum
	giving        // the minimum
	adding
	scaling
	setting
)

var indexing = map[string]operation{
	"Slice": with(1, func(c *call, a *array) *array {
		if at := c.spans(0); len(at) > 0 {
			return a.At(at...)
		}
		return a.Positive()
	}),
	"SliceUpdate": with(2, func(c *call, a *array) *array {
		at, v := c.spans(1), c.in[1]
		c.need(len(at) > 0, "an update of an array without axes")
		switch c.int(0) {
		case taking:
			return a.AtMax(v, at...)
		case giving:
			return a.AtMin(v, at...)
		case adding:
			return a.AtAdd(v, at...)
		case scaling:
			return a.AtMul(v, at...)
		}
		return a.AtSet(v, at...)
	}),
	"DynamicSlice":       with(2, func(c *call, a *array) *array { return a.DynamicSlice(c.in[1], c.ints(0), c.ints(1)) }),
	"DynamicSliceUpdate": with(3, func(c *call, a *array) *array { return a.DynamicUpdateSlice(c.in[1], c.in[2], c.ints(0)) }),
	"Gather":             between(1, many, func(c *call, a *array) *array { return a.Gather(c.in[1:], c.ints(0), c.ints(1)) }),
	"GatherAxis":         with(2, func(c *call, a *array) *array { return a.TakeAlongAxis(c.in[1], c.int(0)) }),
	"Scatter": between(2, many, func(c *call, a *array) *array {
		last := len(c.in) - 1
		index, v, axes := c.in[1:last], c.in[last], c.ints(1)
		switch c.int(0) {
		case taking:
			return a.ScatterMax(index, v, axes)
		case giving:
			return a.ScatterMin(index, v, axes)
		case adding:
			return a.ScatterAdd(index, v, axes)
		case scaling:
			return a.ScatterProd(index, v, axes)
		}
		return a.Scatter(index, v, axes)
	}),
	"ScatterAxis": with(3, func(c *call, a *array) *array {
		if c.int(0) == 0 {
			return a.ScatterAddAxis(c.in[1], c.in[2], c.int(1))
		}
		return a.PutAlongAxis(c.in[1], c.in[2], c.int(1))
	}),
	// All have the examples in front, of which each has a mask and values of its
	// own, one after the other.
	"MaskedScatter": with(3, func(c *call, a *array) *array {
		for _, x := range c.in {
			c.need(x.NDim() > 0 && x.Dim(0) == a.Dim(0), "its inputs are not of one number of examples")
		}
		c.need(c.in[1].NDim() == a.NDim(), "a mask of %d axes for %d", c.in[1].NDim(), a.NDim())
		if a.Dim(0) == 1 {
			return a.Squeeze(0).MaskedScatter(c.in[1].Squeeze(0), c.in[2].Flatten()).ExpandDims(0)
		}
		return core.Vectorize(c.op, func(x []*array) ([]*array, []int) {
			return one(x[0].MaskedScatter(x[1], x[2].Flatten())), []int{0}
		}, c.in, []int{0, 0, 0})[0]
	}),
	"SearchSorted": with(2, func(c *call, a *array) *array {
		if c.bool(0) {
			return a.SearchSortedRight(c.in[1])
		}
		return a.SearchSorted(c.in[1])
	}),
}

// spans are a selection that is held as three lists.
func (c *call) spans(i int) []core.Selector {
	start, stop, step := c.perAxis(i), c.perAxis(i+1), c.perAxis(i+2)
	at := make([]core.Selector, len(start))
	for k := range at {
		at[k] = core.Range(start[k], stop[k]).By(step[k])
	}
	return at
}
