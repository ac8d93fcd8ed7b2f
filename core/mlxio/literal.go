package mlxio

import (
	"strconv"
	"strings"
)

// literal parses the Python literals that npy headers are made of: a dict of
// strings, bools, numbers, tuples and lists of them.
type literal struct {
	text  string
	pos   int
	depth int
}

// parseLiteral returns map[string]any, []any for a tuple, list for a list,
// string, bool or uint64.
func parseLiteral(text string) (any, error) {
	p := &literal{text: text}
	v, err := p.value()
	if err != nil {
		return nil, err
	}
	if p.peek() != 0 || p.pos < len(p.text) {
		return nil, p.bad()
	}
	return v, nil
}

// list is a Python list, which only a structured dtype has.
type list []any

func (p *literal) bad() error {
	return corrupt("no Python literal at byte %d of the text", p.pos)
}

// peek returns the next byte that is no space, 0 at the end.
func (p *literal) peek() byte {
	for p.pos < len(p.text) {
		switch c := p.text[p.pos]; c {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return c
		}
	}
	return 0
}

func (p *literal) take(c byte) bool {
	if p.peek() != c || p.pos == len(p.text) {
		return false
	}
	p.pos++
	return true
}

func (p *literal) value() (any, error) {
	// Header text nests three deep: dict, list of fields, tuple.
	if p.depth++; p.depth > 16 {
		return nil, p.bad()
	}
	defer func() { p.depth-- }()
	switch c := p.peek(); {
	case c == '{':
		p.pos++
		return p.dict()
	case c == '(':
		p.pos++
		return p.items(')')
	case c == '[':
		p.pos++
		items, err := p.items(']')
		return list(items), err
	case c == '\'' || c == '"':
		p.pos++
		return p.str(c)
	case c >= '0' && c <= '9':
		return p.number()
	}
	for word, v := range map[string]bool{"True": true, "False": false} {
		if strings.HasPrefix(p.text[p.pos:], word) {
			p.pos += len(word)
			return v, nil
		}
	}
	return nil, p.bad()
}

func (p *literal) str(end byte) (string, error) {
	n := strings.IndexAny(p.text[p.pos:], `\`+string(end))
	if n < 0 || p.text[p.pos+n] != end {
		return "", p.bad()
	}
	s := p.text[p.pos : p.pos+n]
	p.pos += n + 1
	return s, nil
}

func (p *literal) number() (uint64, error) {
	from := p.pos
	for p.pos < len(p.text) && p.text[p.pos] >= '0' && p.text[p.pos] <= '9' {
		p.pos++
	}
	n, err := strconv.ParseUint(p.text[from:p.pos], 10, 63)
	if err != nil {
		return 0, p.bad()
	}
	if p.pos < len(p.text) && p.text[p.pos] == 'L' { // Python 2
		p.pos++
	}
	return n, nil
}

func (p *literal) items(end byte) ([]any, error) {
	out := []any{}
	for !p.take(end) {
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		out = append(out, v)
		if !p.take(',') && p.peek() != end {
			return nil, p.bad()
		}
	}
	return out, nil
}

func (p *literal) dict() (map[string]any, error) {
	out := map[string]any{}
	for !p.take('}') {
		k, err := p.value()
		if err != nil {
			return nil, err
		}
		name, ok := k.(string)
		if _, twice := out[name]; !ok || twice || !p.take(':') {
			return nil, p.bad()
		}
		if out[name], err = p.value(); err != nil {
			return nil, err
		}
		if !p.take(',') && p.peek() != '}' {
			return nil, p.bad()
		}
	}
	return out, nil
}
