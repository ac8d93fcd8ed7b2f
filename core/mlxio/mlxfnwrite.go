package mlxio

import (
	"bufio"
	"bytes"
	"hash/maphash"
	"io"
	"slices"

	"github.com/adjoint-go/adjoint/core"
)

// constants are the different constants of a function. Those with the same
// bytes, dtype and shape are one.
type constants struct {
	number  map[*core.Array]int
	n       int
	compare bool
	alike   map[uint64][]*core.Array
	seed    maphash.Seed
	written map[int]bool
}

func newConstants(compare bool) *constants {
	return &constants{number: map[*core.Array]int{}, compare: compare, alike: map[uint64][]*core.Array{},
		seed: maphash.MakeSeed(), written: map[int]bool{}}
}

// add evaluates a and gives it a number.
func (c *constants) add(a *core.Array) (err error) {
	if _, ok := c.number[a]; ok {
		return nil
	}
	defer core.Catch(&err)
	if a == nil {
		core.Fail("mlxio.WriteFunction", nil, core.ErrNil)
	}
	core.Eval(a)
	if c.compare { // a function of one trace has nothing twice
		b := a.Bytes()
		hash := maphash.Bytes(c.seed, b)
		for _, other := range c.alike[hash] {
			if sameSpec(other.Spec(), a.Spec()) && bytes.Equal(other.Bytes(), b) {
				c.number[a] = c.number[other]
				return nil
			}
		}
		c.alike[hash] = append(c.alike[hash], a)
	}
	c.number[a] = c.n
	c.n++
	return nil
}

func sameSpec(a, b core.Spec) bool { return a.DType == b.DType && slices.Equal(a.Shape, b.Shape) }

// writeFunction numbers the constants first, over all traces; in each trace its
// inputs and the results of its nodes follow.
func writeFunction(to io.Writer, f *Function, all *constants) error {
	buffer := bufio.NewWriterSize(to, 64<<10)
	w := &writer{w: buffer}
	w.text(engineVersion)
	w.integer(len(f.Traces))
	w.bool(f.Shapeless)
	w.text(f.Metadata)
	for i := range f.Traces {
		if err := w.trace(&f.Traces[i], all); err != nil {
			return at(traceName(i), err)
		}
	}
	if w.err == nil {
		w.err = buffer.Flush()
	}
	return w.err
}

func (w *writer) trace(t *FunctionTrace, all *constants) error {
	inputs, first := len(t.Inputs), len(t.Inputs)+len(t.Constants)
	id := func(v int) int {
		switch {
		case v < inputs:
			return all.n + v
		case v < first:
			return all.number[t.Constants[v-inputs]]
		}
		return all.n + v - len(t.Constants)
	}
	ids := func(n int, value func(i int) int) {
		w.uint64(n)
		for i := range n {
			w.uint64(id(value(i)))
		}
	}
	w.uint64(len(t.Keywords))
	for _, k := range t.Keywords {
		w.text(k)
	}
	ids(inputs, func(i int) int { return i })
	w.uint64(inputs)
	for _, s := range t.Inputs {
		w.spec(s)
	}
	ids(len(t.Outputs), func(i int) int { return t.Outputs[i] })

	here := map[int]bool{}
	var entries []*core.Array
	for _, a := range t.Constants {
		if n := all.number[a]; !here[n] {
			here[n] = true
			entries = append(entries, a)
		}
	}
	w.uint64(len(entries) + inputs + len(t.Nodes))
	for i := range inputs {
		w.uint64(id(i))
		w.bool(false)
		w.bool(false)
	}
	for _, a := range entries {
		w.constant(a, all)
	}
	next := first
	for i := range t.Nodes {
		n := &t.Nodes[i]
		w.uint64(id(next))
		w.bool(true)
		ids(len(n.In), func(i int) int { return n.In[i] })
		w.node(n)
		if len(n.Out) == 1 {
			w.uint64(0)
			w.spec(n.Out[0])
		} else {
			w.uint64(len(n.Out) - 1)
			ids(len(n.Out), func(i int) int { return next + i })
			w.uint64(len(n.Out))
			for _, s := range n.Out {
				w.shape(s.Shape)
			}
			w.uint64(len(n.Out))
			for _, s := range n.Out {
				w.dtype(s.DType)
			}
		}
		if w.err != nil {
			return at(nodeName(i, n.Op), w.err)
		}
		next += len(n.Out)
	}
	return w.err
}

// constant writes an array, at its first mention with its elements.
func (w *writer) constant(a *core.Array, all *constants) {
	n := all.number[a]
	w.uint64(n)
	w.bool(false)
	w.bool(true)
	if all.written[n] {
		return
	}
	all.written[n] = true
	w.spec(a.Spec())
	if w.err == nil {
		w.err = writeArray(w.w, a)
	}
}

func (w *writer) spec(s core.Spec) {
	w.shape(s.Shape)
	w.dtype(s.DType)
}

// node writes the stream, the name and the state of an operation.
func (w *writer) node(n *FunctionNode) {
	kinds, ok := functionOps[n.Op]
	if !ok && w.err == nil {
		w.err = unsupported("the format has no such operation")
		return
	}
	device := 0
	if n.Device.GPU {
		device = 1
	}
	w.integer(0)
	w.integer(device)
	w.integer(n.Device.Index)
	w.text(n.Op)
	w.state(kinds, n.State)
}
