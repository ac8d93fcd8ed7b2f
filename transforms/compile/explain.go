package compile

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/adjoint-go/adjoint/transforms/compile/ir"
)

// Explanation says why a Func recorded what it did, and what became of it.
type Explanation struct {
	Name    string  `json:"name"`
	Stats   Stats   `json:"stats"`
	Earlier int     `json:"earlier"` // traces too long ago to be listed
	Traces  []Trace `json:"traces"`
}

// Trace is one recording of a function.
type Trace struct {
	Number   int           `json:"number"` // 1 is the first
	When     time.Time     `json:"when"`
	Caller   string        `json:"caller"`   // file and line of the call
	Changes  []Change      `json:"changes"`  // against the nearest earlier trace; none for the first
	Against  int           `json:"against"`  // the number of that trace
	Confirms bool          `json:"confirms"` // it only showed that a shapeless trace holds at other sizes
	Took     time.Duration `json:"took"`
	Hits     int           `json:"hits"` // calls that repeated it
	Held     bool          `json:"held"` // false: it was evicted, or the Func was closed
	// What follows is known while the trace is held.
	Recorded int     `json:"recorded"` // operations as the function asked for them
	Nodes    int     `json:"nodes"`    // that a call runs
	Cost     ir.Cost `json:"cost"`
	// Fused are the operations of each node that does several at once.
	Fused [][]string `json:"fused"`
	// Alone are the elementwise operations that were not fused, and why.
	Alone []Alone `json:"alone"`
}

// Alone is an elementwise operation that runs by itself.
type Alone struct {
	Op  string `json:"op"`
	Why string `json:"why"`
}

// Explain tells of each trace: which part of the key asked for it, where, how
// long it took, how often it was used, and what was fused.
func (p *program) Explain() Explanation {
	p.mu.Lock()
	records := slices.Clone(p.history.records)
	e := Explanation{Name: p.title(), Earlier: p.history.dropped}
	p.mu.Unlock()
	e.Stats = p.Stats()
	for _, r := range records {
		e.Traces = append(e.Traces, p.explain(r))
	}
	return e
}

func (p *program) explain(r *record) Trace {
	t := Trace{Number: r.number, When: r.when, Caller: r.caller, Changes: r.changes, Against: r.against,
		Confirms: r.confirms, Took: r.took}
	if r.confirms {
		return t
	}
	t.Hits = int(r.entry.hits.Load())
	prog, recorded, held := p.listing(r.entry)
	if t.Held = held; !held {
		return t
	}
	t.Recorded, t.Nodes, t.Cost = recorded, len(prog.Nodes), prog.Cost
	for i := range prog.Nodes {
		n := &prog.Nodes[i]
		switch {
		case len(n.Body) > 0:
			var ops []string
			for _, b := range n.Body {
				if b.Op != "Broadcast" && b.Op != "Full" { // a node repeats what is smaller by itself
					ops = append(ops, b.Op)
				}
			}
			t.Fused = append(t.Fused, ops)
		case n.Alone != "":
			t.Alone = append(t.Alone, Alone{n.Op, n.Alone})
		}
	}
	return t
}

// String is a report for a terminal.
func (e Explanation) String() string {
	var b strings.Builder
	s := e.Stats
	fmt.Fprintf(&b, "%s: %s, %s, %s", e.Name, plural(s.Calls, "call"), plural(s.Hits, "hit"), plural(s.Traces, "trace"))
	if s.Evictions > 0 {
		fmt.Fprintf(&b, ", %d evicted", s.Evictions)
	}
	if s.Inline > 0 {
		fmt.Fprintf(&b, ", %s not compiled", plural(s.Inline, "call"))
	}
	fmt.Fprintf(&b, ", %v tracing\n", s.TraceTime.Round(microsecond))
	if e.Earlier > 0 {
		fmt.Fprintf(&b, "(%s before these)\n", plural(e.Earlier, "trace"))
	}
	before := ""
	for _, t := range e.Traces {
		t.write(&b)
		switch passes := t.passes(); {
		case passes == "":
		case passes == before:
			fmt.Fprintln(&b, "  fused and alone as above")
		default:
			b.WriteString(passes)
			before = passes
		}
	}
	return b.String()
}

// most is how many lines of one kind a trace is given.
const most = 6

func (t Trace) write(b *strings.Builder) {
	fmt.Fprintf(b, "trace %d  %s  %v", t.Number, t.Caller, t.Took.Round(microsecond))
	switch {
	case t.Confirms:
		fmt.Fprintf(b, ", showed that trace %d holds at other sizes\n", t.Against)
	case !t.Held:
		fmt.Fprintf(b, ", %s, evicted\n", plural(t.Hits, "hit"))
	default:
		fmt.Fprintf(b, ", %s\n", plural(t.Hits, "hit"))
	}
	for i, c := range t.Changes {
		if i == most {
			fmt.Fprintf(b, "  and %d more changes\n", len(t.Changes)-most)
			break
		}
		against := ""
		if i == 0 && t.Against != t.Number-1 {
			against = fmt.Sprintf(" (against trace %d)", t.Against)
		}
		fmt.Fprintf(b, "  %s%s\n", c, against)
	}
	if !t.Held {
		return
	}
	fmt.Fprintf(b, "  %s recorded, %s run%s, %s\n", plural(t.Recorded, "operation"), plural(t.Nodes, "node"), t.grouped(), t.Cost)
}

// grouped says how much is fused, where it cannot be seen from the list.
func (t Trace) grouped() string {
	if len(t.Fused) < 2 {
		return ""
	}
	n := 0
	for _, ops := range t.Fused {
		n += len(ops)
	}
	return fmt.Sprintf(" (%d of them do %d operations)", len(t.Fused), n)
}

// passes says what was fused, the largest groups first, and what was not.
func (t Trace) passes() string {
	var b strings.Builder
	groups := slices.Clone(t.Fused)
	slices.SortStableFunc(groups, func(a, b []string) int { return len(b) - len(a) })
	for _, line := range few(most, repeats(groups, runs)) {
		fmt.Fprintf(&b, "  fused  %s\n", line)
	}
	for _, line := range few(most, reasons(t.Alone)) {
		fmt.Fprintf(&b, "  alone  %s\n", line)
	}
	return b.String()
}

// repeats writes items, equal ones once with their number.
func repeats[T any](items []T, write func(T) string) []string {
	var lines []string
	times := map[string]int{}
	for _, item := range items {
		line := write(item)
		if times[line]++; times[line] == 1 {
			lines = append(lines, line)
		}
	}
	for i, line := range lines {
		if n := times[line]; n > 1 {
			lines[i] = fmt.Sprintf("%s (%d times)", line, n)
		}
	}
	return lines
}

// reasons writes the operations that were left alone, together those of one reason.
func reasons(alone []Alone) []string {
	ops := map[string][]string{}
	var whys []string
	for _, a := range alone {
		if ops[a.Why] == nil {
			whys = append(whys, a.Why)
		}
		ops[a.Why] = append(ops[a.Why], a.Op)
	}
	for i, why := range whys {
		whys[i] = fmt.Sprintf("%s: %s", runs(ops[why]), why)
	}
	return whys
}

// few shortens a list.
func few(most int, lines []string) []string {
	if len(lines) <= most {
		return lines
	}
	return append(slices.Clone(lines[:most-1]), fmt.Sprintf("and %d more kinds", len(lines)-most+1))
}

// runs writes a group's operations in order of their number: "Multiply×3 Add×2 Tanh".
func runs(ops []string) string {
	times := map[string]int{}
	var names []string
	for _, op := range ops {
		if times[op]++; times[op] == 1 {
			names = append(names, op)
		}
	}
	slices.SortStableFunc(names, func(a, b string) int { return times[b] - times[a] })
	for i, n := range names {
		if times[n] > 1 {
			names[i] = fmt.Sprintf("%s×%d", n, times[n])
		}
	}
	return fmt.Sprintf("%s: %s", plural(len(ops), "operation"), strings.Join(names, " "))
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
