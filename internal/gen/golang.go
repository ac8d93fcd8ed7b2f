package main

import (
	"fmt"
	"go/format"
	"strings"

	"github.com/adjoint-go/adjoint/internal/ops"
)

// goKinds says how a kind is spelled in Go and which method of core.Call takes
// it.
var goKinds = map[ops.Kind]struct{ typ, push string }{
	ops.Array:    {"*%sArray", "Array"},
	ops.OptArray: {"*%sArray", "OptArray"},
	ops.Arrays:   {"[]*%sArray", "Arrays"},
	ops.Int:      {"int", "Int"},
	ops.OptInt:   {"int", "OptInt"},
	ops.Int2:     {"[2]int", "Int2"},
	ops.Int3:     {"[3]int", "Int3"},
	ops.Ints:     {"[]int", "Ints"},
	ops.OptInts:  {"[]int", "Ints"},
	ops.Axes:     {"[]int", "Ints"},
	ops.Shape:    {"[]int", "Shape"},
	ops.Bounds:   {"[]int", "Ints"},
	ops.Strides:  {"[]int", "Longs"},
	ops.Size:     {"int", "Size"},
	ops.Uint64:   {"uint64", "Word"},
	ops.Float:    {"float64", "Float"},
	ops.Double:   {"float64", "Float"},
	ops.OptFloat: {"float64", "OptFloat"},
	ops.Bool:     {"bool", "Bool"},
	ops.DType:    {"%sDType", "DType"},
	ops.OptDType: {"%sDType", "OptDType"},
	ops.String:   {"string", "String"},
	ops.FFTNorm:  {"int", "Norm"},
}

// Generate returns every generated file by its path below the module.
func Generate(table []ops.Op) (map[string][]byte, error) {
	files := map[string][]byte{}
	nativeFiles(table, files)
	var consts strings.Builder
	consts.WriteString(header + "\npackage engine\n\n// Op is the number of an op in the engine's call table.\ntype Op uint32\n\n// The ops, in the order of the op table.\nconst (\n")
	for i := range table {
		fmt.Fprintf(&consts, "Op%s", camel(table[i].Name))
		if i == 0 {
			consts.WriteString(" Op = iota")
		}
		consts.WriteString("\n")
	}
	for _, n := range byHand {
		fmt.Fprintf(&consts, "Op%s\n", camel(n))
	}
	fmt.Fprintf(&consts, ")\n\n// Ops is the number of ops.\nconst Ops = %d\n\nvar opNames = [Ops]string{\n", len(table)+len(byHand))
	for i := range table {
		fmt.Fprintf(&consts, "%q,\n", table[i].Name)
	}
	for _, n := range byHand {
		fmt.Fprintf(&consts, "%q,\n", n)
	}
	consts.WriteString("}\n")
	if err := put(files, "internal/engine/z_ops.go", consts.String()); err != nil {
		return nil, err
	}
	bodies := map[string]*strings.Builder{}
	for i := range table {
		o := &table[i]
		b := bodies[o.Pkg]
		if b == nil {
			b = &strings.Builder{}
			bodies[o.Pkg] = b
		}
		for _, f := range o.Go {
			text, err := goForm(o, f)
			if err != nil {
				return nil, err
			}
			b.WriteString(text)
		}
	}
	for pkg, b := range bodies {
		name, path := "core", "core/z_ops.go"
		imports := "\"github.com/adjoint-go/adjoint/internal/engine\"\n"
		if pkg != "" {
			name, path = pkg, "core/"+pkg+"/z_ops.go"
			imports = "\"github.com/adjoint-go/adjoint/core\"\n" + imports
		}
		text := header + "\npackage " + name + "\n\nimport (\n" + imports + ")\n\n" + b.String()
		if strings.Contains(text, "math.NaN()") {
			text = strings.Replace(text, "import (\n", "import (\n\"math\"\n\n", 1)
		}
		if err := put(files, path, text); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func put(files map[string][]byte, path, text string) error {
	out, err := format.Source([]byte(text))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	files[path] = out
	return nil
}

// goForm is one public Go spelling of an op.
func goForm(o *ops.Op, f ops.Form) (string, error) {
	sig, err := ops.ParseForm(o, f)
	if err != nil {
		return "", err
	}
	qual := ""
	if o.Pkg != "" {
		qual = "core."
	}
	typ := func(k ops.Kind) string {
		t := goKinds[k].typ
		if strings.Contains(t, "%s") {
			return fmt.Sprintf(t, qual)
		}
		return t
	}
	var b strings.Builder
	b.WriteString(docComment(o, sig, f))
	b.WriteString("func ")
	if sig.Recv != "" {
		fmt.Fprintf(&b, "(%s *Array) ", goName(sig.Recv))
	}
	var ps []string
	for _, p := range sig.Params {
		t := typ(p.Kind)
		if sig.Variadic && p.Name == sig.Params[len(sig.Params)-1].Name {
			t = "..." + strings.TrimPrefix(t, "[]")
		}
		ps = append(ps, goName(p.Name)+" "+t)
	}
	outs := o.Outs()
	var result, end string
	switch {
	case outs == nil:
		result, end = "[]*"+qual+"Array", "return call.List()\n"
	case len(outs) == 1:
		result, end = "*"+qual+"Array", "return call.One()\n"
	default:
		var rs, idx []string
		for i, n := range outs {
			rs = append(rs, goName(n)+" *"+qual+"Array")
			idx = append(idx, fmt.Sprintf("res[%d]", i))
		}
		result = "(" + strings.Join(rs, ", ") + ")"
		end = fmt.Sprintf("res := call.Many(%d)\nreturn %s\n", len(outs), strings.Join(idx, ", "))
	}
	fmt.Fprintf(&b, "%s(%s) %s {\nvar call %sCall\ncall.Begin(engine.Op%s)\n", sig.Name, strings.Join(ps, ", "), result, qual, camel(o.Name))
	for _, a := range o.Args() {
		val, fixed := sig.Fixed[a.Name]
		if !fixed {
			val = goName(a.Name)
		} else if a.Kind == ops.DType || a.Kind == ops.OptDType {
			if val == "0" {
				val = "NoDType"
			}
			val = qual + strings.TrimPrefix(val, "core.")
		}
		fmt.Fprintf(&b, "call.%s(%s)\n", goKinds[a.Kind].push, val)
	}
	b.WriteString(end + "}\n\n")
	return b.String(), nil
}

func docComment(o *ops.Op, sig ops.Signature, f ops.Form) string {
	var b strings.Builder
	b.WriteString(wrap(sig.Name + " " + f.Doc))
	extra := ""
	if o.Shape != "" {
		extra += "Shapes: " + strings.TrimSuffix(o.Shape, ".") + ". "
	}
	if o.Types != "" {
		extra += "Dtypes: " + strings.TrimSuffix(o.Types, ".") + ". "
	}
	if o.Errors != "" {
		extra += "Errors: " + strings.TrimSuffix(o.Errors, ".") + ". "
	}
	if o.Source != "" {
		extra += "Source: " + strings.TrimSuffix(o.Source, ".") + "."
	}
	if extra != "" {
		b.WriteString("//\n" + wrap(extra))
	}
	return b.String()
}

// wrap breaks text into comment lines of about 80 columns.
func wrap(text string) string {
	var b strings.Builder
	line := "//"
	for _, w := range strings.Fields(text) {
		if len(line)+1+len(w) > 80 && line != "//" {
			b.WriteString(line + "\n")
			line = "//"
		}
		line += " " + w
	}
	return b.String() + line + "\n"
}

// camel makes "linalg.qr" LinalgQr and "take_along_axis" TakeAlongAxis.
func camel(s string) string {
	var b strings.Builder
	for _, w := range strings.FieldsFunc(s, func(r rune) bool { return r == '_' || r == '.' }) {
		b.WriteString(strings.ToUpper(w[:1]) + w[1:])
	}
	return b.String()
}

// goName makes a_min aMin and keeps clear of Go's keywords and of the
// function's locals.
func goName(s string) string {
	words := strings.Split(s, "_")
	out := words[0]
	for _, w := range words[1:] {
		if w != "" {
			out += strings.ToUpper(w[:1]) + w[1:]
		}
	}
	out = strings.ToLower(out[:1]) + out[1:]
	switch out {
	case "call", "res":
		return out + "_"
	case "type", "func", "range", "map", "var", "len", "cap", "new", "copy":
		return out + "_"
	}
	return out
}
