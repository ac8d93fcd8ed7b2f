package conformance

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/ops"
)

// Options says what to run. The zero value runs everything.
type Options struct {
	// Run is a regular expression that the names of cases must match.
	Run string
	// Ops and Kinds, where given, are the ops and kinds that run.
	Ops   []string
	Kinds []Kind
	// Quick runs each op with its first dtype only.
	Quick bool
	// Seed chooses the inputs; 0 stands for 1.
	Seed uint64
	// Trail is a file that always holds the name of the case that runs, so that
	// one that takes the process down can be told. Empty: none.
	Trail string
	// Progress is called before each case. nil: nothing is called.
	Progress func(done, total int, c Case)

	// wrap replaces an op's function, to plant faults.
	wrap func(op string, f core.FlatFunc) core.FlatFunc
}

// Run runs the cases that o chooses. Errors: the pattern is malformed or matches
// no case, the engine does not open, or the trail cannot be written. Cases that
// fail are no error; they are in the report.
func Run(o Options) (*Report, error) {
	cases, err := choose(o)
	if err != nil {
		return nil, err
	}
	if o.Seed == 0 {
		o.Seed = 1
	}
	device, err := core.Try(func() string { return core.Devices()[0].String() })
	if e := (*core.Error)(nil); errors.As(err, &e) {
		return nil, e.Err
	}
	var trail *os.File
	if o.Trail != "" {
		if trail, err = os.Create(o.Trail); err != nil {
			return nil, fmt.Errorf("conformance: %w", err)
		}
		defer trail.Close()
	}
	start := time.Now()
	r := newReport(o, device)
	for i, c := range cases {
		if o.Progress != nil {
			o.Progress(i, len(cases), c)
		}
		if trail != nil {
			// Padded, so that one write replaces every longer name before it.
			if _, err := trail.WriteAt(fmt.Appendf(nil, "%-200s\n", c.Name()), 0); err != nil {
				return nil, fmt.Errorf("conformance: %w", err)
			}
		}
		out, err := try(c, o)
		r.add(c, out, err)
	}
	r.finish(time.Since(start))
	return r, nil
}

// try runs one case; what it allocates is freed when it ends.
func try(c Case, o Options) (out outcome, err error) {
	err = caught(func() (err error) {
		core.TidyDo(func() {
			check := c.Kind.check()
			if c.row.GPU && !hasGPU() {
				check = checkRefused
			}
			run := func() { out, err = check(newSubject(c, o.Seed, o.wrap), c.Arg) }
			if c.row.CPU {
				core.Using(core.CPU, run)
			} else {
				run()
			}
		})
		return err
	})
	return out, err
}

// choose returns the cases that o asks for.
func choose(o Options) ([]Case, error) {
	for _, op := range o.Ops {
		if !slices.ContainsFunc(ops.Table(), func(r ops.Op) bool { return r.Name == op }) {
			return nil, fmt.Errorf("conformance: there is no op %q; names are like add, linalg.qr", op)
		}
	}
	for _, k := range o.Kinds {
		if k.check() == nil {
			return nil, fmt.Errorf("conformance: there is no kind %q; kinds are %v", k, Kinds())
		}
	}
	re, err := regexp.Compile(o.Run)
	if err != nil {
		return nil, fmt.Errorf("conformance: the pattern %q is no regular expression: %w", o.Run, err)
	}
	var out []Case
	for _, c := range Cases(o.Quick) {
		if (o.Ops == nil || slices.Contains(o.Ops, c.Op)) && (o.Kinds == nil || slices.Contains(o.Kinds, c.Kind)) && re.MatchString(c.Name()) {
			out = append(out, c)
		}
	}
	if len(out) == 0 && o.Run == "" {
		return nil, errors.New("conformance: no case of the ops is of these kinds")
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("conformance: no case matches %q; names are like add/0/float32/grad:a", o.Run)
	}
	return out, nil
}
