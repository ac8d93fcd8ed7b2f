package mlxio

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/adjoint-go/adjoint/core"
)

func itoa(i int) string { return strconv.Itoa(i) }

func traceName(i int) string { return "trace " + itoa(i) }

func nodeName(i int, op string) string { return "node " + itoa(i) + " (" + printable(op) + ")" }

func readFunction(s *source) (f *Function, err error) {
	f = new(Function)
	defer func() {
		if err != nil {
			f.free()
			f = nil
		}
	}()
	traces, err := f.readHeader(s)
	if err != nil {
		return f, at("header", err)
	}
	r := functionReader{source: s, constants: map[uint64]*core.Array{}}
	for i := range traces {
		f.Traces = append(f.Traces, FunctionTrace{})
		if err := r.trace(&f.Traces[i]); err != nil {
			return f, at(traceName(i), err)
		}
	}
	return f, nil
}

func (f *Function) readHeader(s *source) (traces int, err error) {
	n, err := s.count(1)
	if err != nil {
		return 0, err
	}
	const longest = 64
	if n > longest {
		return 0, corrupt("no version of MLX is %d bytes long", n)
	}
	version, err := s.bytes(n)
	if err != nil {
		return 0, err
	}
	f.Version = string(version)
	if !strings.HasPrefix(f.Version, "0.32.") {
		return 0, unsupported("MLX %s wrote the file, want 0.32: export the function again with that", quote(f.Version))
	}
	if traces, err = s.integer(); err != nil {
		return 0, err
	}
	if traces < 0 {
		return 0, corrupt("%d traces", traces)
	}
	if f.Shapeless, err = s.bool(); err != nil {
		return 0, err
	}
	f.Metadata, err = s.text()
	return traces, err
}

// functionReader reads the traces of a function. constants are those of all
// traces, by the file's numbers.
type functionReader struct {
	*source
	constants map[uint64]*core.Array
}

// values numbers the arrays of a trace while it is read. The number of a constant
// is ^k until it is known how many there are, that of a node's result is counted
// from the inputs on.
type values map[uint64]int

func (v values) add(id uint64, number int) error {
	if _, ok := v[id]; ok {
		return corrupt("two values have the number %d", id)
	}
	v[id] = number
	return nil
}

func (v values) all(ids []uint64) ([]int, error) {
	numbers := make([]int, len(ids))
	for i, id := range ids {
		n, ok := v[id]
		if !ok {
			return nil, corrupt("value %d is used, which nothing before makes", id)
		}
		numbers[i] = n
	}
	return numbers, nil
}

func (r functionReader) trace(t *FunctionTrace) error {
	known := values{}
	outputs, err := r.signature(t, known)
	if err != nil {
		return err
	}
	// A node takes more bytes than this, so that a count cannot make a list grow
	// beyond the file.
	const least = 10
	entries, err := r.count(least)
	if err != nil {
		return err
	}
	next := len(t.Inputs)
	for i := range entries {
		if err := r.entry(t, known, &next); err != nil {
			return at("entry "+strconv.FormatUint(i, 10), err)
		}
	}
	if t.Outputs, err = known.all(outputs); err != nil {
		return at("outputs", err)
	}
	t.renumber()
	return nil
}

// renumber gives the constants their places between inputs and results.
func (t *FunctionTrace) renumber() {
	inputs, constants := len(t.Inputs), len(t.Constants)
	move := func(numbers []int) {
		for i, n := range numbers {
			switch {
			case n < 0:
				numbers[i] = inputs + ^n
			case n >= inputs:
				numbers[i] = n + constants
			}
		}
	}
	for i := range t.Nodes {
		move(t.Nodes[i].In)
	}
	move(t.Outputs)
}

// signature reads what stands in front of a trace's entries.
func (r functionReader) signature(t *FunctionTrace, known values) (outputs []uint64, err error) {
	n, err := r.count(8)
	if err != nil {
		return nil, at("keywords", err)
	}
	for range n {
		k, err := r.text()
		if err != nil {
			return nil, at("keywords", err)
		}
		if len(t.Keywords) > 0 && k <= t.Keywords[len(t.Keywords)-1] {
			return nil, at("keywords", corrupt("%s is not in its place in the order", quote(k)))
		}
		t.Keywords = append(t.Keywords, k)
	}
	ids, err := r.ids()
	if err != nil {
		return nil, at("inputs", err)
	}
	if n, err = r.count(13); err != nil {
		return nil, at("inputs", err)
	}
	if n != uint64(len(ids)) || len(t.Keywords) > len(ids) {
		return nil, at("inputs", corrupt("%d numbers, %d keywords and %d shapes", len(ids), len(t.Keywords), n))
	}
	for i, id := range ids {
		spec, err := r.spec()
		if err == nil {
			err = known.add(id, i)
		}
		if err != nil {
			return nil, at("input "+itoa(i), err)
		}
		t.Inputs = append(t.Inputs, spec)
	}
	outputs, err = r.ids()
	return outputs, at("outputs", err)
}

// entry reads a node, a constant, or the mention of an input.
func (r functionReader) entry(t *FunctionTrace, known values, next *int) error {
	id, err := r.uint64()
	if err != nil {
		return err
	}
	computed, err := r.bool()
	if err != nil {
		return err
	}
	if computed {
		return r.node(t, known, id, next)
	}
	constant, err := r.bool()
	if err != nil {
		return err
	}
	if !constant {
		if n, ok := known[id]; !ok || n < 0 || n >= len(t.Inputs) {
			return corrupt("value %d is no input", id)
		}
		return nil
	}
	if err := known.add(id, ^len(t.Constants)); err != nil {
		return err
	}
	a, ok := r.constants[id]
	if !ok {
		spec, err := r.spec()
		if err != nil {
			return err
		}
		if a, err = r.array(spec, false); err != nil {
			return at("constant "+spec.String(), err)
		}
		r.constants[id] = a
	}
	t.Constants = append(t.Constants, a)
	return nil
}

func (r functionReader) node(t *FunctionTrace, known values, id uint64, next *int) error {
	ids, err := r.ids()
	if err != nil {
		return err
	}
	var n FunctionNode
	if n.In, err = known.all(ids); err != nil {
		return err
	}
	if n.Device, err = r.device(); err != nil {
		return err
	}
	if n.Op, err = r.text(); err != nil {
		return err
	}
	kinds, ok := functionOps[n.Op]
	if !ok {
		return unsupported("there is no operation %s", quote(n.Op))
	}
	if n.State, err = r.state(kinds); err != nil {
		return at(n.Op, err)
	}
	made, err := r.results(&n, id)
	if err != nil {
		return at(n.Op, err)
	}
	for _, id := range made {
		if err := known.add(id, *next); err != nil {
			return at(n.Op, err)
		}
		*next++
	}
	t.Nodes = append(t.Nodes, n)
	return nil
}

// results reads the specs of a node's results and returns their numbers.
func (r functionReader) results(n *FunctionNode, id uint64) ([]uint64, error) {
	siblings, err := r.uint64()
	if err != nil {
		return nil, err
	}
	if siblings == 0 {
		spec, err := r.spec()
		n.Out = []core.Spec{spec}
		return []uint64{id}, err
	}
	made, err := r.ids()
	if err != nil {
		return nil, err
	}
	if uint64(len(made)) != siblings+1 || !slices.Contains(made, id) {
		return nil, corrupt("%d results, and %d others", len(made), siblings)
	}
	shapes, err := r.count(8)
	if err != nil {
		return nil, err
	}
	if shapes != uint64(len(made)) {
		return nil, corrupt("%d results with %d shapes", len(made), shapes)
	}
	dims := make([][]int, shapes)
	for i := range dims {
		if dims[i], err = r.dims(); err != nil {
			return nil, err
		}
	}
	dtypes, err := r.count(5)
	if err != nil {
		return nil, err
	}
	if dtypes != shapes {
		return nil, corrupt("%d results with %d dtypes", len(made), dtypes)
	}
	for i := range dims {
		spec, err := r.specOf(dims[i])
		if err != nil {
			return nil, err
		}
		n.Out = append(n.Out, spec)
	}
	return made, nil
}

func (r functionReader) ids() ([]uint64, error) {
	ids, err := listOf(r.source, 8, func(b []byte) uint64 {
		return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
			uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
	})
	return ids, err
}

// device reads a stream. Its number says nothing in another process.
func (r functionReader) device() (core.Device, error) {
	var v [3]int
	for i := range v {
		var err error
		if v[i], err = r.integer(); err != nil {
			return core.CPU, err
		}
	}
	if v[1] < 0 || v[1] > 1 || v[2] < 0 {
		return core.CPU, corrupt("device %d of kind %d", v[2], v[1])
	}
	return core.Device{GPU: v[1] == 1, Index: v[2]}, nil
}

func (r functionReader) dims() ([]int, error) {
	v, err := r.value('I')
	if err != nil {
		return nil, err
	}
	return v.([]int), nil
}

func (r functionReader) spec() (core.Spec, error) {
	dims, err := r.dims()
	if err != nil {
		return core.Spec{}, err
	}
	return r.specOf(dims)
}

// specOf reads the dtype that belongs to a shape.
func (r functionReader) specOf(dims []int) (core.Spec, error) {
	d, err := r.dtype()
	if err != nil {
		return core.Spec{}, err
	}
	sizes := make([]uint64, len(dims))
	for i, n := range dims {
		if n < 0 {
			return core.Spec{}, corrupt("the shape %v", dims)
		}
		sizes[i] = uint64(n)
	}
	return specOf(d, sizes)
}

// ParseTrace reads the trace that the engine gives of a compiled function. It is
// one of a file without the elements of the constants, which are given.
func ParseTrace(text []byte, constants []*core.Array) (FunctionTrace, error) {
	r := functionReader{&source{r: bytes.NewReader(text), left: int64(len(text)), local: true}, map[uint64]*core.Array{}}
	// The values are numbered in order, and the constants follow the inputs.
	n, err := r.count(8)
	if err != nil || n > 0 {
		return FunctionTrace{}, fault("", MLXFN, "", cmp.Or(err, corrupt("the engine's trace has keywords")))
	}
	if n, err = r.count(8); err != nil {
		return FunctionTrace{}, fault("", MLXFN, "", err)
	}
	for i, a := range constants {
		r.constants[n+uint64(i)] = a
	}
	r.source = &source{r: bytes.NewReader(text), left: int64(len(text)), local: true}
	var t FunctionTrace
	err = r.trace(&t)
	return t, fault("", MLXFN, "", err)
}
