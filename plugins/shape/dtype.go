package shape

// DTypeExpr is a parsed dtype rule: the dtype of an input, or a fixed one.
type DTypeExpr struct {
	source string
	input  int // -1: fixed
	inputs int
}

// ParseDType reads dtype(x), where x is one of the inputs, or a bare name such
// as float32. Which names are dtypes is for the caller to say: see
// [DTypeExpr.Fixed].
func ParseDType(source string, inputs []string) (*DTypeExpr, error) {
	p, err := newParser(source, inputs)
	if err != nil {
		return nil, err
	}
	if p.tok.kind != name {
		return nil, p.fail("expected dtype(input) or the name of a dtype, found %s", p.tok)
	}
	e := &DTypeExpr{source: source, input: -1, inputs: len(inputs)}
	if p.tok.text == "dtype" && p.isCall() {
		if e.input, err = p.dtypeCall(); err != nil {
			return nil, err
		}
	} else {
		e.source = p.tok.text
		if err := p.next(); err != nil {
			return nil, err
		}
	}
	if p.tok.kind != end {
		return nil, p.fail("unexpected %s after the dtype", p.tok)
	}
	return e, nil
}

func (p *parser) dtypeCall() (int, error) {
	if err := p.next(); err != nil {
		return 0, err
	}
	if err := p.expect("("); err != nil {
		return 0, err
	}
	i, ok := p.inputs[p.tok.text]
	if p.tok.kind != name || !ok {
		return 0, p.fail("expected the name of an input, found %s", p.tok)
	}
	if err := p.next(); err != nil {
		return 0, err
	}
	return i, p.expect(")")
}

// Fixed returns the dtype's name where the rule depends on no input, else "".
func (e *DTypeExpr) Fixed() string {
	if e.input >= 0 {
		return ""
	}
	return e.source
}

// DType returns the name of the output's dtype, given those of the inputs in
// the order given to [ParseDType].
func (e *DTypeExpr) DType(dtypes []string) (string, error) {
	if len(dtypes) != e.inputs {
		return "", &EvalError{e.source, "needs the dtype of every input"}
	}
	if e.input < 0 {
		return e.source, nil
	}
	return dtypes[e.input], nil
}

// String returns the rule's text.
func (e *DTypeExpr) String() string { return e.source }
