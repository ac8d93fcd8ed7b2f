package spec

import (
	"errors"
	"fmt"
	"slices"

	"github.com/adjoint-go/adjoint/plugins/shape"
)

// Signature is a kernel's rules made ready to use. It may be used by many
// goroutines at once.
type Signature struct {
	kernel Kernel
	rules  []rule // nil: the plugin must be asked
}

type rule struct {
	shape *shape.Expr
	dtype *shape.DTypeExpr
}

// ErrAsks is returned by [Signature.Infer] for a kernel without rules, whose
// plugin must be asked.
var ErrAsks = errors.New("the kernel has no rules for its outputs; ask the plugin")

// ArgumentError says why a kernel cannot be called with the given inputs.
type ArgumentError struct {
	Kernel string
	Input  string // empty: the inputs together
	Reason string
	Err    error
}

func (e *ArgumentError) Error() string {
	s := "kernel " + e.Kernel + ": "
	if e.Input != "" {
		s += "input " + e.Input + ": "
	}
	return s + e.Reason
}

func (e *ArgumentError) Unwrap() error { return e.Err }

// Compile makes the rules of a kernel ready.
func Compile(k Kernel) (*Signature, error) {
	s := &Signature{kernel: k}
	if k.Asks {
		return s, nil
	}
	rules, err := compileRules(&k)
	if err != nil {
		err.Kernel = k.Name
		return nil, err
	}
	s.rules = rules
	return s, nil
}

func compileRules(k *Kernel) ([]rule, *InvalidError) {
	names := k.InputNames()
	rules := make([]rule, len(k.Outputs))
	for i, out := range k.Outputs {
		var err error
		if rules[i].shape, err = shape.Parse(out.Shape, names); err != nil {
			return nil, invalid(err, "the shape of output %s", out.Name)
		}
		if !rules[i].shape.IsList() {
			return nil, invalid(nil, "the shape of output %s is the integer %q; a shape is a list, [%s]", out.Name, clip(out.Shape), clip(out.Shape))
		}
		if rules[i].dtype, err = shape.ParseDType(out.DType, names); err != nil {
			return nil, invalid(err, "the dtype of output %s", out.Name)
		}
		if fixed := rules[i].dtype.Fixed(); fixed != "" && !DType(fixed).Known() {
			return nil, invalid(nil, "the dtype of output %s: %q is neither a dtype nor dtype(input)", out.Name, clip(fixed))
		}
	}
	return rules, nil
}

// Kernel returns the description that was compiled.
func (s *Signature) Kernel() Kernel { return s.kernel }

// Broadcasts tells whether a rule broadcasts the inputs together.
func (s *Signature) Broadcasts() bool {
	return slices.ContainsFunc(s.rules, func(r rule) bool { return r.shape.Broadcasts() })
}

// Check reports inputs whose count, dtypes or sizes the kernel does not take,
// as an [*ArgumentError].
func (s *Signature) Check(in []Type) error {
	k := &s.kernel
	if len(in) != len(k.Inputs) {
		return &ArgumentError{Kernel: k.Name, Reason: fmt.Sprintf("takes %d inputs %v, got %d", len(k.Inputs), k.InputNames(), len(in))}
	}
	for i, t := range in {
		if !slices.Contains(k.Inputs[i].DTypes, t.DType) {
			return &ArgumentError{Kernel: k.Name, Input: k.Inputs[i].Name,
				Reason: fmt.Sprintf("takes %v, got %s; convert it first", k.Inputs[i].DTypes, t)}
		}
	}
	if _, err := Total(in); err != nil {
		return &ArgumentError{Kernel: k.Name, Reason: err.Error(), Err: err}
	}
	return nil
}

// Infer checks the inputs and returns the types of the outputs. A kernel
// without rules gives [ErrAsks] after the check.
func (s *Signature) Infer(in []Type) ([]Type, error) {
	if err := s.Check(in); err != nil {
		return nil, err
	}
	if s.kernel.Asks {
		return nil, ErrAsks
	}
	shapes, dtypes := make([][]int, len(in)), make([]string, len(in))
	for i, t := range in {
		shapes[i], dtypes[i] = t.Shape, string(t.DType)
	}
	out := make([]Type, len(s.rules))
	for i, r := range s.rules {
		sh, err := r.shape.Shape(shapes)
		if err != nil {
			return nil, s.outputError(i, err)
		}
		dt, err := r.dtype.DType(dtypes)
		if err != nil {
			return nil, s.outputError(i, err)
		}
		out[i] = Type{DType: DType(dt), Shape: sh}
	}
	return out, s.CheckOutputs(out)
}

// CheckOutputs reports output types that the kernel cannot have: another count
// than it declares, or sizes beyond the limits.
func (s *Signature) CheckOutputs(out []Type) error {
	if len(out) != len(s.kernel.Outputs) {
		return &ArgumentError{Kernel: s.kernel.Name, Reason: fmt.Sprintf("declares %d outputs, got the types of %d", len(s.kernel.Outputs), len(out))}
	}
	if _, err := Total(out); err != nil {
		return &ArgumentError{Kernel: s.kernel.Name, Reason: "its outputs: " + err.Error(), Err: err}
	}
	return nil
}

func (s *Signature) outputError(i int, err error) error {
	return &ArgumentError{Kernel: s.kernel.Name, Reason: "output " + s.kernel.Outputs[i].Name + ": " + err.Error(), Err: err}
}
