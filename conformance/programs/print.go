package programs

import (
	"fmt"
	"math"
	"strings"

	"github.com/adjoint-go/adjoint/conformance/internal/sample"
	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/ops"
)

// String is the program under its stack, as Go.
func (s *subject) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "f := %s\n", s.p.text(""))
	f := "f"
	for _, t := range s.stack {
		f = t.text(f)
	}
	fmt.Fprintf(&b, "f = %s\n", f)
	var in []string
	for _, v := range s.inputs(len(s.stack), 0) {
		in = append(in, valueText(v))
	}
	if len(in) == 0 {
		b.WriteString("f(nil)\n")
		return b.String()
	}
	fmt.Fprintf(&b, "f([]*core.Array{\n\t%s,\n})\n", strings.Join(in, ",\n\t"))
	return b.String()
}

func (p *program) text(indent string) string {
	var b strings.Builder
	b.WriteString("func(in []*core.Array) []*core.Array {\n")
	deep := indent + "\t"
	name := func(r ref) string {
		if len(p.steps[r.step].specs) > 1 || p.steps[r.step].form != "" || p.steps[r.step].listed() {
			return fmt.Sprintf("v%d[%d]", r.step, r.result)
		}
		return fmt.Sprintf("v%d", r.step)
	}
	names := func(rs []ref) []string {
		out := make([]string, len(rs))
		for i, r := range rs {
			out[i] = name(r)
		}
		return out
	}
	given := 0
	for i, s := range p.steps {
		var line string
		switch {
		case s.input != nil:
			line = fmt.Sprintf("in[%d]", given)
			given++
		case s.constant != nil:
			line = valueText(*s.constant)
		case s.row != nil:
			line = s.call(names(s.in))
		default:
			var bodies []string
			for _, body := range s.bodies {
				bodies = append(bodies, body.text(deep))
			}
			line = fmt.Sprintf("%s(%d, %s)(%s)", s.form, s.n, strings.Join(bodies, ", "), strings.Join(names(s.in), ", "))
		}
		var specs []string
		for _, o := range s.specs {
			specs = append(specs, o.String())
		}
		fmt.Fprintf(&b, "%sv%d := %s // %s\n", deep, i, line, strings.Join(specs, " "))
	}
	fmt.Fprintf(&b, "%sreturn []*core.Array{%s}\n%s}", deep, strings.Join(names(p.outs), ", "), indent)
	return b.String()
}

// listed says whether the op gives a list.
func (s *step) listed() bool { return s.row != nil && s.row.Outs() == nil }

// call is the op as a call of its Go function; "op" where it has none of that kind.
func (s *step) call(in []string) string {
	arrays := map[string][]string{}
	for _, a := range s.row.Arguments {
		n := len(s.args[a.Name].Arrays)
		arrays[a.Name], in = in[:n], in[n:]
	}
	for _, f := range s.row.Go {
		sig, err := ops.ParseForm(s.row.Op, f)
		if err != nil || sig.Name[0] >= 'a' {
			continue
		}
		fits := true
		for _, a := range s.row.Arguments {
			if lit, fixed := sig.Fixed[a.Name]; fixed && lit != s.argText(a, nil) {
				fits = false
			}
		}
		if !fits {
			continue
		}
		var args []string
		for i, a := range sig.Params {
			t := s.argText(a, arrays[a.Name])
			if i == len(sig.Params)-1 && sig.Variadic {
				t = strings.TrimSuffix(t[strings.IndexByte(t, '{')+1:], "}")
				if t == "" {
					continue
				}
			}
			args = append(args, t)
		}
		pkg := "core"
		if s.row.Pkg != "" {
			pkg = s.row.Pkg
		}
		if sig.Recv != "" && pkg == "core" {
			return fmt.Sprintf("%s.%s(%s)", arrays[sig.Recv][0], sig.Name, strings.Join(args, ", "))
		}
		if sig.Recv != "" {
			args = append([]string{arrays[sig.Recv][0]}, args...)
		}
		return fmt.Sprintf("%s.%s(%s)", pkg, sig.Name, strings.Join(args, ", "))
	}
	var args []string
	for _, a := range s.row.Arguments {
		args = append(args, s.argText(a, arrays[a.Name]))
	}
	return fmt.Sprintf("op(%q, %s)", s.row.Name, strings.Join(args, ", "))
}

// argText is an argument in Go; arrays are the names of those it holds.
func (s *step) argText(a ops.Arg, arrays []string) string {
	v := s.args[a.Name]
	n := 0
	if len(v.Ints) > 0 {
		n = v.Ints[0]
	}
	switch a.Kind {
	case ops.Array:
		return arrays[0]
	case ops.OptArray:
		if len(arrays) == 0 {
			return "nil"
		}
		return arrays[0]
	case ops.Arrays:
		return "[]*core.Array{" + strings.Join(arrays, ", ") + "}"
	case ops.Int, ops.FFTNorm, ops.OptInt, ops.Size, ops.Uint64:
		return fmt.Sprint(n)
	case ops.Int2, ops.Int3:
		size := 2
		if a.Kind == ops.Int3 {
			size = 3
		}
		all := make([]int, size)
		copy(all, v.Ints)
		return fmt.Sprintf("[%d]int{%s}", size, commas(all))
	case ops.Float, ops.Double:
		return fmt.Sprint(v.Float)
	case ops.OptFloat:
		if v.Text == "" {
			return "math.NaN()"
		}
		return fmt.Sprint(v.Float)
	case ops.Bool:
		return fmt.Sprint(v.Bool)
	case ops.DType, ops.OptDType:
		return dtypeText(v.Text)
	case ops.String:
		return fmt.Sprintf("%q", v.Text)
	}
	return "[]int{" + commas(v.Ints) + "}"
}

func commas(v []int) string { return strings.Trim(strings.ReplaceAll(fmt.Sprint(v), " ", ", "), "[]") }

func dtypeText(name string) string {
	if d, err := core.ParseDType(name); err == nil {
		name = d.String()
		names := map[core.DType]string{core.BFloat16: "BFloat16"}
		if n, ok := names[d]; ok {
			return "core." + n
		}
		return "core." + strings.ToUpper(name[:1]) + name[1:]
	}
	return "core.NoDType"
}

var goTypes = map[core.DType]string{
	core.Bool: "bool", core.Uint8: "uint8", core.Uint16: "uint16", core.Uint32: "uint32", core.Uint64: "uint64",
	core.Int8: "int8", core.Int16: "int16", core.Int32: "int32", core.Int64: "int64",
	core.Float32: "float32", core.Float64: "float64", core.Complex64: "complex64",
}

// valueText makes an array of a value, in Go.
func valueText(v sample.Value) string {
	t, ok := goTypes[v.DType]
	cast := ""
	if !ok {
		t, cast = "float32", ".AsType("+dtypeText(v.DType.String())+")"
	}
	elems := make([]string, v.Len())
	for k := range elems {
		x := v.At(k)
		switch {
		case v.DType == core.Bool:
			elems[k] = fmt.Sprint(x != 0)
		case v.DType == core.Complex64:
			elems[k] = fmt.Sprint(complex64(x))
		case v.DType == core.Float64:
			elems[k] = number(real(x), fmt.Sprint(real(x)))
		case v.DType.IsInexact():
			elems[k] = number(real(x), fmt.Sprint(float32(real(x))))
		default:
			elems[k] = fmt.Sprint(int64(real(x)))
		}
	}
	shape := ""
	if len(v.Shape) > 0 {
		shape = ", " + commas(v.Shape)
	}
	return fmt.Sprintf("core.From([]%s{%s}%s)%s", t, strings.Join(elems, ", "), shape, cast)
}

func number(x float64, text string) string {
	switch {
	case math.IsNaN(x):
		return "nan"
	case math.IsInf(x, 1):
		return "inf"
	case math.IsInf(x, -1):
		return "-inf"
	}
	return text
}

// text is the transform around f.
func (t transform) text(f string) string {
	switch t.kind {
	case byCompile:
		return fmt.Sprintf("compile.Of(%s).Call", f)
	case byCheckpoint:
		return fmt.Sprintf("grad.Checkpoint(%s)", f)
	case byVMap:
		var in, out []string
		for i, a := range t.in {
			if a != whole {
				in = append(in, fmt.Sprintf("\"%d\": %d", i, a))
			}
		}
		for i, a := range t.out {
			out = append(out, fmt.Sprintf("\"%d\": %d", i, a))
		}
		return fmt.Sprintf("vmap.Of(%s, vmap.In(vmap.Axes{%s}), vmap.Out(vmap.Axes{%s}))", f, strings.Join(in, ", "), strings.Join(out, ", "))
	}
	return fmt.Sprintf("%s(%s, []int{%s})", t.kind, f, commas(t.wrt))
}
