package shape

import (
	"fmt"
	"strconv"
)

// Parse reads an expression over the named inputs. Names that are not among
// them are an error, so a rule that parses can only fail on sizes.
func Parse(source string, inputs []string) (*Expr, error) {
	p, err := newParser(source, inputs)
	if err != nil {
		return nil, err
	}
	t, err := p.sum()
	if err != nil {
		return nil, err
	}
	if p.tok.kind != end {
		return nil, p.fail("unexpected %s after the expression", p.tok)
	}
	return &Expr{source: source, inputs: len(inputs), list: t.list, broadcast: p.broadcast, eval: t.eval}, nil
}

// term is a parsed part: its kind and how to compute it.
type term struct {
	list bool
	eval evaluator
}

func (t term) kind() string {
	if t.list {
		return "a list"
	}
	return "an integer"
}

type parser struct {
	source    string
	inputs    map[string]int
	pos       int // where the scanner is
	tok       token
	depth     int
	broadcast bool
}

func newParser(source string, inputs []string) (*parser, error) {
	p := &parser{source: source, inputs: make(map[string]int, len(inputs))}
	if len(source) > MaxSource {
		return nil, &SyntaxError{source, MaxSource, fmt.Sprintf("the text has %d bytes; at most %d are allowed", len(source), MaxSource)}
	}
	for i, name := range inputs {
		p.inputs[name] = i
	}
	return p, p.next()
}

func (p *parser) fail(format string, args ...any) error {
	return &SyntaxError{p.source, p.tok.offset, fmt.Sprintf(format, args...)}
}

// enter bounds the recursion; every way into a nested expression calls it.
func (p *parser) enter() error {
	if p.depth++; p.depth > MaxDepth {
		return p.fail("nested more than %d levels deep", MaxDepth)
	}
	return nil
}

func (p *parser) expect(symbol string) error {
	if p.tok.text != symbol || p.tok.kind != symbolToken {
		return p.fail("expected %q, found %s", symbol, p.tok)
	}
	return p.next()
}

func (p *parser) at(symbol string) bool {
	return p.tok.kind == symbolToken && p.tok.text == symbol
}

func (p *parser) sum() (term, error) {
	if err := p.enter(); err != nil {
		return term{}, err
	}
	defer func() { p.depth-- }()
	left, err := p.product()
	for err == nil && (p.at("+") || p.at("-")) {
		left, err = p.binary(left, p.product)
	}
	return left, err
}

func (p *parser) product() (term, error) {
	left, err := p.unary()
	for err == nil && (p.at("*") || p.at("/") || p.at("%")) {
		left, err = p.binary(left, p.unary)
	}
	return left, err
}

var arithmetic = map[string]func(a, b int) (int, error){"+": add, "-": sub, "*": mul, "/": div, "%": mod}

func (p *parser) binary(left term, operand func() (term, error)) (term, error) {
	op, at := p.tok.text, p.tok.offset
	if err := p.next(); err != nil {
		return term{}, err
	}
	right, err := operand()
	if err != nil {
		return term{}, err
	}
	if left.list != right.list || (left.list && op != "+") {
		return term{}, &SyntaxError{p.source, at, fmt.Sprintf("%s cannot join %s and %s", op, left.kind(), right.kind())}
	}
	if left.list {
		return term{true, concat(left.eval, right.eval)}, nil
	}
	return term{false, integer2(left.eval, right.eval, arithmetic[op])}, nil
}

func (p *parser) unary() (term, error) {
	if !p.at("-") {
		return p.primary()
	}
	if err := p.enter(); err != nil {
		return term{}, err
	}
	defer func() { p.depth-- }()
	at := p.tok.offset
	if err := p.next(); err != nil {
		return term{}, err
	}
	t, err := p.unary()
	if err != nil {
		return term{}, err
	}
	if t.list {
		return term{}, &SyntaxError{p.source, at, "a list has no negative"}
	}
	return term{false, integer2(constant(0), t.eval, sub)}, nil
}

func (p *parser) primary() (term, error) {
	switch {
	case p.tok.kind == number:
		n, err := strconv.Atoi(p.tok.text)
		if err != nil {
			return term{}, p.fail("the number %s does not fit in 64 bits", p.tok.text)
		}
		return term{false, constant(n)}, p.next()
	case p.tok.kind == name:
		return p.call()
	case p.at("("):
		if err := p.next(); err != nil {
			return term{}, err
		}
		t, err := p.sum()
		if err != nil {
			return term{}, err
		}
		return t, p.expect(")")
	case p.at("["):
		return p.listLiteral()
	}
	return term{}, p.fail("expected a number, a function or a list, found %s", p.tok)
}

func (p *parser) listLiteral() (term, error) {
	if err := p.next(); err != nil {
		return term{}, err
	}
	var items []evaluator
	for !p.at("]") {
		if len(items) > 0 {
			if err := p.expect(","); err != nil {
				return term{}, err
			}
		}
		at := p.tok.offset
		t, err := p.sum()
		if err != nil {
			return term{}, err
		}
		if t.list {
			return term{}, &SyntaxError{p.source, at, "a list holds integers; join lists with +"}
		}
		items = append(items, t.eval)
	}
	return term{true, list(items)}, p.next()
}
