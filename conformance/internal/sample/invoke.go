package sample

import (
	"fmt"
	"math"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/ops"
)

// Invoke builds the op on a sample's arguments, with leaves as its arrays.
func (r *Row) Invoke(sample ops.Case, leaves []*core.Array) []*core.Array {
	var c core.Call
	c.Begin(r.Number)
	for _, a := range r.Arguments {
		v := sample[a.Name]
		given := leaves[:len(v.Arrays)]
		leaves = leaves[len(v.Arrays):]
		n := 0
		if len(v.Ints) > 0 {
			n = v.Ints[0]
		}
		switch a.Kind {
		case ops.Array:
			c.Array(given[0])
		case ops.OptArray:
			if len(given) == 0 {
				given = []*core.Array{nil}
			}
			c.OptArray(given[0])
		case ops.Arrays:
			c.Arrays(given)
		case ops.Int, ops.FFTNorm:
			c.Int(n)
		case ops.OptInt:
			c.OptInt(n)
		case ops.Int2:
			c.Int2([2]int(fill(v.Ints, 2)))
		case ops.Int3:
			c.Int3([3]int(fill(v.Ints, 3)))
		case ops.Ints, ops.OptInts, ops.Axes, ops.Bounds:
			c.Ints(v.Ints)
		case ops.Shape:
			c.Shape(v.Ints)
		case ops.Strides:
			c.Longs(v.Ints)
		case ops.Size:
			c.Size(n)
		case ops.Uint64:
			c.Word(uint64(n))
		case ops.Float, ops.Double:
			c.Float(v.Float)
		case ops.OptFloat:
			if v.Text == "" {
				v.Float = math.NaN()
			}
			c.OptFloat(v.Float)
		case ops.Bool:
			c.Bool(v.Bool)
		case ops.DType:
			c.DType(mustDType(v.Text))
		case ops.OptDType:
			d := core.NoDType
			if v.Text != "" {
				d = mustDType(v.Text)
			}
			c.OptDType(d)
		case ops.String:
			c.String(v.Text)
		default:
			panic(fmt.Sprintf("sample: no arguments of kind %q", a.Kind))
		}
	}
	switch outs := r.Outs(); {
	case outs == nil:
		return c.List()
	case len(outs) == 1:
		return []*core.Array{c.One()}
	default:
		all := c.Many(len(outs))
		return all[:len(outs)]
	}
}

// fill makes a tuple; one that a sample leaves out is all zero.
func fill(v []int, n int) []int {
	out := make([]int, n)
	copy(out, v)
	return out
}
