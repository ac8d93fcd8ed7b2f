package programs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/adjoint-go/adjoint/conformance/internal/sample"
	"github.com/adjoint-go/adjoint/core"
)

// Options says what to run.
type Options struct {
	// Programs is how many are made; 0 stands for 1.
	Programs int
	// Seed chooses them; 0 stands for 1. First is the number of the first one.
	Seed  uint64
	First int
	// Trail is a file that always holds the name of the program that runs and of
	// the check, so that one that takes the process down can be told. Empty: none.
	Trail string
	// Progress is called before each program. nil: nothing is called.
	Progress func(done, total int)

	// wrap replaces an op's function, to plant faults.
	wrap func(op string, f core.FlatFunc) core.FlatFunc
}

// Report is the result of a run.
type Report struct {
	Device     string    `json:"device"`
	Seed       uint64    `json:"seed"`
	Seconds    float64   `json:"seconds"`
	Programs   int       `json:"programs"`
	Steps      int       `json:"steps"`      // ops and constructs in them
	Ops        int       `json:"ops"`        // different ops among those
	Transforms int       `json:"transforms"` // in their stacks
	Failed     int       `json:"failed"`
	Refused    int       `json:"refused"` // ended by a typed error that an op's row declares
	Smooth     int       `json:"smooth"`  // derivatives held against differences
	Rough      int       `json:"rough"`   // derivatives of which differences say nothing
	Failures   []Failure `json:"failures"`
}

// Failure is a program that failed.
type Failure struct {
	Program int    `json:"program"`
	Check   string `json:"check"`  // which found it
	Reason  string `json:"reason"` // one line
	Minimal string `json:"minimal"`
	Steps   int    `json:"steps"` // ops and constructs in the minimal program
	Rerun   string `json:"rerun"` // a command that runs the program alone
}

// Name is what the trail calls a program.
func Name(number int) string { return fmt.Sprintf("program/%d", number) }

// Rerun is a command that runs the program of that number alone.
func Rerun(number int, seed uint64) string {
	return fmt.Sprintf("adjoint conformance --programs 1 --first %d --seed %d", number, seed)
}

// Run makes programs and checks them. Errors: the engine does not open, or the
// trail cannot be written. Programs that fail are no error; they are in the report.
func Run(o Options) (*Report, error) {
	device, err := core.Try(func() string { return core.Devices()[0].String() })
	if e := (*core.Error)(nil); errors.As(err, &e) {
		return nil, e.Err
	}
	o.Seed, o.Programs = max(o.Seed, 1), max(o.Programs, 1)
	note := func(string) error { return nil }
	if o.Trail != "" {
		trail, err := os.Create(o.Trail)
		if err != nil {
			return nil, fmt.Errorf("programs: %w", err)
		}
		defer trail.Close()
		// Padded, so that one write replaces every longer text before it.
		note = func(text string) error {
			_, err := trail.WriteAt(fmt.Appendf(nil, "%-300.300s\n", text), 0)
			return err
		}
	}
	start := time.Now()
	r := &Report{Device: device, Seed: o.Seed, Programs: o.Programs, Failures: []Failure{}}
	g := newGrammar()
	ops := map[string]bool{}
	for i := range o.Programs {
		number := o.First + i
		if o.Progress != nil {
			o.Progress(i, o.Programs)
		}
		if err := note(Name(number)); err != nil {
			return nil, fmt.Errorf("programs: %w", err)
		}
		g.note = func(text string) { _ = note(Name(number) + " " + text) }
		core.TidyDo(func() {
			s := g.subject(o.Seed, number)
			s.note = g.note
			r.add(number, s, o.wrap, ops)
		})
	}
	r.Ops = len(ops)
	r.Seconds = time.Since(start).Seconds()
	return r, nil
}

func (r *Report) add(number int, s *subject, wrap func(string, core.FlatFunc) core.FlatFunc, ops map[string]bool) {
	r.Steps += s.p.size()
	r.Transforms += len(s.stack)
	s.p.each(func(st *step) {
		if st.row != nil {
			ops[st.row.Name] = true
		}
	})
	v, f := s.check(wrap)
	r.Smooth += v.smooth
	r.Rough += v.rough
	if v.refused {
		r.Refused++
	}
	if f == nil {
		return
	}
	r.Failed++
	small := shrink(s, func(c *subject) bool {
		_, g := c.check(wrap)
		return g != nil && g.class() == f.class()
	})
	if _, g := small.check(wrap); g != nil {
		f = g
	}
	r.Failures = append(r.Failures, Failure{number, f.check, oneLine(f.reason), small.String(), small.p.size(), Rerun(number, r.Seed)})
}

// class tells faults apart that have another cause.
func (f *fault) class() string {
	text := f.check + ": " + oneLine(f.reason)
	return digits.ReplaceAllString(text[:min(len(text), 60)], "#")
}

var place = regexp.MustCompile(` \(programs/\w+\.go:\d+\)`)

var digits = regexp.MustCompile(`[-+.0-9e]+`)

// oneLine is a reason without the place in this package that a *core.Error names.
func oneLine(err error) string {
	text := place.ReplaceAllString(err.Error(), "")
	return strings.Join(strings.Fields(text), " ")
}

// Write prints the report for people.
func (r *Report) Write(w io.Writer) error {
	for _, f := range r.Failures {
		fmt.Fprintf(w, "FAIL %s, %s: %s\n     %s\n%s\n", Name(f.Program), f.Check, f.Reason, f.Rerun, f.Minimal)
	}
	_, err := fmt.Fprintf(w, "%d programs, %d failed, %d refused as declared, on %s in %.0f s, seed %d: %d steps of %d ops, %d transforms, %d derivatives held against differences, %d where differences say nothing\n",
		r.Programs, r.Failed, r.Refused, r.Device, r.Seconds, r.Seed, r.Steps, r.Ops, r.Transforms, r.Smooth, r.Rough)
	return err
}

// subject makes the program of a number with its stack.
func (g *grammar) subject(seed uint64, number int) *subject {
	r := sample.Source(seed, Name(number))
	s := &subject{p: g.grow(r, 1+r.IntN(30)), seed: r.Uint64()}
	for range r.IntN(5) {
		// One that does not fit is left out.
		_ = caught(func() error { return s.push(r) })
	}
	return s
}
