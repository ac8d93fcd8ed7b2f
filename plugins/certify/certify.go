package certify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/plugins"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

// Options say what is checked. The zero value checks every kernel.
type Options struct {
	Kernels []string // only these; empty: all
	Seed    uint64   // of the inputs
	Quick   bool     // fewer samples and calls
	// EmulateMetal runs the Metal sources too, emulated; it needs a C++ compiler.
	EmulateMetal bool
	// Timeout of one call; 0: 10 s. A call that takes longer is a failure.
	Timeout time.Duration
	// Progress is told which check begins, and how many of all are done.
	Progress func(done, total int, kernel, check string)
}

// Load starts the plugin. It is called again after a crash, so that one check's
// crash is not another's failure.
type Load func(context.Context) (*plugins.Plugin, error)

// Run certifies a plugin. What is wrong with its kernels is in the certificate; an
// error is returned if there can be none: the plugin or the engine does not start,
// a kernel in o.Kernels does not exist, its program changes meanwhile, or ctx ends.
func Run(ctx context.Context, load Load, o Options) (*Certificate, error) {
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if _, err := core.Try(func() *core.Array { x := core.Ones(core.Float32, 1); core.Eval(x); return x }); err != nil {
		return nil, err
	}
	p, err := load(ctx)
	if err != nil {
		return nil, err
	}
	r := &runner{ctx: ctx, load: load, o: o, p: p, found: make(map[string]*found)}
	kernels, err := r.selected()
	if err != nil {
		return nil, err
	}
	program, err := hashFile(p.Path())
	if err != nil {
		return nil, err
	}
	c := r.blank(program)
	begin := time.Now()
	for i, name := range kernels {
		checks, err := r.kernel(name, i*len(kinds), len(kernels)*len(kinds))
		if err != nil {
			return nil, err
		}
		c.Checks = append(c.Checks, checks...)
	}
	c.Seconds = time.Since(begin).Seconds()
	now, err := hashFile(r.p.Path())
	if err == nil && now != program {
		err = fmt.Errorf("certify: the program %s changed while it was certified", r.p.Path())
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// runner certifies one plugin.
type runner struct {
	ctx   context.Context
	load  Load
	o     Options
	p     *plugins.Plugin
	found map[string]*found // by kernel
}

func (r *runner) selected() ([]string, error) {
	if len(r.o.Kernels) == 0 {
		return r.p.Kernels(), nil
	}
	for _, k := range r.o.Kernels {
		if _, err := r.p.Kernel(k); err != nil {
			return nil, err
		}
	}
	return r.o.Kernels, nil
}

// kernel puts one kernel to every check.
func (r *runner) kernel(name string, done, total int) ([]Check, error) {
	s := &subject{runner: r}
	var checks []Check
	for i, kind := range kinds {
		if r.o.Progress != nil {
			r.o.Progress(done+i, total, name, kind.name)
		}
		c := Check{Kernel: name, Name: kind.name}
		begin := time.Now()
		detail, err := "", s.ready(name)
		if err == nil {
			err = unmet(checks, kind.needs)
		}
		if err == nil {
			detail, err = protected(func() (detail string, err error) {
				core.Using(core.CPU, func() { core.TidyDo(func() { detail, err = kind.run(s) }) })
				return detail, err
			})
		}
		c.Seconds = time.Since(begin).Seconds()
		if err := s.judge(&c, detail, err); err != nil {
			return nil, err
		}
		checks = append(checks, c)
	}
	return checks, nil
}

// unmet says which check must have passed before.
func unmet(before []Check, needs []string) error {
	for _, need := range needs {
		i := slices.IndexFunc(before, func(c Check) bool { return c.Name == need })
		switch c := before[i]; c.Verdict {
		case Failed, Error:
			return skipf("%s did not pass", need)
		case NotApplicable:
			return skip(c.Reason)
		}
	}
	return nil
}

// subject is a kernel under check.
type subject struct {
	*runner
	k       spec.Kernel
	samples []sample
	steady  bool // equal inputs gave equal bits
	erratic bool // they gave results that differ by more than rounding
}

// ready makes sure that the plugin runs, and starts it anew after a crash.
func (s *subject) ready(name string) error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	if s.p.Health(s.ctx) != nil {
		if err := s.anew(); err != nil {
			return err
		}
	}
	k, err := s.p.Kernel(name)
	if err != nil {
		return err
	}
	s.k = k.Spec()
	return nil
}

// anew starts the plugin again.
func (r *runner) anew() error {
	if err := r.p.Stop(); err != nil {
		return err
	}
	p, err := r.load(r.ctx)
	if err == nil {
		r.p = p
	}
	return err
}

// op is the kernel as an operation.
func (s *subject) op(sm sample) (*plugins.Kernel, error) {
	k, err := s.p.Kernel(s.k.Name)
	if err != nil {
		return nil, err
	}
	return k.With(plugins.With{Attrs: sm.attrs, Device: core.CPU, Timeout: s.o.Timeout})
}

// run calls the kernel on bytes. An error that is the plugin's is a fault.
func (s *subject) run(sm sample, in []spec.Tensor) ([]spec.Tensor, error) {
	out, err := s.call(sm, in)
	return out, s.blame(err, sm, in)
}

func (s *subject) call(sm sample, in []spec.Tensor) ([]spec.Tensor, error) {
	ctx, cancel := context.WithTimeout(s.ctx, s.o.Timeout)
	defer cancel()
	return s.p.RunWith(ctx, s.k.Name, sm.attrs, in...)
}

// units is how far results of the same computation may be apart.
func (s *subject) units() float64 {
	if s.steady {
		return 0
	}
	return rounding
}

// comparable is an error if results cannot be compared with others.
func (s *subject) comparable() error {
	if s.erratic {
		return skip("equal inputs give different results")
	}
	return nil
}

// source returns random numbers that belong to the seed and to what they are for.
func (r *runner) source(what ...any) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprintln(h, what...)
	return rand.New(rand.NewPCG(r.o.Seed, h.Sum64()))
}

func hashFile(path string) (sum string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("certify: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("certify: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func list(names []string) string { return strings.Join(names, ", ") }
