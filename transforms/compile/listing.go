package compile

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/compile/ir"
)

// tape is what the engine tells of a trace.
type tape struct {
	tapeGraph
	Groups []struct {
		Node int      `json:"node"`
		Ops  []string `json:"ops"`
	} `json:"groups"`
	Unfused []struct {
		Node int    `json:"node"`
		Why  string `json:"why"`
	} `json:"unfused"`
	Recorded int `json:"recorded"`
}

// tapeGraph numbers its values: the inputs, the constants, then the results of
// the nodes in order.
type tapeGraph struct {
	Inputs    int `json:"inputs"`
	Constants []struct {
		Spec  tapeSpec `json:"spec"`
		Value string   `json:"value"`
	} `json:"constants"`
	Nodes   []tapeNode `json:"nodes"`
	Outputs []int      `json:"outputs"`
}

type tapeNode struct {
	Op         string     `json:"op"`
	Attributes string     `json:"attributes"`
	Stream     string     `json:"stream"`
	In         []int      `json:"in"`
	Out        []tapeSpec `json:"out"`
	Body       *tapeGraph `json:"body"` // of a fused node
}

type tapeSpec struct {
	DType int   `json:"dtype"`
	Shape []int `json:"shape"`
}

func (s tapeSpec) value(id int) ir.Value {
	return ir.Value{ID: id, DType: core.DType(s.DType + 1), Shape: s.Shape}
}

// Program returns what the trace for these arguments computes, recording one
// when there is none, without adding it to the Func. Without arguments it is the
// latest trace that is held; there must be one, unless the function has no
// parameters.
func (p *program) Program(args ...any) *ir.Program {
	if len(args) > 0 || len(p.params) == 0 {
		return p.lowered("Func.Program", args)
	}
	p.mu.Lock()
	records := p.history.records
	p.mu.Unlock()
	for i := len(records) - 1; i >= 0; i-- {
		if prog, _, held := p.listing(records[i].entry); held {
			return prog
		}
	}
	core.Failf(p.op, "no trace is held: call the function first, or give Program arguments")
	return nil
}

// lowered is the program for arguments, of the trace that is held for them if
// there is one.
func (p *program) lowered(what string, args []any) *ir.Program {
	r := p.read(p.values(what, args))
	out, e, ok := p.open().Run(p.op, r.key, r.arrays, p.isShapeless())
	core.Free(out)
	if ok {
		if prog, _, held := p.listing(e.(*entry)); held {
			return prog
		}
	}
	return p.lower(what, args).Program()
}

// listing is the program of an entry and the number of operations that were
// recorded; it is not held when it was evicted.
func (p *program) listing(e *entry) (prog *ir.Program, recorded int, held bool) {
	p.mu.Lock()
	c := p.core
	p.mu.Unlock()
	if c == nil {
		return nil, 0, false
	}
	text, held := c.Describe(p.op, e.tag)
	if !held {
		return nil, 0, false
	}
	prog, recorded = p.decode(text, e)
	return prog, recorded, true
}

func (p *program) decode(text []byte, e *entry) (*ir.Program, int) {
	var t tape
	if err := json.Unmarshal(text, &t); err != nil {
		core.Fail(p.op, nil, fmt.Errorf("the engine's account of the program cannot be read: %w", err))
	}
	l := lister{prog: &ir.Program{Name: p.title()}}
	ids := l.inputs(e)
	ids = l.constants(ids, &t.tapeGraph)
	bodies := make([][]int, len(t.Nodes)) // the numbers of what a body begins with
	for i, n := range t.Nodes {
		if n.Body != nil {
			bodies[i] = l.constants(nil, n.Body)
		}
	}
	for i, n := range t.Nodes {
		ids = l.node(ids, n, bodies[i])
	}
	for _, g := range t.Groups {
		if n := &l.prog.Nodes[g.Node]; len(n.Body) == 0 { // of a GPU, where only the names are known
			for _, op := range g.Ops {
				n.Body = append(n.Body, ir.Node{Op: op})
			}
		}
	}
	for _, u := range t.Unfused {
		l.prog.Nodes[u.Node].Alone = u.Why
	}
	for i, o := range t.Outputs {
		l.prog.Outputs = append(l.prog.Outputs, ir.Output{ID: ids[o], Path: e.outputs[i]})
	}
	l.prog.Estimate()
	return l.prog, t.Recorded
}

// lister makes a program of a tape. It numbers the values in the order in which
// they are listed; ids leads from the tape's numbers to these.
type lister struct {
	prog *ir.Program
	last int
}

func (l *lister) next() int {
	l.last++
	return l.last - 1
}

func (l *lister) inputs(e *entry) (ids []int) {
	for _, in := range e.inputs {
		v := ir.Value{ID: l.next(), DType: in.spec.DType, Shape: in.spec.Shape}
		l.prog.Inputs = append(l.prog.Inputs, ir.Input{Value: v, Path: in.path, Donated: in.donated})
		ids = append(ids, v.ID)
	}
	return ids
}

func (l *lister) constants(ids []int, g *tapeGraph) []int {
	for _, c := range g.Constants {
		v := c.Spec.value(l.next())
		l.prog.Constants = append(l.prog.Constants, ir.Constant{Value: v, Text: c.Value})
		ids = append(ids, v.ID)
	}
	return ids
}

func (l *lister) node(ids []int, n tapeNode, constants []int) []int {
	node := n.plain(ids)
	if n.Body == nil {
		for _, s := range n.Out {
			node.Out = append(node.Out, s.value(l.next()))
		}
	} else {
		inner := append(slices.Clone(node.In), constants...)
		values := map[int]ir.Value{}
		for _, b := range n.Body.Nodes {
			op := b.plain(inner)
			for _, s := range b.Out {
				v := s.value(l.next())
				op.Out = append(op.Out, v)
				values[v.ID] = v
				inner = append(inner, v.ID)
			}
			node.Body = append(node.Body, op)
		}
		for _, o := range n.Body.Outputs {
			node.Out = append(node.Out, values[inner[o]])
		}
	}
	for _, v := range node.Out {
		ids = append(ids, v.ID)
	}
	l.prog.Nodes = append(l.prog.Nodes, node)
	return ids
}

// plain is a node without its results.
func (n tapeNode) plain(ids []int) ir.Node {
	out := ir.Node{Op: strings.ReplaceAll(n.Op, " ", ""), Attributes: n.Attributes, Stream: n.Stream}
	for _, in := range n.In {
		out.In = append(out.In, ids[in])
	}
	return out
}
