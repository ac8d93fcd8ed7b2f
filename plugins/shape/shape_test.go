package shape

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var inputs = []string{"x", "y", "size"}

var shapes = [][]int{{2, 3, 4}, {4}, {}}

func TestListValues(t *testing.T) {
	for source, want := range map[string][]int{
		"shape(x)":                        {2, 3, 4},
		" [ ] ":                           {},
		"[1,2]+[3]":                       {1, 2, 3},
		"[size(x), ndim(x), dim(x, -1)]":  {24, 3, 4},
		"[dim(x,0)*2 + 3*-dim(y,0) + 20]": {12},
		"[7/2, (0-7)/2+9, 7%3, (0-7)%3]":  {3, 5, 1, 2},
		"broadcast(x, y)":                 {2, 3, 4},
		"broadcast(x, y, [5,1,1,1])":      {5, 2, 3, 4},
		"slice(x, 0, -1) + [1]":           {2, 3, 1},
		"slice(shape(x), 1, 3)":           {3, 4},
		"[max(2, dim(x,1)), min(2, 1)]":   {3, 1},
		"shape(size)":                     {},
		"[size(size)]":                    {1},
		"((shape(x)))":                    {2, 3, 4},
	} {
		e, err := Parse(source, inputs)
		require.NoError(t, err, source)
		require.True(t, e.IsList(), source)
		got, err := e.Shape(shapes)
		require.NoError(t, err, source)
		assert.Equal(t, want, got, source)
	}
}

func TestSyntaxErrors(t *testing.T) {
	for source, want := range map[string]string{
		"":                                       "found the end of the text",
		"x":                                      `"x" is an input`,
		"foo(x)":                                 `no function or input "foo"`,
		"shape(z)":                               `no function or input "z"`,
		"shape(1)":                               "must be the name of an input",
		"shape(shape(x))":                        "must be the name of an input",
		"shape(x, y)":                            "takes 1 arguments, got 2",
		"broadcast()":                            "at least one argument",
		"broadcast(1)":                           "must be a list",
		"dim(x, y)":                              "must be an integer",
		"dim(x)":                                 "takes 2 arguments",
		"shape(x) + 1":                           "cannot join a list and an integer",
		"shape(x) - shape(y)":                    "cannot join a list and a list",
		"-shape(x)":                              "no negative",
		"[shape(x)]":                             "holds integers",
		"[1 2]":                                  `expected ","`,
		"shape(x) shape(y)":                      "after the expression",
		"1 $ 2":                                  `unexpected character '$'`,
		"99999999999999999999":                   "does not fit",
		"shape(x":                                `expected ","`,
		strings.Repeat("(", 40):                  "levels deep",
		strings.Repeat("-", 40) + "1":            "levels deep",
		strings.Repeat("[", 40):                  "levels deep",
		"[" + strings.Repeat("1,", 600) + "1]":   "bytes",
		strings.Repeat("min(1,", 40):             "levels deep",
		"shape(x) + " + string([]byte{0xff}):     "unexpected character",
		"1 + " + strings.Repeat("9", 30) + "(1)": "does not fit",
	} {
		_, err := Parse(source, inputs)
		var syntax *SyntaxError
		require.ErrorAs(t, err, &syntax, source)
		assert.ErrorContains(t, err, want, source)
		assert.NotContains(t, err.Error(), "\n", source)
	}
}

func TestEvalErrors(t *testing.T) {
	for source, want := range map[string]string{
		"[1/0]":                                 "division by zero",
		"[1%(size(y)-4)]":                       "division by zero",
		"[9223372036854775807+1]":               "64 bits",
		"[9223372036854775807*2]":               "64 bits",
		"[-9223372036854775807-2]":              "64 bits",
		"[(-9223372036854775807-1)*-1]":         "64 bits",
		"[(-9223372036854775807-1)/-1]":         "64 bits",
		"[-1]":                                  "negative",
		"[dim(x, 3)]":                           "out of range",
		"[dim(x, -4)]":                          "out of range",
		"slice(x, 2, 1)":                        "out of range",
		"slice(x, 0, 4)":                        "out of range",
		"slice(x, -5, 1)":                       "out of range",
		"broadcast(x, [3])":                     "cannot be broadcast",
		"[" + strings.Repeat("1,", 32) + "1]":   "33 axes",
		"[" + strings.Repeat("1,", 400) + "1]":  "401 axes",
		"[size(x)*size(x)*9223372036854775807]": "64 bits",
	} {
		e, err := Parse(source, inputs)
		require.NoError(t, err, source)
		_, err = e.Shape(shapes)
		var eval *EvalError
		require.ErrorAs(t, err, &eval, source)
		assert.ErrorContains(t, err, want, source)
	}
}

func TestKindIsChecked(t *testing.T) {
	n, err := Parse("size(x)", inputs)
	require.NoError(t, err)
	_, err = n.Shape(shapes)
	require.ErrorContains(t, err, "[size(x)]")
	got, err := n.Int(shapes)
	require.NoError(t, err)
	assert.Equal(t, 24, got)
	l, err := Parse("shape(x)", inputs)
	require.NoError(t, err)
	_, err = l.Int(shapes)
	require.ErrorContains(t, err, "is a list")
	_, err = l.Shape(shapes[:1])
	require.ErrorContains(t, err, "3 inputs, got 1")
}

func TestResultIsFresh(t *testing.T) {
	in := [][]int{{2, 3}, {}, {}}
	e, err := Parse("shape(x)", inputs)
	require.NoError(t, err)
	got, err := e.Shape(in)
	require.NoError(t, err)
	got[0] = 99
	assert.Equal(t, []int{2, 3}, in[0])
}

func TestBroadcasts(t *testing.T) {
	for source, want := range map[string]bool{"shape(x)": false, "broadcast(x,y)": true, "[1]+slice(broadcast(x,y),0,1)": true} {
		e, err := Parse(source, inputs)
		require.NoError(t, err)
		assert.Equal(t, want, e.Broadcasts(), source)
	}
}

func TestDTypes(t *testing.T) {
	for source, want := range map[string]string{"dtype(y)": "int32", " dtype ( x ) ": "float32", "bool": "bool"} {
		e, err := ParseDType(source, inputs)
		require.NoError(t, err, source)
		got, err := e.DType([]string{"float32", "int32", "bool"})
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	fixed, err := ParseDType("bool", inputs)
	require.NoError(t, err)
	assert.Equal(t, "bool", fixed.Fixed())
	_, err = fixed.DType(nil)
	require.Error(t, err)
	for _, source := range []string{"", "dtype(z)", "dtype(x", "float32 float32", "1", "dtype()", "dtype(x) x"} {
		_, err := ParseDType(source, inputs)
		var syntax *SyntaxError
		require.ErrorAs(t, err, &syntax, source)
	}
}

// Checked arithmetic against arithmetic in a wider type.
func TestArithmeticNeverWraps(t *testing.T) {
	edge := rapid.OneOf(rapid.Int(), rapid.SampledFrom([]int{0, 1, -1, 2, math.MaxInt, math.MinInt, math.MinInt + 1}))
	rapid.Check(t, func(t *rapid.T) {
		a, b := edge.Draw(t, "a"), edge.Draw(t, "b")
		for op, f := range map[string]func(a, b int) (int, error){"+": add, "-": sub, "*": mul} {
			wide := wideOp(op, int64(a), int64(b))
			got, err := f(a, b)
			if wide.IsInt64() {
				require.NoError(t, err, "%d %s %d", a, op, b)
				require.Equal(t, wide.Int64(), int64(got))
			} else {
				require.ErrorIs(t, err, errOverflow, "%d %s %d", a, op, b)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"shape(x)", "[1,2]+broadcast(x,y)", "slice(x,0,-1)", "[1/0]", "((((", "-1", "[dim(x,0)*size(y)]"} {
		f.Add(s, 2, 3)
	}
	f.Fuzz(func(t *testing.T, source string, a, b int) {
		e, err := Parse(source, inputs)
		if err != nil {
			var syntax *SyntaxError
			require.ErrorAs(t, err, &syntax)
			return
		}
		in := [][]int{{a, b}, {b}, {}}
		if !e.IsList() {
			_, _ = e.Int(in)
			return
		}
		got, err := e.Shape(in)
		if err == nil {
			require.LessOrEqual(t, len(got), MaxRank)
			for _, size := range got {
				require.GreaterOrEqual(t, size, 0)
			}
		}
	})
}
