package ir

import (
	"fmt"
	"slices"
	"strings"
)

// colours of the picture: light fills under dark text.
const (
	inputFill    = "#d9ead3"
	constantFill = "#eeeeee"
	outputFill   = "#cfe2f3"
	heavyFill    = "#f6b26b"
	elementFill  = "#fff2cc"
	otherFill    = "#ffffff"
	groupLine    = "#bf9000"
	groupFill    = "#fffaeb"
)

// DOT writes the program in graphviz' language: inputs green, constants grey,
// outputs blue, matrix products and convolutions orange, elementwise operations
// yellow with the fused ones in a box, and types on the edges. Of a group of many
// operations there are only the names.
func (p *Program) DOT() string {
	d := drawing{values: p.Values(), from: map[int]string{}}
	d.line("digraph program {")
	d.line("  label=%s labelloc=t fontsize=16", quote(p.Name+"\n"+p.Cost.String()))
	d.line("  nodesep=0.25 ranksep=0.35 fontname=Helvetica")
	d.line("  node [shape=box style=\"rounded,filled\" fontname=Helvetica fontsize=12 margin=\"0.12,0.06\" height=0.3 fillcolor=\"%s\"]", otherFill)
	d.line("  edge [fontname=Helvetica fontsize=9 fontcolor=\"#555555\" color=\"#777777\" arrowsize=0.6]")
	for _, in := range p.Inputs {
		d.leaf(in.Value, in.Path, inputFill)
	}
	for _, c := range p.Constants {
		if c.Text == "" { // scalars are written into the nodes that use them
			d.leaf(c.Value, "constant", constantFill)
		} else {
			d.scalar(c)
		}
	}
	for i := range p.Nodes {
		d.node(fmt.Sprintf("n%d", i), &p.Nodes[i])
	}
	for i, o := range p.Outputs {
		name := fmt.Sprintf("o%d", i)
		d.line("  %s [label=%s fillcolor=\"%s\"]", name, quote(o.Path), outputFill)
		d.edge(o.ID, name)
	}
	d.line("}")
	return d.b.String()
}

type drawing struct {
	b      strings.Builder
	values map[int]Value
	from   map[int]string // the box that a value comes from
	text   map[int]string // values that are written where they are used
}

func (d *drawing) line(format string, args ...any) { fmt.Fprintf(&d.b, format+"\n", args...) }

func (d *drawing) leaf(v Value, label, fill string) {
	name := fmt.Sprintf("v%d", v.ID)
	d.from[v.ID] = name
	d.line("  %s [label=%s fillcolor=\"%s\"]", name, quote(label+"\n"+v.Type()), fill)
}

func (d *drawing) scalar(c Constant) {
	if d.text == nil {
		d.text = map[int]string{}
	}
	d.text[c.ID] = c.Text
}

func (d *drawing) node(name string, n *Node) {
	if len(n.Body) == 0 || n.listed() {
		d.box("  ", name, n)
		return
	}
	d.line("  subgraph cluster_%s {", name)
	d.line("    label=\"fused: %s\" labeljust=l fontsize=10 fontcolor=\"%s\"", count(len(n.Body), "operation"), groupLine)
	d.line("    style=\"rounded,filled\" color=\"%s\" fillcolor=\"%s\"", groupLine, groupFill)
	for i := range n.Body {
		d.line("    %s_%d", name, i)
	}
	d.line("  }")
	for i := range n.Body {
		d.box("  ", fmt.Sprintf("%s_%d", name, i), &n.Body[i])
	}
}

// mostDrawn is the size of a group that is drawn operation by operation. Those of a
// larger one are counted.
const mostDrawn = 12

// listed says whether a group is one box with the names of its operations.
func (n *Node) listed() bool { return n.named() || len(n.Body) > mostDrawn }

func (d *drawing) box(indent, name string, n *Node) {
	label := n.Op
	if n.listed() {
		label = "fused:"
		for i, op := range n.names() {
			label += []string{"\n", " "}[min(i%3, 1)] + op
		}
	}
	scalars := d.scalars(n)
	if len(scalars) > 0 {
		label += []string{" ", "\nwith "}[min(len(n.Body), 1)] + strings.Join(scalars, ", ")
	}
	if n.Attributes != "" {
		label += "\n" + n.Attributes
	}
	fill, more := otherFill, ""
	switch {
	case n.Heavy():
		fill, more = heavyFill, " penwidth=2 fontsize=14"
		label += "\n" + amount(n.Cost.FLOP, "FLOP")
	case n.listed():
		fill, more = groupFill, fmt.Sprintf(" color=\"%s\"", groupLine)
	case n.Elementwise():
		fill = elementFill
	case n.view():
		more = " color=\"#aaaaaa\" fontcolor=\"#555555\" fontsize=10"
	}
	d.line("%s%s [label=%s fillcolor=\"%s\"%s]", indent, name, quote(label), fill, more)
	for _, id := range n.In {
		d.edge(id, name)
	}
	for _, v := range n.Out {
		d.from[v.ID] = name
	}
}

// names are those of a group's operations, of many with their numbers.
func (n *Node) names() []string {
	var names []string
	times := map[string]int{}
	for _, b := range n.Body {
		if times[b.Op]++; times[b.Op] == 1 || len(n.Body) <= mostDrawn {
			names = append(names, b.Op)
		}
	}
	for i, op := range names {
		if len(n.Body) > mostDrawn && times[op] > 1 {
			names[i] = fmt.Sprintf("%s×%d", op, times[op])
		}
	}
	return names
}

// scalars are the constants that are written into a node, each once.
func (d *drawing) scalars(n *Node) []string {
	var texts []string
	add := func(in []int) {
		for _, id := range in {
			if t, ok := d.text[id]; ok && (len(n.Body) == 0 || !slices.Contains(texts, t)) {
				texts = append(texts, t)
			}
		}
	}
	add(n.In)
	for _, b := range n.Body {
		add(b.In)
	}
	return texts
}

func (d *drawing) edge(id int, to string) {
	if t, ok := d.text[id]; ok {
		if !strings.HasPrefix(to, "o") {
			return
		}
		d.line("  v%d [label=%s fillcolor=\"%s\"]", id, quote(t), constantFill)
		d.from[id] = fmt.Sprintf("v%d", id)
	}
	d.line("  %s -> %s [label=\" %s\"]", d.from[id], to, d.values[id].Type())
}

// quote makes a text of graphviz' language, in which \n ends a line.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}
