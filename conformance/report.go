package conformance

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/adjoint-go/adjoint/core"
)

// Report is the result of a run.
type Report struct {
	Device  string       `json:"device"`
	Seed    uint64       `json:"seed"`
	Quick   bool         `json:"quick"`
	Seconds float64      `json:"seconds"`
	Ops     int          `json:"ops"`
	Cases   int          `json:"cases"`
	Failed  int          `json:"failed"`
	Refused int          `json:"refused"` // what cannot be done and was refused with a typed error
	Kinds   []KindReport `json:"kinds"`
	Rows    []RowReport  `json:"rows"` // by op, in the order of the op table
	// Closed lists declared gaps that no longer are: every case gave the right
	// value. The row's note should go.
	Closed   []string  `json:"closed_gaps"`
	Failures []Failure `json:"failures"`

	gaps map[string]bool // by op and note: whether one was refused or failed
}

// KindReport sums up the cases of one kind.
type KindReport struct {
	Kind      Kind  `json:"kind"`
	Cases     int   `json:"cases"`
	Failed    int   `json:"failed"`
	Refused   int   `json:"refused"`
	Wide      int   `json:"float64"`    // passed against differences in float64
	Half      int   `json:"half"`       // passed in float16 and bfloat16
	Worst     Worst `json:"worst"`      // of cases that passed, half precision apart
	WorstHalf Worst `json:"worst_half"` // of float16 and bfloat16
}

// RowReport sums up the cases of one op.
type RowReport struct {
	Op    string         `json:"op"`
	Kinds map[Kind]Tally `json:"kinds"`
}

// Tally counts cases of one op and kind.
type Tally struct {
	Cases   int    `json:"cases"`
	Failed  int    `json:"failed"`
	Refused int    `json:"refused"`
	Why     string `json:"why,omitempty"` // of what was refused: the row's word, or the error
}

// Worst is the largest relative error of some cases.
type Worst struct {
	Error float64 `json:"error"`
	Case  string  `json:"case"` // "" where all were exact
}

// String is like "1.4e-07 prod/0/float32/layout".
func (w Worst) String() string {
	if w.Case == "" {
		return "exact"
	}
	return fmt.Sprintf("%.1e %s", w.Error, w.Case)
}

// Failure is a case that failed.
type Failure struct {
	Case   string `json:"case"`
	Reason string `json:"reason"` // one line
	Rerun  string `json:"rerun"`  // a command that runs the case alone
}

func newReport(o Options, device string) *Report {
	r := &Report{
		Device: device, Seed: o.Seed, Quick: o.Quick, Closed: []string{}, Failures: []Failure{},
		gaps: map[string]bool{},
	}
	for _, k := range Kinds() {
		r.Kinds = append(r.Kinds, KindReport{Kind: k})
	}
	return r
}

func (r *Report) add(c Case, o outcome, err error) {
	r.Cases++
	if n := len(r.Rows); n == 0 || r.Rows[n-1].Op != c.Op {
		r.Rows = append(r.Rows, RowReport{c.Op, map[Kind]Tally{}})
	}
	row := r.Rows[len(r.Rows)-1].Kinds
	t := row[c.Kind]
	t.Cases++
	defer func() { row[c.Kind] = t }()
	k := &r.Kinds[slices.IndexFunc(r.Kinds, func(k KindReport) bool { return k.Kind == c.Kind })]
	k.Cases++
	if o.gap != "" {
		gap := c.Op + ": " + o.gap
		r.gaps[gap] = r.gaps[gap] || o.refused || err != nil
	}
	switch {
	case err != nil:
		r.Failed++
		k.Failed++
		t.Failed++
		r.Failures = append(r.Failures, Failure{c.Name(), reason(err), Rerun(c.Name(), r.Seed)})
	case o.refused:
		r.Refused++
		k.Refused++
		t.Refused++
		if t.Why = o.gap; t.Why == "" && o.why != nil {
			t.Why = reason(o.why)
		}
	default:
		if o.wide {
			k.Wide++
		}
		w := &k.Worst
		if c.DType == core.Float16 || c.DType == core.BFloat16 {
			k.Half++
			w = &k.WorstHalf
		}
		if o.worst > w.Error {
			*w = Worst{o.worst, c.Name()}
		}
	}
}

// reason is one line that says what went wrong, without the place in this package
// that an *core.Error names.
func reason(err error) string {
	text := err.Error()
	var e *core.Error
	if errors.As(err, &e) {
		text = e.Err.Error()
		if e.Op != "invoke" {
			text = e.Op + ": " + text
		}
	}
	return strings.Join(strings.Fields(text), " ")
}

func (r *Report) finish(took time.Duration) {
	r.Seconds = took.Seconds()
	r.Ops = len(r.Rows)
	for gap, open := range r.gaps {
		if !open {
			r.Closed = append(r.Closed, gap)
		}
	}
	slices.Sort(r.Closed)
}

// of is what became of an op's cases.
func (r *Report) of(op string) tallies {
	for _, row := range r.Rows {
		if row.Op == op {
			return row.Kinds
		}
	}
	return nil
}

// refusals are lines on what was refused: op, kinds, and why.
func (r *Report) refusals() []string {
	var out []string
	for _, row := range r.Rows {
		by := map[string][]string{}
		var whys []string
		for _, k := range Kinds() {
			if t := row.Kinds[k]; t.Refused > 0 {
				if by[t.Why] == nil {
					whys = append(whys, t.Why)
				}
				by[t.Why] = append(by[t.Why], fmt.Sprintf("%s %d", k, t.Refused))
			}
		}
		for _, why := range whys {
			out = append(out, fmt.Sprintf("refused %s: %s (%s)", row.Op, why, strings.Join(by[why], ", ")))
		}
	}
	return out
}

// Rerun is a command that runs the case of a name alone.
func Rerun(name string, seed uint64) string {
	cmd := fmt.Sprintf("adjoint conformance --run '^%s$'", regexp.QuoteMeta(name))
	if seed > 1 {
		cmd += fmt.Sprintf(" --seed %d", seed)
	}
	return cmd
}

// Write prints the report for people.
func (r *Report) Write(w io.Writer) error {
	fmt.Fprintf(w, "%d cases of %d ops on %s in %.0f s, seed %d: %d failed, %d refused with a typed error\n", r.Cases, r.Ops, r.Device, r.Seconds, r.Seed, r.Failed, r.Refused)
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "kind\tcases\tfailed\trefused\tdifferences in float64\tworst relative error\tin half precision")
	for _, k := range r.Kinds {
		if k.Cases == 0 {
			continue
		}
		wide, half := "–", "–"
		if k.Wide > 0 {
			wide = fmt.Sprint(k.Wide)
		}
		if k.Half > 0 {
			half = k.WorstHalf.String()
		}
		fmt.Fprintf(tab, "%s\t%d\t%d\t%d\t%s\t%v\t%s\n", k.Kind, k.Cases, k.Failed, k.Refused, wide, k.Worst, half)
	}
	if err := tab.Flush(); err != nil {
		return err
	}
	for _, line := range r.refusals() {
		fmt.Fprintln(w, line)
	}
	for _, g := range r.Closed {
		fmt.Fprintf(w, "gap closed: %s\n", g)
	}
	for _, f := range r.Failures {
		fmt.Fprintf(w, "FAIL %s: %s\n     %s\n", f.Case, f.Reason, f.Rerun)
	}
	return nil
}
