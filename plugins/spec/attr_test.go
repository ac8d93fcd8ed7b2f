package spec

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func withAttrs(attrs ...Attr) Kernel {
	return Kernel{Name: "k", Outputs: []Output{{"y", "[1]", "bool"}}, Attrs: attrs}
}

func TestAttrsAreResolved(t *testing.T) {
	s, err := Compile(withAttrs(AttrOf("n", 3), AttrOf("f", 0.1), AttrOf("b", false), AttrOf("s", "")))
	require.NoError(t, err)
	initial, err := s.Attrs(nil)
	require.NoError(t, err)
	assert.Equal(t, []AttrValue{{"n", int64(3)}, {"f", 0.1}, {"b", false}, {"s", ""}}, initial)
	given, err := s.Attrs(map[string]any{"s": "relu", "f": float32(0.5), "n": int32(-1)})
	require.NoError(t, err)
	assert.Equal(t, []AttrValue{{"n", int64(-1)}, {"f", 0.5}, {"b", false}, {"s", "relu"}}, given)
	require.NoError(t, s.CheckAttrs(given))
	assert.NotEqual(t, AttrKey(initial), AttrKey(given))
	assert.NotEqual(t, AttrKey([]AttrValue{{"a", 0.0}}), AttrKey([]AttrValue{{"a", math.Copysign(0, -1)}}))
	assert.NotEqual(t, AttrKey([]AttrValue{{"a", "1"}}), AttrKey([]AttrValue{{"a", int64(1)}}))
	assert.NotEqual(t, AttrKey([]AttrValue{{"a", "x\";b=string:\""}}), AttrKey([]AttrValue{{"a", "x"}, {"b", ""}}))

	text, err := s.Constants(given)
	require.NoError(t, err)
	assert.Equal(t, "const int n = -1; const float f = 5e-01f; const bool b = false; ", text)
	for _, bad := range []any{int64(math.MaxInt32 + 1), math.NaN(), math.Inf(-1), 1e39} {
		_, err = s.Constants([]AttrValue{{"a", bad}})
		var arg *ArgumentError
		assert.ErrorAs(t, err, &arg)
	}
	for _, bad := range [][]AttrValue{nil, initial[:3], {initial[1], initial[0], initial[2], initial[3]}, {{"n", 3.0}, initial[1], initial[2], initial[3]}, {{"n", nil}, initial[1], initial[2], initial[3]}} {
		var arg *ArgumentError
		assert.ErrorAs(t, s.CheckAttrs(bad), &arg)
	}
	for _, bad := range []map[string]any{{"m": 1}, {"n": 1.5}, {"b": 1}, {"s": 2}, {"n": nil}, {"s": strings.Repeat("x", MaxText+1)}} {
		_, err := s.Attrs(bad)
		var arg *ArgumentError
		assert.ErrorAs(t, err, &arg, bad)
	}
}

func TestBadAttrsAreRefused(t *testing.T) {
	for want, k := range map[string]Kernel{
		"are called n":                      withAttrs(AttrOf("n", 1), AttrOf("n", 2)),
		"are called y":                      withAttrs(AttrOf("y", 1)),
		`the attribute name "a b" must be`:  withAttrs(AttrOf("a b", 1)),
		`kind "[]int" is none of`:           withAttrs(AttrOf("a", []int{1})),
		`attribute a: strconv.ParseInt: pa`: withAttrs(Attr{Name: "a", Kind: IntAttr, Initial: "x"}),
		"at most 64 are allowed":            withAttrs(make([]Attr, 65)...),
		"a text of 4097 bytes":              withAttrs(Attr{Name: "a", Kind: StringAttr, Initial: strings.Repeat("x", MaxText+1)}),
	} {
		p := &Plugin{ID: "a/b", Version: "1.0.0", Kernels: []Kernel{k}}
		var bad *InvalidError
		require.ErrorAs(t, p.Validate(), &bad, want)
		assert.ErrorContains(t, bad, want)
	}
	p := square()
	p.Kernels[0].Attrs = []Attr{AttrOf("n", 1)}
	assert.ErrorContains(t, p.Validate(), "its vjp kernel square_vjp has other attributes; it needs the same")
}

func TestAttrsSurviveJSON(t *testing.T) {
	p := &Plugin{ID: "a/b", Version: "1.0.0", Kernels: []Kernel{withAttrs(AttrOf("n", 3), AttrOf("f", 1e300), AttrOf("s", "a\"b"))}}
	text, err := p.Encode()
	require.NoError(t, err)
	q := new(Plugin)
	require.NoError(t, json.Unmarshal(text, q))
	assert.Equal(t, p, q)
}
