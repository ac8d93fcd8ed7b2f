package compile

import (
	"bytes"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/mlxio"
)

// Keywords names the last parameters of a function, which Python then passes by
// name. A parameter that is one array has that name; the arrays of another have
// their path behind it, "params.W". It matters to files alone.
func Keywords(names ...string) Option {
	return func(c *config) { c.keywords = append(c.keywords, names...) }
}

// Export writes what the function computes for arguments like these to an .mlxfn
// file, which [ImportFile] and MLX's import_function read. It is [Export] of
// [Func.Lower].
//
//	err := step.Export("step.mlxfn", params, batch)
func (p *program) Export(path string, args ...any) (err error) {
	defer core.Catch(&err)
	return Export(path, p.lower("Func.Export", args))
}

// Export writes traces to an .mlxfn file: of one function for several kinds of
// arguments, or of several functions. The file is replaced at once or, on an
// error, not at all. Equal traces of a program give equal files.
//
// The arrays of the arguments are the inputs, in the order of the arguments and
// within one in that of its tree; absent ones are left out, and static values are
// part of the trace. The arrays of the results are the outputs. Captured arrays
// are constants, stored once. Rules of [grad.Custom], checkpoints and names are
// left out, loops of a known number of steps are unrolled, up to 20000
// operations, and of a flow.Cond both sides are computed.
//
// A function that is [Shapeless] is written so; an operation that holds sizes (the
// ends of a slice, a new shape) has no place in such a file. MLX does not notice a
// constant that goes by the size of its trace; two traces for different sizes have
// it checked here.
//
// Errors: the function captures state, an operation is not MLX's (a plugin, a Go
// function, flow.While) or has no place in the format (linalg.LU, segmented
// products), two traces are for the same arguments, and those of writing a file.
//
// [grad.Custom]: https://pkg.go.dev/github.com/adjoint-go/adjoint/transforms/grad#Custom
func Export(path string, traces ...*Lowered) error {
	f, err := function(traces)
	if err != nil {
		return err
	}
	return mlxio.SaveFunction(path, f)
}

// ExportTo writes traces to w in the form of an .mlxfn file; see [Export].
func ExportTo(w io.Writer, traces ...*Lowered) error {
	f, err := function(traces)
	if err != nil {
		return err
	}
	return mlxio.WriteFunction(w, f)
}

// exporter collects traces. constants are those of all by the engine's number.
type exporter struct {
	mlxio.Function
	constants map[uint64]*core.Array
}

func function(traces []*Lowered) (f *mlxio.Function, err error) {
	defer core.Catch(&err)
	if len(traces) == 0 {
		core.Failf("compile.Export", "there is no trace to write")
	}
	if i := slices.Index(traces, nil); i >= 0 {
		core.Failf("compile.Export", "trace %d is nil", i)
	}
	e := exporter{constants: map[uint64]*core.Array{}}
	e.Shapeless = traces[0].p.shapeless
	for _, l := range traces {
		e.add(l)
	}
	return &e.Function, nil
}

func (e *exporter) add(l *Lowered) {
	p := l.p
	op := p.op
	switch {
	case p.stateful():
		core.Failf(op, "a function with captured state cannot be exported: pass the state as an argument")
	case p.shapeless != e.Shapeless:
		core.Failf(op, "a file is shapeless as a whole: export the functions to files of their own")
	case p.shapeless && p.sized.Load():
		core.Fail(op, nil, fmt.Errorf("%w: the function asks for the size of an array; compile it without compile.Shapeless to export it", core.ErrShapeless))
	}
	t := e.trace(l)
	for i, s := range t.Inputs {
		if p.shapeless && slices.Contains(s.Shape, 0) {
			core.Fail(op, nil, fmt.Errorf("%w: %s is empty; export with arrays that are not", core.ErrShapeless, l.record.entry.inputs[i].path))
		}
	}
	t.name(p, l.record.signature)
	for i := range e.Traces {
		other := &e.Traces[i]
		if !alike(&t.FunctionTrace, other, e.Shapeless) {
			continue
		}
		if !e.Shapeless || sameInputs(&t.FunctionTrace, other) {
			core.Failf(op, "traces %d and %d are for the same arguments", i, len(e.Traces))
		}
		if where := difference(&t.FunctionTrace, other); where != "" {
			core.Fail(op, nil, fmt.Errorf("%w: the program depends on the sizes of its arguments (at %s)", core.ErrShapeless, where))
		}
		return
	}
	e.Traces = append(e.Traces, t.FunctionTrace)
}

// exported is a trace with its inputs in the order of the arguments.
type exported struct{ mlxio.FunctionTrace }

func (e *exporter) trace(l *Lowered) exported {
	p := l.p
	tag := l.record.entry.tag
	tape, ok := l.core.Export(p.op, tag, p.shapeless)
	if !ok {
		tape, ok = p.open().Export(p.op, tag, p.shapeless) // Lowered.Compile moved it
	}
	if !ok {
		core.Failf(p.op, "the trace was dropped: lower the function again")
	}
	for i, id := range tape.IDs {
		if same, ok := e.constants[id]; ok {
			tape.Constants[i].Free()
			tape.Constants[i] = same
		}
		e.constants[id] = tape.Constants[i]
	}
	t, err := mlxio.ParseTrace(tape.Text, tape.Constants)
	if err != nil {
		core.Fail(p.op, nil, err)
	}
	return exported{t}
}

// name gives the inputs of the last parameters their keywords, and sorts them by
// these, as MLX does.
func (t *exported) name(p *program, s signature) {
	first := len(p.params) - len(p.keywords)
	if first < 0 {
		core.Failf(p.op, "compile.Keywords has %s, but the function takes %d", plural(len(p.keywords), "name"), len(p.params))
	}
	var names []string
	positional := 0
	for i, part := range s.parts[:len(p.params)] {
		for _, l := range part.leaves {
			switch {
			case l.spec.DType == core.NoDType:
			case i < first:
				positional++
			default:
				names = append(names, keyword(p.keywords[i-first], l.path))
			}
		}
	}
	order := make([]int, len(names))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(names[a], names[b]) })
	move := make([]int, len(t.Inputs))
	for i := range positional {
		move[i] = i
	}
	inputs := slices.Clone(t.Inputs)
	for to, from := range order {
		move[positional+from] = positional + to
		inputs[positional+to] = t.Inputs[positional+from]
		if to > 0 && names[from] == names[order[to-1]] {
			core.Failf(p.op, "two arguments are called %q: give compile.Keywords other names", names[from])
		}
		t.Keywords = append(t.Keywords, names[from])
	}
	t.Inputs = inputs
	renumber := func(values []int) {
		for i, v := range values {
			if v < len(move) {
				values[i] = move[v]
			}
		}
	}
	for _, n := range t.Nodes {
		renumber(n.In)
	}
	renumber(t.Outputs)
}

func keyword(name, path string) string {
	if path == "" {
		return name
	}
	return name + "." + path
}

// alike says whether a call could be meant for both traces.
func alike(a, b *mlxio.FunctionTrace, shapeless bool) bool {
	return slices.Equal(a.Keywords, b.Keywords) && slices.EqualFunc(a.Inputs, b.Inputs, func(x, y core.Spec) bool {
		if shapeless {
			return x.DType == y.DType && len(x.Shape) == len(y.Shape)
		}
		return sameSpec(x, y)
	})
}

func sameInputs(a, b *mlxio.FunctionTrace) bool {
	return slices.EqualFunc(a.Inputs, b.Inputs, sameSpec)
}

func sameSpec(x, y core.Spec) bool { return x.DType == y.DType && slices.Equal(x.Shape, y.Shape) }

// difference names the first operation in which two traces of a shapeless function
// differ, or nothing.
func difference(a, b *mlxio.FunctionTrace) string {
	if len(a.Nodes) != len(b.Nodes) {
		return "the number of operations"
	}
	for i := range a.Nodes {
		x, y := &a.Nodes[i], &b.Nodes[i]
		// A broadcast of several arrays finds its shape from these.
		free := x.Op == "Broadcast" && len(x.In) > 1
		if x.Op != y.Op || !slices.Equal(x.In, y.In) || !free && !reflect.DeepEqual(x.State, y.State) {
			return x.Op
		}
	}
	if !slices.Equal(a.Outputs, b.Outputs) || len(a.Constants) != len(b.Constants) {
		return "an output"
	}
	for i, x := range a.Constants {
		if y := b.Constants[i]; x != y && (!sameSpec(x.Spec(), y.Spec()) || !bytes.Equal(x.Bytes(), y.Bytes())) {
			return "a constant"
		}
	}
	return ""
}
