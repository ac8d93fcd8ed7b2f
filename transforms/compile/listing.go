package compile

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/compile/ir"
)

// tape is what the engine tells of a trace.
type tape struct {
	Inputs    int `json:"inputs"`
	Constants []struct {
		Spec  tapeSpec `json:"spec"`
		Value string   `json:"value"`
	} `json:"constants"`
	Nodes  []tapeNode `json:"nodes"`
	Groups []struct {
		Node int      `json:"node"`
		Ops  []string `json:"ops"`
	} `json:"groups"`
	Unfused []struct {
		Node int    `json:"node"`
		Why  string `json:"why"`
	} `json:"unfused"`
	Outputs  []int `json:"outputs"`
	Recorded int   `json:"recorded"`
}

type tapeNode struct {
	Op         string     `json:"op"`
	Attributes string     `json:"attributes"`
	Stream     string     `json:"stream"`
	In         []int      `json:"in"`
	Out        []tapeSpec `json:"out"`
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
	prog := &ir.Program{Name: p.title()}
	id := 0
	for i := range t.Inputs {
		in := e.inputs[i]
		prog.Inputs = append(prog.Inputs, ir.Input{
			Value: ir.Value{ID: id, DType: in.spec.DType, Shape: in.spec.Shape}, Path: in.path, Donated: in.donated})
		id++
	}
	for _, c := range t.Constants {
		prog.Constants = append(prog.Constants, ir.Constant{Value: c.Spec.value(id), Text: c.Value})
		id++
	}
	for _, n := range t.Nodes {
		prog.Nodes = append(prog.Nodes, n.node(&id))
	}
	for _, g := range t.Groups {
		for _, op := range g.Ops {
			prog.Nodes[g.Node].Body = append(prog.Nodes[g.Node].Body, ir.Node{Op: op})
		}
	}
	for _, u := range t.Unfused {
		prog.Nodes[u.Node].Alone = u.Why
	}
	for i, o := range t.Outputs {
		prog.Outputs = append(prog.Outputs, ir.Output{ID: o, Path: e.outputs[i]})
	}
	prog.Estimate()
	return prog, t.Recorded
}

func (n tapeNode) node(id *int) ir.Node {
	out := ir.Node{Op: strings.ReplaceAll(n.Op, " ", ""), Attributes: n.Attributes, Stream: n.Stream, In: n.In}
	for _, s := range n.Out {
		out.Out = append(out.Out, s.value(*id))
		*id++
	}
	return out
}
