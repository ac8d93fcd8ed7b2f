package certify

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/plugins"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

// Verdict is the outcome of a check.
type Verdict string

// The verdicts. A certificate with a Failed or an Error does not vouch for its
// plugin.
const (
	Passed        Verdict = "passed"
	Failed        Verdict = "failed"         // the plugin does not do what it says
	NotApplicable Verdict = "not applicable" // there is nothing to check; the reason says why
	Error         Verdict = "error"          // the check could not be made, for a reason other than the plugin's
)

// Check is the outcome of one check of one kernel.
type Check struct {
	Kernel  string  `json:"kernel"`
	Name    string  `json:"name"`
	Verdict Verdict `json:"verdict"`
	// Reason is one line: why it failed or was not made, or what was compared.
	Reason string `json:"reason,omitempty"`
	// Input is the smallest input tried that shows a failure.
	Input   string  `json:"input,omitempty"`
	Seconds float64 `json:"seconds"`
}

// A kind is one of the checks that every kernel is put to.
type kind struct {
	name  string
	about string // what passing means
	needs []string
	run   func(s *subject) (detail string, err error)
}

// kinds are the checks in their order. What one needs has been run before it.
var kinds []kind

func init() {
	kinds = []kind{
		{"run", "results have the shapes and dtypes of the rule", nil, checkRun},
		{"dtypes", "every declared dtype is taken, and narrow ones agree with wide ones", []string{"run"}, checkDTypes},
		{"deterministic", "five runs give the same bits", []string{"run"}, checkDeterministic},
		{"inputs", "inputs are not written, in shared memory neither", []string{"run"}, checkInputs},
		{"layout", "transposed, sliced and broadcast inputs give what contiguous ones give", []string{"run"}, checkLayout},
		{"scalar", "scalar inputs give what inputs of one element give", []string{"run"}, checkScalar},
		{"empty", "inputs without elements are computed or refused", []string{"run"}, checkEmpty},
		{"refuses", "wrong dtypes and counts are refused by the plugin itself", []string{"run"}, checkRefuses},
		{"concurrent", "calls at the same time give what calls one by one give", []string{"run"}, checkConcurrent},
		{"cancel", "a call that is cancelled ends", []string{"run"}, checkCancel},
		{"leak", "memory, files, threads and processes stay the same over many calls", []string{"run"}, checkLeak},
		{"vjp", "the gradient is that of central differences", []string{"run"}, checkVJP},
		{"jvp", "the forward derivative is that of central differences", []string{"run"}, checkJVP},
		{"duality", "⟨w, Jv⟩ = ⟨Jᵀw, v⟩", []string{"vjp", "jvp"}, checkDuality},
		{"vmap", "a batch gives what a loop gives, with inputs that are not mapped too", []string{"run"}, checkVMap},
		{"compile", "compiled = eager", []string{"run"}, checkCompile},
		{"shapeless", "compiled without sizes = eager, on other sizes too", []string{"compile"}, checkShapeless},
		{"compile(grad)", "the compiled gradient = the eager one", []string{"vjp", "compile"}, checkCompileGrad},
		{"vmap(grad)", "gradients of a batch = those of a loop", []string{"vjp", "vmap"}, checkVMapGrad},
		{"metal", "the Metal source, emulated, gives what the program gives", []string{"run"}, checkMetal},
	}
}

// Names returns the names of the checks, in their order, and what passing each
// means.
func Names() (names, meanings []string) {
	for _, k := range kinds {
		names, meanings = append(names, k.name), append(meanings, k.about)
	}
	return names, meanings
}

// fault is what is wrong with the plugin.
type fault struct {
	reason, input string
	err           error // what the host said, if it noticed
}

func (f *fault) Error() string { return f.reason }
func (f *fault) Unwrap() error { return f.err }

// skip is why there is nothing to check.
type skip string

func (s skip) Error() string { return string(s) }

func skipf(format string, args ...any) error { return skip(fmt.Sprintf(format, args...)) }

// fail is a fault that inputs show.
func (s *subject) fail(sm sample, in []spec.Tensor, format string, args ...any) error {
	return &fault{reason: fmt.Sprintf(format, args...), input: show(&s.k, in, sm.attrs)}
}

// blame turns an error of a call into a fault if it is the plugin's.
func (s *subject) blame(err error, sm sample, in []spec.Tensor) error {
	if err == nil || s.ctx.Err() != nil || !s.guilty(err) {
		return err
	}
	return &fault{s.plain(err), show(&s.k, in, sm.attrs), err}
}

// guilty tells whether an error is the plugin's doing.
func (s *subject) guilty(err error) bool {
	var crash *plugins.CrashError
	var late *plugins.TimeoutError
	var reply *plugins.ReplyError
	var refused *plugins.KernelError
	var breaker *plugins.BreakerError
	var start *plugins.StartError
	var arg *spec.ArgumentError
	var op *core.Error
	switch {
	case errors.As(err, &crash), errors.As(err, &late), errors.As(err, &reply), errors.As(err, &refused),
		errors.As(err, &breaker), errors.As(err, &start), errors.As(err, &arg), errors.Is(err, plugins.ErrStale):
		return true
	case errors.As(err, &op):
		return strings.HasPrefix(op.Op, s.p.ID()+".")
	}
	return false
}

// plain is an error's text in one line, without the names that a certificate says
// anyway.
func (s *subject) plain(err error) string {
	text := oneLine(err.Error())
	for _, prefix := range []string{"plugin " + s.p.ID() + ": ", "kernel " + s.k.Name + ": "} {
		text = strings.Replace(text, prefix, "", 1)
	}
	return text
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// judge makes the outcome of a check from its error.
func (s *subject) judge(c *Check, detail string, err error) error {
	var f *fault
	var nothing skip
	switch {
	case err == nil:
		c.Verdict, c.Reason = Passed, detail
	case s.ctx.Err() != nil:
		return context.Cause(s.ctx)
	case errors.As(err, &f):
		c.Verdict, c.Reason, c.Input = Failed, f.reason, f.input
	case errors.As(err, &nothing):
		c.Verdict, c.Reason = NotApplicable, string(nothing)
	case s.guilty(err):
		c.Verdict, c.Reason = Failed, s.plain(err)
	default:
		c.Verdict, c.Reason = Error, s.plain(err)
	}
	c.Reason, c.Input = oneLine(c.Reason), oneLine(c.Input)
	return nil
}

// protected turns a panic of the host into an error.
func protected(f func() (string, error)) (detail string, err error) {
	defer func() {
		if v := recover(); v != nil {
			if op, ok := v.(*core.Error); ok {
				err = op
				return
			}
			err = fmt.Errorf("the check panicked: %v", v)
		}
	}()
	return f()
}
