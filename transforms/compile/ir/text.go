package ir

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// String writes the program one node a line, with what comes in above, what goes
// out below, and the estimated cost of all.
func (p *Program) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "program %s: %s\n", p.Name, count(p.Size(), "operation"))
	l := letters{names: map[int]string{}}
	var large []Constant
	for _, c := range p.Constants {
		if c.Text != "" {
			l.names[c.ID] = c.Text
		} else {
			large = append(large, c)
		}
	}
	p.section(&b, "inputs", len(p.Inputs), func(i int) (string, string) {
		in := p.Inputs[i]
		if in.Donated {
			return l.declare(in.Value), in.Path + ", donated"
		}
		return l.declare(in.Value), in.Path
	})
	p.section(&b, "constants", len(large), func(i int) (string, string) {
		return l.declare(large[i].Value), ""
	})
	fmt.Fprintln(&b, "nodes")
	many := p.streams() > 1
	for i := range p.Nodes {
		p.Nodes[i].write(&b, &l, "  ", many)
	}
	p.section(&b, "outputs", len(p.Outputs), func(i int) (string, string) {
		return l.name(p.Outputs[i].ID), p.Outputs[i].Path
	})
	fmt.Fprintf(&b, "estimated cost: %s\n", p.Cost)
	return b.String()
}

func (p *Program) section(b *strings.Builder, name string, n int, line func(i int) (left, right string)) {
	if n == 0 {
		return
	}
	fmt.Fprintln(b, name)
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	for i := range n {
		left, right := line(i)
		fmt.Fprintf(w, "  %s\t%s\n", left, right)
	}
	_ = w.Flush() // into memory
	for line := range strings.Lines(table.String()) {
		fmt.Fprintln(b, strings.TrimRight(line, " \n"))
	}
}

// letters names values in the order in which they are written. The numbers of
// constants are written out.
type letters struct {
	names map[int]string
	last  int
}

func (l *letters) name(id int) string {
	if _, known := l.names[id]; !known {
		l.names[id] = letter(l.last)
		l.last++
	}
	return l.names[id]
}

func (l *letters) declare(v Value) string { return l.name(v.ID) + ":" + v.Type() }

// letter is a to z, then aa to zz and so on.
func letter(n int) string {
	name := ""
	for n++; n > 0; n = (n - 1) / 26 {
		name = string(rune('a'+(n-1)%26)) + name
	}
	return name
}

// streams is the number of streams that nodes run on.
func (p *Program) streams() int {
	met := map[string]bool{}
	for _, n := range p.Nodes {
		met[n.Stream] = true
	}
	return len(met)
}

func (n *Node) write(b *strings.Builder, l *letters, indent string, stream bool) {
	b.WriteString(indent)
	for i, o := range n.Out {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(l.declare(o))
	}
	b.WriteString(" = " + n.Op)
	for _, id := range n.In {
		b.WriteString(" " + l.name(id))
	}
	if n.Attributes != "" {
		b.WriteString(" " + n.Attributes)
	}
	if stream {
		b.WriteString(" on " + n.Stream)
	}
	if n.Heavy() {
		b.WriteString("  # " + amount(n.Cost.FLOP, "FLOP"))
	}
	if n.named() {
		b.WriteString(" { ")
		for _, op := range n.Body {
			b.WriteString(op.Op + " ")
		}
		b.WriteString("}\n")
		return
	}
	b.WriteByte('\n')
	for i := range n.Body {
		n.Body[i].write(b, l, indent+"    ", false)
	}
}
