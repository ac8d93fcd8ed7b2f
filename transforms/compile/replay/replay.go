package replay

import (
	"fmt"
	"slices"
	"strings"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/mlxio"
)

// Run repeats t on inputs like its own and returns its outputs. op names the
// caller in errors. A node runs on the device that the file names, where there is
// one such, and else on the current one.
//
// Errors: another number of inputs, shapes or dtypes than the file says, a node
// that cannot be, and a kernel that does not run here.
func Run(op string, t *mlxio.FunctionTrace, shapeless bool, in []*core.Array) []*core.Array {
	r := run{op: op, t: t, shapeless: shapeless, current: core.CurrentStream(), devices: core.Devices()}
	if len(in) != len(t.Inputs) {
		core.Failf(op, "%d inputs: the trace has %d", len(in), len(t.Inputs))
	}
	r.values = slices.Concat(in, t.Constants)
	given := len(r.values)
	for i := 0; i < len(t.Nodes); {
		next := i + 1
		for next < len(t.Nodes) && t.Nodes[next].Device == t.Nodes[i].Device {
			next++
		}
		r.on(t.Nodes[i].Device, func() {
			for ; i < next; i++ {
				r.node(i)
			}
		})
	}
	out := make([]*core.Array, len(t.Outputs))
	for i, v := range t.Outputs {
		if v < 0 || v >= len(r.values) {
			core.Failf(op, "output %d is value %d, which nothing makes", i, v)
		}
		if out[i] = r.values[v]; v < given {
			out[i] = out[i].Positive() // the caller's own, to be freed
		}
	}
	return out
}

type run struct {
	op        string
	t         *mlxio.FunctionTrace
	shapeless bool
	current   string
	devices   []core.Device
	values    []*core.Array
}

// on calls f where operations run on d. A stream that the caller chose stays.
func (r *run) on(d core.Device, f func()) {
	if !slices.Contains(r.devices, d) {
		d.Index = 0
	}
	if d.String() == r.current || strings.HasPrefix(r.current, "stream") || !slices.Contains(r.devices, d) {
		f()
		return
	}
	core.Using(d, f)
}

func (r *run) node(i int) {
	n := &r.t.Nodes[i]
	defer func() {
		switch v := recover().(type) {
		case nil:
		case *core.Error:
			core.Fail(r.op, nil, fmt.Errorf("node %d (%s): %w", i, n.Op, v.Err))
		default:
			panic(v)
		}
	}()
	o, ok := operations[n.Op]
	if !ok {
		core.Failf(r.op, "there is no such operation")
	}
	c := call{node: n, op: r.op, shapeless: r.shapeless, gpu: slices.Contains(r.devices, core.GPU)}
	for _, v := range n.In {
		if v < 0 || v >= len(r.values) {
			core.Failf(r.op, "it reads value %d, which nothing before it makes", v)
		}
		c.in = append(c.in, r.values[v])
	}
	c.need(len(c.in) >= o.least && len(c.in) <= o.most, "%d inputs", len(c.in))
	out := o.run(&c)
	c.need(len(out) == len(n.Out), "it has %d results, and the file says %d", len(out), len(n.Out))
	for k, a := range out {
		s, want := a.Spec(), n.Out[k]
		fits := s.DType == want.DType && len(s.Shape) == len(want.Shape) && (r.shapeless || slices.Equal(s.Shape, want.Shape))
		c.need(fits, "it gives %v, and the file says %v", s, want)
	}
	r.values = append(r.values, out...)
}

// call is one node with its inputs.
type call struct {
	node      *mlxio.FunctionNode
	op        string
	shapeless bool
	gpu       bool // there is one
	in        []*core.Array
}

// need fails unless ok.
func (c *call) need(ok bool, format string, args ...any) {
	if !ok {
		core.Failf(c.op, format, args...)
	}
}

// state is what a primitive holds, in the order of the file.
func state[T any](c *call, i int) T {
	c.need(i < len(c.node.State), "it holds %d values", len(c.node.State))
	v, ok := c.node.State[i].(T)
	c.need(ok, "value %d is %v", i, c.node.State[i])
	return v
}

func (c *call) int(i int) int          { return state[int](c, i) }
func (c *call) ints(i int) []int       { return state[[]int](c, i) }
func (c *call) bool(i int) bool        { return state[bool](c, i) }
func (c *call) float(i int) float64    { return float64(state[float32](c, i)) }
func (c *call) dtype(i int) core.DType { return state[core.DType](c, i) }

// out is the spec of a result.
func (c *call) out(i int) core.Spec {
	c.need(i < len(c.node.Out), "it has %d results", len(c.node.Out))
	return c.node.Out[i]
}

// perAxis returns a list that holds a number for each axis of the first input.
func (c *call) perAxis(i int) []int {
	list := c.ints(i)
	c.need(len(list) == c.in[0].NDim(), "%d numbers for %d axes", len(list), c.in[0].NDim())
	return list
}

// operation is how a primitive is called: with how many inputs, and what for.
type operation struct {
	least, most int
	run         func(c *call) []*core.Array
}

const many = 1 << 30

func one(a *core.Array) []*core.Array { return []*core.Array{a} }

func unary(f func(a *core.Array) *core.Array) operation {
	return operation{1, 1, func(c *call) []*core.Array { return one(f(c.in[0])) }}
}

func binary(f func(a, b *core.Array) *core.Array) operation {
	return operation{2, 2, func(c *call) []*core.Array { return one(f(c.in[0], c.in[1])) }}
}

// with is an operation with one result that reads its state.
func with(inputs int, f func(c *call, a *core.Array) *core.Array) operation {
	return between(inputs, inputs, f)
}

func between(least, most int, f func(c *call, a *core.Array) *core.Array) operation {
	return operation{least, most, func(c *call) []*core.Array {
		var a *core.Array
		if len(c.in) > 0 {
			a = c.in[0]
		}
		return one(f(c, a))
	}}
}

// operations has MLX's primitives by their classes.
var operations = func() map[string]operation {
	all := map[string]operation{}
	for _, family := range []map[string]operation{elementwise, shaping, indexing, reducing, products, factorizing, composed, kernels} {
		for name, o := range family {
			all[name] = o
		}
	}
	return all
}()
