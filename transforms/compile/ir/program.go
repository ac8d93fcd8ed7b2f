package ir

import (
	"fmt"
	"strings"

	"github.com/adjoint-go/adjoint/core"
)

// Program is a recorded computation.
type Program struct {
	Name      string     `json:"name"`
	Inputs    []Input    `json:"inputs"`
	Constants []Constant `json:"constants"`
	Nodes     []Node     `json:"nodes"` // each after those that it reads
	Outputs   []Output   `json:"outputs"`
	Cost      Cost       `json:"cost"`
}

// Value is an array that a program computes with. ID is its number within the
// program.
type Value struct {
	ID    int        `json:"id"`
	DType core.DType `json:"dtype"`
	Shape []int      `json:"shape"`
}

// Input is an argument, or a part of one. Path says which: "argument 0 at W".
type Input struct {
	Value
	Path    string `json:"path"`
	Donated bool   `json:"donated,omitempty"` // its memory is the program's
}

// Constant is an array that the function captured. Text is the value of its
// elements when they are one and the same; it then takes the memory of one.
type Constant struct {
	Value
	Text string `json:"text,omitempty"`
}

// Output is a result, or a part of one; several may be the same value.
type Output struct {
	ID   int    `json:"id"`
	Path string `json:"path"`
}

// Node is one operation.
type Node struct {
	Op         string  `json:"op"`
	In         []int   `json:"in"` // the values that it reads
	Out        []Value `json:"out"`
	Attributes string  `json:"attributes,omitempty"` // "axes=[0]"
	Stream     string  `json:"stream,omitempty"`
	// Body are the elementwise operations of a fused node. They read the node's
	// inputs, constants and each other's results, some of which are the node's. Of
	// nodes of a GPU only the names are known.
	Body []Node `json:"body,omitempty"`
	// Alone says why an elementwise operation was not fused.
	Alone string `json:"alone,omitempty"`
	Cost  Cost   `json:"cost"`
}

// Size is the number of elements.
func (v Value) Size() int {
	n := 1
	for _, d := range v.Shape {
		n *= d
	}
	return n
}

// Bytes is the memory that the value takes.
func (v Value) Bytes() int { return v.Size() * v.DType.Size() }

var short = map[core.DType]string{
	core.Bool: "bool", core.Uint8: "u8", core.Uint16: "u16", core.Uint32: "u32", core.Uint64: "u64",
	core.Int8: "i8", core.Int16: "i16", core.Int32: "i32", core.Int64: "i64",
	core.Float16: "f16", core.Float32: "f32", core.Float64: "f64", core.BFloat16: "bf16", core.Complex64: "c64",
}

// Type is like "f32[128,10]".
func (v Value) Type() string {
	sizes := make([]string, len(v.Shape))
	for i, d := range v.Shape {
		sizes[i] = fmt.Sprint(d)
	}
	return short[v.DType] + "[" + strings.Join(sizes, ",") + "]"
}

// Each calls f for every node, a Fused one before its body.
func (p *Program) Each(f func(n *Node)) {
	for i := range p.Nodes {
		n := &p.Nodes[i]
		f(n)
		for j := range n.Body {
			f(&n.Body[j])
		}
	}
}

// Size is the number of operations, those in bodies in place of their Fused node.
func (p *Program) Size() int {
	size := 0
	for _, n := range p.Nodes {
		size += max(1, len(n.Body))
	}
	return size
}

// Fused are the nodes with a body.
func (p *Program) Fused() []Node {
	var out []Node
	for _, n := range p.Nodes {
		if len(n.Body) > 0 {
			out = append(out, n)
		}
	}
	return out
}

// Values returns every value by its number.
func (p *Program) Values() map[int]Value {
	all := map[int]Value{}
	for _, v := range p.Inputs {
		all[v.ID] = v.Value
	}
	for _, v := range p.Constants {
		all[v.ID] = v.Value
	}
	p.Each(func(n *Node) {
		for _, v := range n.Out {
			all[v.ID] = v
		}
	})
	return all
}
