package grad

import (
	"fmt"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/adjoint-go/adjoint/core"
)

// Report is what [Check] found.
type Report struct {
	Method string // "central differences" or "complex step"
	Leaves []Leaf
}

// Leaf is what was found at one differentiated leaf.
type Leaf struct {
	Path    string // "" when the argument is one array
	Spec    core.Spec
	Checked int        // elements looked at
	Reverse *Deviation // of reverse mode
	Forward *Deviation // of forward mode; nil when it was left out
}

// Deviation is how far derivatives are from the numeric ones.
type Deviation struct {
	Abs, Rel  float64 // the greatest ones
	At        []int   // the index of the element that is worst for its tolerance
	Got, Want float64 // there
	Excess    float64 // its distance in units of the tolerance; above 1 is wrong
	Err       error   // why there is no derivative
}

// OK says whether all derivatives agree.
func (r Report) OK() bool { return r.worst() == nil }

// OK says whether the derivatives agree.
func (d *Deviation) OK() bool { return d == nil || d.Err == nil && d.Excess <= 1 }

// note takes one derivative into account.
func (d *Deviation) note(got, want, slack float64, at []int) {
	off := math.Abs(got - want)
	if got == want {
		off = 0 // also at infinity
	} else if math.IsNaN(off) {
		off = math.Inf(1)
	}
	excess := 0.0
	if off > 0 {
		excess = off / slack
		d.Rel = max(d.Rel, off/max(math.Abs(got), math.Abs(want)))
	}
	d.Abs = max(d.Abs, off)
	if d.At == nil || excess > d.Excess {
		d.At, d.Got, d.Want, d.Excess = at, got, want, excess
	}
}

// finding is one deviation with its place.
type finding struct {
	leaf Leaf
	mode string
	*Deviation
}

func (r Report) findings() []finding {
	var all []finding
	for _, l := range r.Leaves {
		all = append(all, finding{l, "reverse", l.Reverse})
		if l.Forward != nil {
			all = append(all, finding{l, "forward", l.Forward})
		}
	}
	return all
}

// worst is the deviation that is most wrong, nil when none is.
func (r Report) worst() *finding {
	var worst *finding
	for _, f := range r.findings() {
		if !f.OK() && (worst == nil || f.Err == nil && f.Excess > worst.Excess) {
			worst = &f
		}
	}
	return worst
}

// String is a table with a line per leaf and mode.
func (r Report) String() string {
	var b strings.Builder
	wrong := 0
	all := r.findings()
	for _, f := range all {
		if !f.OK() {
			wrong++
		}
	}
	if wrong == 0 {
		fmt.Fprintf(&b, "derivatives agree with %s\n", r.Method)
	} else {
		fmt.Fprintf(&b, "%d of %d derivatives differ from %s\n", wrong, len(all), r.Method)
	}
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\tleaf\tarray\tchecked\tmode\tmax abs\tmax rel\tworst at\tgot\twant")
	for _, f := range all {
		mark := "ok"
		if !f.OK() {
			mark = "WRONG"
		}
		fmt.Fprintf(w, "%s\t%s\t%v\t%d\t%s\t", mark, f.leaf.name(), f.leaf.Spec, f.leaf.Checked, f.mode)
		if f.Err != nil {
			fmt.Fprintf(w, "%v\n", f.Err)
			continue
		}
		fmt.Fprintf(w, "%.2g\t%.2g\t%v\t%.6g\t%.6g\n", f.Abs, f.Rel, f.At, f.Got, f.Want)
	}
	_ = w.Flush() // a strings.Builder takes everything
	return strings.TrimSuffix(b.String(), "\n")
}

func (l Leaf) name() string {
	if l.Path == "" {
		return "argument"
	}
	return l.Path
}

// Mismatch is the error of derivatives that are wrong.
type Mismatch struct{ Report Report }

// Error says in one line what is most wrong; the table is in Report.
func (m *Mismatch) Error() string {
	f := m.Report.worst()
	if f.Err != nil {
		return fmt.Sprintf("grad.Check: %s: no derivative in %s mode: %v", f.leaf.name(), f.mode, f.Err)
	}
	n := 0
	for _, f := range m.Report.findings() {
		if !f.OK() {
			n++
		}
	}
	return fmt.Sprintf("grad.Check: %s at %v: %s mode gives %.6g, %s give %.6g (%d of %d comparisons fail)",
		f.leaf.name(), f.At, f.mode, f.Got, m.Report.Method, f.Want, n, len(m.Report.findings()))
}
