package spec

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/adjoint-go/adjoint/plugins/shape"
)

// Limits on what a plugin may say.
const (
	MaxKernels = 1024
	MaxParams  = 64
	MaxSource  = 1 << 20 // bytes of one kernel's GPU code
	MaxName    = 128
	MaxThreads = 1024 // threads of a threadgroup
)

var (
	idPattern      = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*/[a-z0-9][a-z0-9_-]*$`)
	versionPattern = regexp.MustCompile(`^(0|[1-9][0-9]{0,8})(\.(0|[1-9][0-9]{0,8})){2}(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$`)
	namePattern    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

// InvalidError says what is wrong with the description of a plugin.
type InvalidError struct {
	Plugin string
	Kernel string // empty: the plugin as a whole
	Reason string
	Err    error // the cause, where a rule does not parse
}

func (e *InvalidError) Error() string {
	s := "plugin " + clip(e.Plugin) + ": "
	if e.Kernel != "" {
		s += "kernel " + clip(e.Kernel) + ": "
	}
	s += e.Reason
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *InvalidError) Unwrap() error { return e.Err }

// ValidID tells whether s has the form org/name: lower-case letters, digits,
// - and _.
func ValidID(s string) bool { return len(s) <= MaxName && idPattern.MatchString(s) }

// ValidVersion tells whether s has the form 1.2.3 or 1.2.3-pre.
func ValidVersion(s string) bool { return len(s) <= MaxName && versionPattern.MatchString(s) }

// Validate reports the first mistake in p as an [*InvalidError].
func (p *Plugin) Validate() error {
	fail := func(format string, args ...any) error {
		return &InvalidError{Plugin: p.ID, Reason: fmt.Sprintf(format, args...)}
	}
	switch {
	case !ValidID(p.ID):
		return fail("the id %q is not of the form org/name (lower-case letters, digits, - and _)", clip(p.ID))
	case !ValidVersion(p.Version):
		return fail("the version %q is not of the form 1.2.3", clip(p.Version))
	case len(p.Build) > MaxName:
		return fail("the build has %d bytes; at most %d are allowed", len(p.Build), MaxName)
	case len(p.Kernels) == 0:
		return fail("it has no kernel")
	case len(p.Kernels) > MaxKernels:
		return fail("it has %d kernels; at most %d are allowed", len(p.Kernels), MaxKernels)
	}
	seen := make(map[string]bool)
	for i := range p.Kernels {
		k := &p.Kernels[i]
		if seen[k.Name] {
			return &InvalidError{Plugin: p.ID, Kernel: k.Name, Reason: "declared twice; kernel names must be unique"}
		}
		seen[k.Name] = true
		if err := k.validate(); err != nil {
			err.Plugin, err.Kernel = p.ID, k.Name
			return err
		}
	}
	for i := range p.Kernels {
		if err := p.validateRules(&p.Kernels[i]); err != nil {
			return err
		}
	}
	return nil
}

func invalid(err error, format string, args ...any) *InvalidError {
	return &InvalidError{Reason: fmt.Sprintf(format, args...), Err: err}
}

func validName(s string) bool { return len(s) <= MaxName && namePattern.MatchString(s) }

func (k *Kernel) validate() *InvalidError {
	if !validName(k.Name) {
		return invalid(nil, "the name must be letters, digits and _, and not begin with a digit")
	}
	if len(k.Outputs) == 0 {
		return invalid(nil, "it has no output")
	}
	if len(k.Inputs) > MaxParams || len(k.Outputs) > MaxParams {
		return invalid(nil, "%d inputs and %d outputs; at most %d of each are allowed", len(k.Inputs), len(k.Outputs), MaxParams)
	}
	if k.VMap != NoBatch && k.VMap != BatchLeading {
		return invalid(nil, "the batch rule %q is not known", clip(string(k.VMap)))
	}
	names := make(map[string]bool)
	for _, in := range k.Inputs {
		if err := checkParam(names, "input", in.Name); err != nil {
			return err
		}
		if len(in.DTypes) == 0 {
			return invalid(nil, "input %s takes no dtype", in.Name)
		}
		for i, d := range in.DTypes {
			if !d.Known() || slices.Contains(in.DTypes[:i], d) {
				return invalid(nil, "input %s: dtype %q is unknown or named twice", in.Name, clip(string(d)))
			}
		}
	}
	for _, out := range k.Outputs {
		if err := checkParam(names, "output", out.Name); err != nil {
			return err
		}
	}
	if err := k.validateAttrs(names); err != nil {
		return err
	}
	if err := k.validateSamples(); err != nil {
		return err
	}
	for _, s := range k.Sources {
		if err := k.validateSource(s); err != nil {
			return err
		}
	}
	if k.Asks {
		for _, out := range k.Outputs {
			if out.Shape != "" || out.DType != "" {
				return invalid(nil, "output %s has a rule, but the kernel also has a function for the types of its outputs", out.Name)
			}
		}
		return nil
	}
	_, err := compileRules(k)
	return err
}

func checkParam(names map[string]bool, what, name string) *InvalidError {
	if !validName(name) {
		return invalid(nil, "the %s name %q must be letters, digits and _, and not begin with a digit", what, clip(name))
	}
	if names[name] {
		return invalid(nil, "two inputs or outputs are called %s", name)
	}
	names[name] = true
	return nil
}

func (k *Kernel) validateSource(s Source) *InvalidError {
	switch {
	case s.Backend != Metal && s.Backend != CUDA:
		return invalid(nil, "source for the unknown backend %q", clip(string(s.Backend)))
	case strings.TrimSpace(s.Code) == "":
		return invalid(nil, "the %s source is empty", s.Backend)
	case len(s.Code) > MaxSource:
		return invalid(nil, "the %s source has %d bytes; at most %d are allowed", s.Backend, len(s.Code), MaxSource)
	case len(s.Grid) < 1 || len(s.Grid) > 3:
		return invalid(nil, "the %s grid has %d axes; it needs 1 to 3", s.Backend, len(s.Grid))
	case s.Threads < 0 || s.Threads > MaxThreads:
		return invalid(nil, "a %s threadgroup of %d threads; it needs 1 to %d", s.Backend, s.Threads, MaxThreads)
	}
	for _, g := range s.Grid {
		e, err := shape.Parse(g, k.InputNames())
		if err != nil {
			return invalid(err, "the %s grid", s.Backend)
		}
		if e.IsList() {
			return invalid(nil, "the %s grid %q is a list; it needs an integer per axis", s.Backend, clip(g))
		}
	}
	return nil
}

// validateRules checks that the kernels named as derivatives exist and have the
// inputs and outputs that a derivative needs.
func (p *Plugin) validateRules(k *Kernel) error {
	fail := func(format string, args ...any) error {
		return &InvalidError{Plugin: p.ID, Kernel: k.Name, Reason: fmt.Sprintf(format, args...)}
	}
	for _, rule := range []struct {
		kind, name string
		in, out    int
		takes      string
	}{
		{"vjp", k.VJP, len(k.Inputs) + len(k.Outputs), len(k.Inputs), "the inputs and one cotangent per output"},
		{"jvp", k.JVP, 2 * len(k.Inputs), len(k.Outputs), "the inputs and one tangent per input"},
	} {
		if rule.name == "" {
			continue
		}
		r := p.Kernel(rule.name)
		if r == nil {
			return fail("its %s kernel %q does not exist", rule.kind, clip(rule.name))
		}
		if len(r.Inputs) != rule.in || len(r.Outputs) != rule.out {
			return fail("its %s kernel %s has %d inputs and %d outputs; it needs %d (%s) and %d",
				rule.kind, r.Name, len(r.Inputs), len(r.Outputs), rule.in, rule.takes, rule.out)
		}
		if !slices.EqualFunc(k.Attrs, r.Attrs, func(a, b Attr) bool { return a.Name == b.Name && a.Kind == b.Kind }) {
			return fail("its %s kernel %s has other attributes; it needs the same", rule.kind, r.Name)
		}
		for i, in := range k.Inputs {
			for _, d := range in.DTypes {
				if !slices.Contains(r.Inputs[i].DTypes, d) {
					return fail("its %s kernel %s does not take %s as input %s", rule.kind, r.Name, d, r.Inputs[i].Name)
				}
			}
		}
	}
	return nil
}

// clip keeps foreign text from filling a message.
func clip(s string) string {
	if len(s) > 64 {
		s = s[:61] + "..."
	}
	return strings.ToValidUTF8(s, "?")
}
