package shape

import "strings"

type tokenKind int

const (
	end tokenKind = iota
	number
	name
	symbolToken
)

type token struct {
	kind   tokenKind
	text   string
	offset int
}

func (t token) String() string {
	if t.kind == end {
		return "the end of the text"
	}
	return `"` + clip(t.text) + `"`
}

const symbols = "+-*/%()[],"

// next moves to the following token.
func (p *parser) next() error {
	for p.pos < len(p.source) && strings.IndexByte(" \t\r\n", p.source[p.pos]) >= 0 {
		p.pos++
	}
	start := p.pos
	p.tok = token{offset: start}
	if start == len(p.source) {
		return nil
	}
	switch c := p.source[start]; {
	case isDigit(c):
		p.tok.kind = number
		p.take(isDigit)
	case isLetter(c):
		p.tok.kind = name
		p.take(func(c byte) bool { return isLetter(c) || isDigit(c) })
	case strings.IndexByte(symbols, c) >= 0:
		p.tok.kind = symbolToken
		p.pos++
	default:
		return p.fail("unexpected character %q", rune(c))
	}
	p.tok.text = p.source[start:p.pos]
	return nil
}

func (p *parser) take(more func(byte) bool) {
	for p.pos < len(p.source) && more(p.source[p.pos]) {
		p.pos++
	}
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool {
	return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
}
