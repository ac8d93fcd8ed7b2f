package conformance

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"time"

	"github.com/adjoint-go/adjoint/core"
)

// Options says what to run. The zero value runs everything.
type Options struct {
	// Run is a regular expression that the names of cases must match.
	Run string
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
			check := checks[c.Kind]
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

// choose returns the cases that o's pattern matches.
func choose(o Options) ([]Case, error) {
	cases := Cases(o.Quick)
	if o.Run == "" {
		return cases, nil
	}
	re, err := regexp.Compile(o.Run)
	if err != nil {
		return nil, fmt.Errorf("conformance: the pattern %q is no regular expression: %w", o.Run, err)
	}
	var out []Case
	for _, c := range cases {
		if re.MatchString(c.Name()) {
			out = append(out, c)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("conformance: no case matches %q; names are like add/0/float32/grad:a", o.Run)
	}
	return out, nil
}
