package shape

import (
	"errors"
	"fmt"
)

// argument is one argument of a call: an input where a bare name stood,
// otherwise an expression.
type argument struct {
	input  int // -1: an expression
	offset int
	term
}

// signatures are the functions of the language: one letter per argument, i for
// an input's name, n for an integer, l for a list or an input's name.
var signatures = map[string]struct {
	args  string
	list  bool
	build func(a []argument) evaluator
}{
	"shape": {"i", true, func(a []argument) evaluator { return shapeOf(a[0].input) }},
	"size":  {"i", false, func(a []argument) evaluator { return sizeOf(a[0].input) }},
	"ndim":  {"i", false, func(a []argument) evaluator { return rankOf(a[0].input) }},
	"dim":   {"in", false, func(a []argument) evaluator { return dimOf(a[0].input, a[1].eval) }},
	"slice": {"lnn", true, func(a []argument) evaluator { return slice(a[0].eval, a[1].eval, a[2].eval) }},
	"min": {"nn", false, func(a []argument) evaluator {
		return integer2(a[0].eval, a[1].eval, func(x, y int) (int, error) { return min(x, y), nil })
	}},
	"max": {"nn", false, func(a []argument) evaluator {
		return integer2(a[0].eval, a[1].eval, func(x, y int) (int, error) { return max(x, y), nil })
	}},
	"broadcast": {"l*", true, broadcast},
}

func (p *parser) call() (term, error) {
	fn := p.tok
	sig, ok := signatures[fn.text]
	if !ok {
		if _, input := p.inputs[fn.text]; input {
			return term{}, p.fail("%s is an input; write shape(%s), size(%s) or dim(%s, i)", fn, fn.text, fn.text, fn.text)
		}
		return term{}, p.fail("there is no function or input %s", fn)
	}
	if err := p.next(); err != nil {
		return term{}, err
	}
	if err := p.expect("("); err != nil {
		return term{}, err
	}
	var args []argument
	for !p.at(")") {
		if len(args) > 0 {
			if err := p.expect(","); err != nil {
				return term{}, err
			}
		}
		a, err := p.argument()
		if err != nil {
			return term{}, err
		}
		args = append(args, a)
	}
	if err := p.check(fn, sig.args, args); err != nil {
		return term{}, err
	}
	if fn.text == "broadcast" {
		p.broadcast = true
	}
	return term{sig.list, sig.build(args)}, p.next()
}

func (p *parser) argument() (argument, error) {
	at := p.tok.offset
	if p.tok.kind == name {
		if i, ok := p.inputs[p.tok.text]; ok && !p.isCall() {
			return argument{i, at, term{true, shapeOf(i)}}, p.next()
		}
	}
	t, err := p.sum()
	return argument{-1, at, t}, err
}

// isCall tells whether the name at hand is followed by "(", so that an input
// may share a function's name.
func (p *parser) isCall() bool {
	ahead := *p
	return ahead.next() == nil && ahead.at("(")
}

func (p *parser) check(fn token, want string, args []argument) error {
	if want == "l*" {
		if len(args) == 0 {
			return &SyntaxError{p.source, fn.offset, fn.text + " needs at least one argument"}
		}
	} else if len(args) != len(want) {
		return &SyntaxError{p.source, fn.offset, fmt.Sprintf("%s takes %d arguments, got %d", fn.text, len(want), len(args))}
	}
	for i, a := range args {
		kind := want[0]
		if want != "l*" {
			kind = want[i]
		}
		switch {
		case kind == 'i' && a.input < 0:
			return &SyntaxError{p.source, a.offset, fmt.Sprintf("argument %d of %s must be the name of an input", i+1, fn.text)}
		case kind == 'n' && (a.input >= 0 || a.list):
			return &SyntaxError{p.source, a.offset, fmt.Sprintf("argument %d of %s must be an integer", i+1, fn.text)}
		case kind == 'l' && !a.list:
			return &SyntaxError{p.source, a.offset, fmt.Sprintf("argument %d of %s must be a list or the name of an input", i+1, fn.text)}
		}
	}
	return nil
}

func constant(n int) evaluator {
	return func([][]int) (value, error) { return value{n: n}, nil }
}

func integer2(a, b evaluator, op func(a, b int) (int, error)) evaluator {
	return func(s [][]int) (value, error) {
		x, err := a(s)
		if err != nil {
			return value{}, err
		}
		y, err := b(s)
		if err != nil {
			return value{}, err
		}
		n, err := op(x.n, y.n)
		return value{n: n}, err
	}
}

func list(items []evaluator) evaluator {
	return func(s [][]int) (value, error) {
		out := make([]int, 0, len(items))
		for _, item := range items {
			v, err := item(s)
			if err != nil {
				return value{}, err
			}
			out = append(out, v.n)
		}
		return value{list: out}, nil
	}
}

func concat(a, b evaluator) evaluator {
	return func(s [][]int) (value, error) {
		x, err := a(s)
		if err != nil {
			return value{}, err
		}
		y, err := b(s)
		return value{list: append(append([]int{}, x.list...), y.list...)}, err
	}
}

func shapeOf(input int) evaluator {
	return func(s [][]int) (value, error) { return value{list: s[input]}, nil }
}

func rankOf(input int) evaluator {
	return func(s [][]int) (value, error) { return value{n: len(s[input])}, nil }
}

func sizeOf(input int) evaluator {
	return func(s [][]int) (value, error) {
		n := 1
		var err error
		for _, size := range s[input] {
			if n, err = mul(n, size); err != nil {
				return value{}, err
			}
		}
		return value{n: n}, nil
	}
}

func dimOf(input int, axis evaluator) evaluator {
	return func(s [][]int) (value, error) {
		a, err := axis(s)
		if err != nil {
			return value{}, err
		}
		rank, i := len(s[input]), a.n
		if i < 0 {
			i += rank
		}
		if i < 0 || i >= rank {
			return value{}, fmt.Errorf("axis %d is out of range for an input of %d axes", a.n, rank)
		}
		return value{n: s[input][i]}, nil
	}
}

func slice(of, from, to evaluator) evaluator {
	return func(s [][]int) (value, error) {
		l, err := of(s)
		if err != nil {
			return value{}, err
		}
		lo, err := from(s)
		if err != nil {
			return value{}, err
		}
		hi, err := to(s)
		if err != nil {
			return value{}, err
		}
		a, b := bound(lo.n, len(l.list)), bound(hi.n, len(l.list))
		if a < 0 || b > len(l.list) || a > b {
			return value{}, fmt.Errorf("slice %d to %d is out of range for a list of %d", lo.n, hi.n, len(l.list))
		}
		return value{list: l.list[a:b]}, nil
	}
}

func bound(i, n int) int {
	if i < 0 {
		return i + n
	}
	return i
}

func broadcast(args []argument) evaluator {
	return func(s [][]int) (value, error) {
		var out []int
		for _, a := range args {
			v, err := a.eval(s)
			if err != nil {
				return value{}, err
			}
			if out, err = broadcast2(out, v.list); err != nil {
				return value{}, err
			}
		}
		return value{list: out}, nil
	}
}

var errBroadcast = errors.New("cannot be broadcast together")

func broadcast2(a, b []int) ([]int, error) {
	if len(a) < len(b) {
		a, b = b, a
	}
	out := append([]int{}, a...)
	for i, size := range b {
		axis := len(a) - len(b) + i
		switch {
		case out[axis] == size || size == 1:
		case out[axis] == 1:
			out[axis] = size
		default:
			return nil, fmt.Errorf("shapes %v and %v %w", a, b, errBroadcast)
		}
	}
	return out, nil
}
