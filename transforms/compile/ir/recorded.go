package ir

import (
	"fmt"
	"strings"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/mlxio"
)

// Recorded is a trace of an .mlxfn file as a program. name is what it is called.
func Recorded(name string, t *mlxio.FunctionTrace) *Program {
	p := &Program{Name: name}
	positional := len(t.Inputs) - len(t.Keywords)
	for i, s := range t.Inputs {
		path := fmt.Sprintf("argument %d", i)
		if i >= positional {
			path = "argument " + printable(t.Keywords[i-positional])
		}
		p.Inputs = append(p.Inputs, Input{Value: Value{i, s.DType, s.Shape}, Path: path})
	}
	next := len(t.Inputs)
	for _, a := range t.Constants {
		s := a.Spec()
		c := Constant{Value: Value{next, s.DType, s.Shape}}
		if c.Size() == 1 && s.DType != core.Complex64 {
			c.Text = fmt.Sprint(a.Item())
		}
		p.Constants = append(p.Constants, c)
		next++
	}
	for i := range t.Nodes {
		n := &t.Nodes[i]
		op, rest := spelled(n)
		node := Node{Op: op, In: n.In, Attributes: rest, Stream: n.Device.String()}
		for _, s := range n.Out {
			node.Out = append(node.Out, Value{next, s.DType, s.Shape})
			next++
		}
		p.Nodes = append(p.Nodes, node)
	}
	for i, o := range t.Outputs {
		p.Outputs = append(p.Outputs, Output{o, fmt.Sprintf("result %d", i)})
	}
	p.Estimate()
	return p
}

// kinds are the names of primitives that stand for several operations, by the first
// value that they hold.
var kinds = map[string][]string{
	"BitwiseBinary": {"BitwiseAnd", "BitwiseOr", "BitwiseXor", "LeftShift", "RightShift"},
	"Log":           {"Log2", "Log10", "Log"},
	"Reduce":        {"And", "Or", "Sum", "Prod", "Min", "Max"},
	"Scan":          {"CumMax", "CumMin", "CumSum", "CumProd", "CumLogAddExp"},
	"Scatter":       {"ScatterMax", "ScatterMin", "ScatterSum", "ScatterProd", "Scatter"},
	"ScatterAxis":   {"ScatterAxisSum", "ScatterAxis"},
}

// spelled is an operation's name and what else it holds.
func spelled(n *mlxio.FunctionNode) (op, rest string) {
	op = n.Op
	state := n.State
	if len(state) > 0 {
		k, ok := state[0].(int)
		if names := kinds[op]; ok && k >= 0 && k < len(names) {
			op, state = names[k], state[1:]
		}
		if recip, ok := n.State[0].(bool); op == "Sqrt" && ok {
			if state = nil; recip {
				op = "Rsqrt"
			}
		}
	}
	var words []string
	for _, v := range state {
		words = append(words, printable(fmt.Sprint(v)))
	}
	return op, strings.Join(words, " ")
}

// printable shortens text of a file and keeps it on one line.
func printable(s string) string {
	const most = 60
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
