package ops

import (
	"fmt"
	"strings"
)

// Signature is a parsed Form.
type Signature struct {
	Name     string
	Recv     string // name of the receiver argument; empty for a function
	Params   []Arg
	Variadic bool // the last parameter is variadic
	Fixed    map[string]string
}

// ParseForm reads a form's Sig against the arguments of its row.
func ParseForm(o *Op, f Form) (Signature, error) {
	s := Signature{Fixed: map[string]string{}}
	bad := func(format string, a ...any) (Signature, error) {
		return s, fmt.Errorf("ops: %s: form %q: %s", o.Name, f.Sig, fmt.Sprintf(format, a...))
	}
	text, isFunc := strings.CutPrefix(strings.TrimSpace(f.Sig), "func ")
	open, end := strings.Index(text, "("), strings.Index(text, ")")
	if open < 1 || end < open {
		return bad("want Name(params)")
	}
	s.Name = text[:open]
	args := o.Args()
	kind := map[string]Kind{}
	for _, a := range args {
		kind[a.Name] = a.Kind
	}
	used := map[string]bool{}
	if !isFunc {
		for _, a := range args {
			if a.Kind == Array {
				s.Recv = a.Name
				used[a.Name] = true
				break
			}
		}
		if s.Recv == "" {
			return bad("no array to be the receiver")
		}
	}
	for _, p := range strings.Split(text[open+1:end], ",") {
		p = strings.TrimSpace(p)
		if p == "" {
			continue
		}
		if s.Variadic {
			return bad("the variadic parameter is not last")
		}
		p, s.Variadic = strings.CutSuffix(p, "...")
		k, ok := kind[p]
		if !ok || used[p] {
			return bad("no argument %q left", p)
		}
		used[p] = true
		s.Params = append(s.Params, Arg{p, k})
	}
	for _, fix := range strings.Fields(text[end+1:]) {
		name, val, ok := strings.Cut(fix, "=")
		if _, known := kind[name]; !ok || !known || used[name] {
			return bad("cannot fix %q", fix)
		}
		used[name] = true
		s.Fixed[name] = val
	}
	for _, a := range args {
		if !used[a.Name] {
			return bad("argument %s is neither parameter nor fixed", a.Name)
		}
	}
	return s, nil
}
