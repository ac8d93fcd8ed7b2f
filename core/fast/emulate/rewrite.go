package emulate

import (
	"fmt"
	"strings"
)

// rewriter turns Metal into C++ where a header cannot: threadgroup variables,
// literals, and what must be refused. Every line stays where it is.
type rewriter struct {
	kernel    string
	header    bool
	tokens    []token
	at        int
	depth     int  // of parentheses and brackets
	directive bool // in a line of the preprocessor
	out       strings.Builder
	shared    *[]string // the names of threadgroup variables; their index is in the code
}

// What Metal does not have.
var absent = map[string]string{
	"double":       "Metal has no type double",
	"std":          "Metal does not have C++'s std; its own library is metal::",
	"new":          "Metal has no operator new",
	"delete":       "Metal has no operator delete",
	"throw":        "Metal has no exceptions",
	"try":          "Metal has no exceptions",
	"catch":        "Metal has no exceptions",
	"goto":         "Metal has no goto",
	"virtual":      "Metal has no virtual functions",
	"dynamic_cast": "Metal has no dynamic_cast",
	"typeid":       "Metal has no typeid",
	"thread_local": "Metal has no thread_local",
	"asm":          "Metal has no asm",
	"__asm__":      "Metal has no asm",
	"extern":       "Metal has no extern functions",
}

// What Metal has and the emulator does not.
var missing = map[string]string{
	"texture1d": "textures", "texture2d": "textures", "texture3d": "textures", "texturecube": "textures",
	"texture1d_array": "textures", "texture2d_array": "textures", "texture_buffer": "textures", "sampler": "textures",
	"function_constant": "function constants", "is_function_constant_defined": "function constants",
	"atomic_thread_fence":    "fences between threadgroups",
	"simdgroup_async_copy":   "asynchronous copies",
	"visible_function_table": "function tables", "os_log_default": "logging",
}

func rewrite(k Kernel, header bool, shared *[]string) (string, *Error) {
	src := k.Source
	if header {
		src = k.Header
	}
	r := &rewriter{kernel: k.Name, header: header, tokens: scan(src), shared: shared}
	for r.at < len(r.tokens) {
		if err := r.step(); err != nil {
			return "", err
		}
	}
	if header && src != "" && !strings.HasSuffix(src, "\n") {
		// MLX writes the kernel's signature right after the header.
		if last := r.tokens[len(r.tokens)-1]; r.directive || strings.HasPrefix(last.text, "//") {
			return "", r.fault(last, ErrCompile, "the header's last line runs into the signature that MLX adds; end it with a line break")
		}
	}
	return r.out.String(), nil
}

func (r *rewriter) fault(t token, kind error, format string, args ...any) *Error {
	return &Error{Kernel: r.kernel, Err: kind, Line: t.line, Header: r.header, Detail: fmt.Sprintf(format, args...)}
}

func (r *rewriter) step() *Error {
	t := r.tokens[r.at]
	r.at++
	switch {
	case t.text == "\n":
		r.directive = false
	case t.text == "(" || t.text == "[":
		r.depth++
	case t.text == ")" || t.text == "]":
		r.depth--
	case t.text == "#" && !r.directive:
		r.directive = true
		return r.preprocess(t)
	case t.kind == number:
		return r.literal(t)
	case t.kind == word:
		if why := absent[t.text]; why != "" {
			return r.fault(t, ErrCompile, "%s", why)
		}
		if what := missing[t.text]; what != "" {
			return r.fault(t, ErrUnsupported, "%s: %s", t.text, what)
		}
		if t.text == "threadgroup" {
			return r.threadgroup(t)
		}
	}
	r.out.WriteString(t.text)
	return nil
}

// preprocess drops pragmas, which are for another compiler, and Metal's own
// includes, which the shim stands for.
func (r *rewriter) preprocess(t token) *Error {
	i := r.skip(r.at)
	if i == len(r.tokens) || r.tokens[i].text != "include" && r.tokens[i].text != "pragma" {
		r.out.WriteString(t.text)
		return nil
	}
	include := r.tokens[i].text == "include"
	var rest strings.Builder
	for r.at = i + 1; r.at < len(r.tokens) && r.tokens[r.at].text != "\n"; r.at++ {
		rest.WriteString(r.tokens[r.at].text)
		if r.tokens[r.at].text == "\\\n" {
			r.out.WriteString("\n")
		}
	}
	if file := strings.TrimSpace(rest.String()); include && !strings.HasPrefix(file, "<metal") {
		return r.fault(t, ErrCompile, "there is no file %s for a kernel to include", file)
	}
	return nil
}

// skip returns the index of the first token from i that is no space on the line.
func (r *rewriter) skip(i int) int {
	for i < len(r.tokens) && r.tokens[i].kind == space && r.tokens[i].text != "\n" {
		i++
	}
	return i
}

// literal makes a floating-point literal a float, as it is in Metal.
func (r *rewriter) literal(t token) *Error {
	s := strings.ToLower(t.text)
	hex := strings.HasPrefix(s, "0x")
	floating := hex && strings.Contains(s, "p") || !hex && strings.ContainsAny(s, ".e")
	body, half := strings.CutSuffix(s, "h")
	body, brain := strings.CutSuffix(body, "bf")
	switch {
	case !hex && brain && !half:
		r.out.WriteString("bfloat(" + body + suffix(body) + ")")
	case !hex && half:
		r.out.WriteString("half(" + body + suffix(body) + ")")
	case floating && strings.HasSuffix(s, "l"):
		return r.fault(t, ErrCompile, "Metal has no long double: %s", t.text)
	case floating && !strings.HasSuffix(s, "f"):
		r.out.WriteString(t.text + "f")
	default:
		r.out.WriteString(t.text)
	}
	return nil
}

func suffix(body string) string {
	if strings.ContainsAny(body, ".e") {
		return "f"
	}
	return ".0f"
}

// threadgroup drops the qualifier of a pointer or reference, and turns a
// variable into a reference to memory of the threadgroup:
//
//	threadgroup float a[8], b;   =>   float (&a)[8] = …, (&b) = …;
func (r *rewriter) threadgroup(t token) *Error {
	name, ok := r.declares()
	if !ok {
		return nil
	}
	switch {
	case r.header:
		return r.fault(t, ErrCompile, "a threadgroup variable stands in the kernel's body, not in the header")
	case r.directive:
		return r.fault(t, ErrUnsupported, "a threadgroup variable in a macro")
	}
	for {
		for r.at < name {
			if err := r.step(); err != nil {
				return err
			}
		}
		r.at++
		fmt.Fprintf(&r.out, "(&%s)", r.tokens[name].text)
		end, err := r.declarator(r.tokens[name])
		if err != nil {
			return err
		}
		fmt.Fprintf(&r.out, " = emu::shared<%d>{}%s", len(*r.shared), end)
		*r.shared = append(*r.shared, r.tokens[name].text)
		if end == ";" {
			return nil
		}
		for name = r.at; name < len(r.tokens) && r.tokens[name].kind == space; name++ {
		}
		if name == len(r.tokens) || r.tokens[name].kind != word {
			return r.fault(t, ErrCompile, "a name is missing after the comma of a threadgroup variable")
		}
	}
}

// declarator copies the bounds of an array and returns what ends it.
func (r *rewriter) declarator(name token) (string, *Error) {
	depth := r.depth
	for r.at < len(r.tokens) {
		t := r.tokens[r.at]
		if r.depth == depth {
			switch {
			case t.text == ";" || t.text == ",":
				r.at++
				return t.text, nil
			case t.text == "=" || t.text == "{":
				return "", r.fault(t, ErrCompile, "the threadgroup variable %s cannot have an initial value", name.text)
			case t.kind == word:
				return "", r.fault(t, ErrCompile, "expected ; after the threadgroup variable %s, found %s", name.text, t.text)
			}
		}
		if err := r.step(); err != nil {
			return "", err
		}
	}
	return "", r.fault(name, ErrCompile, "the declaration of %s does not end", name.text)
}

// declares tells whether a variable is declared after the word threadgroup, and
// the index of its name: no pointer, reference or function stands there.
func (r *rewriter) declares() (name int, ok bool) {
	if r.depth > 0 {
		return 0, false
	}
	angle := 0
	name = -1
	for i := r.at; i < len(r.tokens); i++ {
		t := r.tokens[i]
		switch {
		case t.text == "<":
			angle++
		case t.text == ">":
			angle--
		case t.kind == space || angle > 0:
		case t.kind == word:
			name = i
		case t.text == "[" || t.text == ";" || t.text == "," || t.text == "=":
			return name, name > 0
		case t.text != ":":
			return 0, false
		}
	}
	return 0, false
}

// unbalanced finds a brace without its other half. A compiler notices it only
// somewhere behind.
func unbalanced(src string) (line int, why string) {
	var open []int
	for _, t := range scan(src) {
		switch t.text {
		case "{":
			open = append(open, t.line)
		case "}":
			if len(open) == 0 {
				return t.line, "the } closes the kernel's function"
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		return open[len(open)-1], "the { is never closed"
	}
	return 0, ""
}
