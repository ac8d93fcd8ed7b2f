package ops_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/internal/ops"
)

var (
	knownDomain = regexp.MustCompile(`^(|pos|neg|unit|open|gt1|spd|lower|upper|well|apart|sym|distinct|between|sorted|bool|key|u32|fp8|e8m0|eye|(idx|perm|seg)[1-9][0-9]*)$`)
	knownDType  = map[string]bool{
		"bool": true, "uint8": true, "uint16": true, "uint32": true, "uint64": true,
		"int8": true, "int16": true, "int32": true, "int64": true,
		"float16": true, "bfloat16": true, "float32": true, "float64": true, "complex64": true,
	}
)

func TestNamesAreUnique(t *testing.T) {
	names, syms, forms := map[string]bool{}, map[string]string{}, map[string]string{}
	for _, o := range ops.Table() {
		assert.False(t, names[o.Name], "two rows named %s", o.Name)
		names[o.Name] = true
		assert.Empty(t, syms[o.Sym], "%s and %s share %s", o.Name, syms[o.Sym], o.Sym)
		syms[o.Sym] = o.Name
		for _, f := range o.Go {
			s, err := ops.ParseForm(&o, f)
			if !assert.NoError(t, err) {
				continue
			}
			// A method and a function may share a name; two methods may not.
			key := o.Pkg + "." + s.Name
			if s.Recv != "" {
				key = "Array." + s.Name
			}
			assert.Empty(t, forms[key], "%s and %s both declare %s", o.Name, forms[key], key)
			forms[key] = o.Name
		}
	}
}

func TestRowsAreComplete(t *testing.T) {
	for _, o := range ops.Table() {
		t.Run(o.Name, func(t *testing.T) {
			assert.Regexp(t, `^[a-z][a-z0-9_.]*$`, o.Name)
			assert.Regexp(t, `^mlx_[a-z][a-z0-9_]*$`, o.Sym)
			assert.NotEmpty(t, o.Cpp+o.CppExpr)
			assert.NotEmpty(t, o.Out)
			assert.NotEmpty(t, o.Shape)
			assert.NotEmpty(t, o.Types)
			assert.NotEmpty(t, o.Source)
			assert.NotEmpty(t, o.Go)
			for _, f := range o.Go {
				assert.Regexp(t, `^[a-zA-Z].*\.$`, f.Doc)
			}
			for _, text := range []string{o.Shape, o.Types, o.Errors} {
				assert.False(t, strings.HasSuffix(text, "."), "%q ends in a full stop", text)
			}
			kind := map[string]ops.Kind{}
			for _, a := range o.Args() {
				_, twice := kind[a.Name]
				assert.False(t, twice, "argument %s twice", a.Name)
				kind[a.Name] = a.Kind
			}
			for _, d := range o.DiffArgs() {
				k := kind[d]
				assert.True(t, k == ops.Array || k == ops.OptArray || k == ops.Arrays, "%s is no array argument", d)
			}
			for _, d := range o.DTypes {
				assert.True(t, knownDType[d], "unknown dtype %q", d)
			}
			assert.NotEmpty(t, o.Cases)
			for _, c := range o.Cases {
				checkCase(t, &o, c)
			}
		})
	}
}

func checkCase(t *testing.T, o *ops.Op, text string) {
	c, err := o.ParseCase(text)
	if !assert.NoError(t, err) {
		return
	}
	for name, v := range c {
		for _, s := range v.Arrays {
			assert.Regexp(t, knownDomain, s.Domain, "%s in %q", name, text)
			assert.True(t, s.DType == "" || knownDType[s.DType], "%s in %q: dtype %q", name, text, s.DType)
			n := 1
			for _, d := range s.Shape {
				n *= d
			}
			if s.Domain == "" && o.Diff != "" {
				assert.LessOrEqual(t, n, 128, "%s in %q is large for differences", name, text)
			}
		}
	}
	for _, a := range o.Args() {
		if a.Kind == ops.DType {
			assert.True(t, knownDType[c[a.Name].Text], "%q gives no dtype for %s", text, a.Name)
		}
		if a.Kind == ops.Arrays {
			assert.NotEmpty(t, c[a.Name].Arrays, "%q gives no array for %s", text, a.Name)
		}
	}
}

func TestPackagesOfRows(t *testing.T) {
	for _, o := range ops.Table() {
		pkg, _, dotted := strings.Cut(o.Name, ".")
		if o.Pkg == "" {
			assert.False(t, dotted, "%s is named for a package that it is not in", o.Name)
			continue
		}
		assert.Equal(t, o.Pkg, pkg, "%s lies in package %s", o.Name, o.Pkg)
		for _, f := range o.Go {
			s, err := ops.ParseForm(&o, f)
			require.NoError(t, err)
			assert.Empty(t, s.Recv, "%s: only core can declare methods", o.Name)
			assert.True(t, unicode.IsLetter(rune(s.Name[0])))
		}
	}
}

func TestParseForm(t *testing.T) {
	o := ops.Op{Name: "x", In: "a array, axes axes, keepdims bool"}
	s, err := ops.ParseForm(&o, ops.Form{Sig: "Sum(axes...) keepdims=false"})
	require.NoError(t, err)
	assert.Equal(t, ops.Signature{Name: "Sum", Recv: "a", Params: []ops.Arg{{Name: "axes", Kind: ops.Axes}},
		Variadic: true, Fixed: map[string]string{"keepdims": "false"}}, s)

	for sig, want := range map[string]string{
		"Sum":                           "want Name(params)",
		"Sum(axes...)":                  "argument keepdims is neither",
		"Sum(axis) keepdims=true":       `no argument "axis" left`,
		"Sum(axes..., keepdims)":        "not last",
		"Sum(axes, keepdims) axes=nil":  `cannot fix "axes=nil"`,
		"Sum(axes, a) keepdims=false":   `no argument "a" left`,
		"func Sum(axes, keepdims)":      "argument a is neither",
		"func Sum(a, axes) keepdims":    `cannot fix "keepdims"`,
		"Sum(axes, axes) keepdims=true": `no argument "axes" left`,
	} {
		_, err := ops.ParseForm(&o, ops.Form{Sig: sig})
		assert.ErrorContains(t, err, want, sig)
	}
	_, err = ops.ParseForm(&ops.Op{Name: "x", In: "n int"}, ops.Form{Sig: "X(n)"})
	assert.ErrorContains(t, err, "no array to be the receiver")
}

func TestParseCase(t *testing.T) {
	o := ops.Op{Name: "x", In: "a array, b array?, xs arrays, axes axes, eps float, keep bool, dtype dtype"}
	c, err := o.ParseCase("a:3x4@pos:int32; xs:2x3+0d; axes:[0,-1]; eps:0.5; keep:true; dtype:float16")
	require.NoError(t, err)
	assert.Equal(t, ops.Case{
		"a":     {Arrays: []ops.Sample{{Shape: []int{3, 4}, Domain: "pos", DType: "int32"}}},
		"b":     {},
		"xs":    {Arrays: []ops.Sample{{Shape: []int{2, 3}}, {}}},
		"axes":  {Ints: []int{0, -1}},
		"eps":   {Float: 0.5, Text: "0.5"},
		"keep":  {Bool: true},
		"dtype": {Text: "float16"},
	}, c)

	for text, want := range map[string]string{
		"":                 "gives no array a",
		"b:3":              "gives no array a",
		"a:3; c:4":         `no argument "c"`,
		"a":                `no argument "a"`,
		"a:3x":             "bad shape",
		"a:-1":             "bad shape",
		"a:3; axes:[1.5]":  "axes",
		"a:3; eps:x":       "eps",
		"a:3; keep:maybe":  "keep",
		"a:3+4":            "gives no array a",
		"a:3; xs:2+y":      "bad shape",
		"a:3@pos; keep:[]": "keep",
	} {
		_, err := o.ParseCase(text)
		assert.ErrorContains(t, err, want, text)
	}
}

func TestArgsPanicsOnBadKind(t *testing.T) {
	assert.PanicsWithValue(t, `ops: x: bad argument "a arrray"`, func() { (&ops.Op{Name: "x", In: "a arrray"}).Args() })
}

func FuzzParseCase(f *testing.F) {
	for _, o := range ops.Table() {
		for _, c := range o.Cases {
			f.Add(c)
		}
	}
	o := ops.Op{Name: "x", In: "a array, b array?, arrays arrays, axes axes, n int, eps float, keepdims bool, dtype dtype"}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := o.ParseCase(text)
		if err != nil {
			return
		}
		require.Len(t, c, len(o.Args()))
		require.Len(t, c["a"].Arrays, 1)
		for _, d := range c["a"].Arrays[0].Shape {
			require.GreaterOrEqual(t, d, 0)
		}
	})
}
