package tree_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/tree"
)

type block struct {
	W, B *core.Array
	Mean *core.Array `tree:",state"`
	Eps  float64
}

type layered struct {
	Blocks []block
	Head   *block
	Named  map[string]*core.Array
	Steps  *core.Array
	Extra  any
	sizes  []int
}

// blank is an array that is never looked into; a test of structure needs no engine.
func blank() *core.Array { return new(core.Array) }

func sample() layered {
	return layered{
		Blocks: []block{{W: blank(), B: blank(), Eps: 1}, {W: blank(), Mean: blank(), Eps: 2}},
		Head:   &block{W: blank()},
		Named:  map[string]*core.Array{"b": blank(), "a.x": blank()},
		Extra:  []any{block{B: blank()}, "static"},
		sizes:  []int{3, 4},
	}
}

var samplePaths = []string{"Blocks.0.W", "Blocks.0.B", "Blocks.1.W", "Blocks.1.Mean", "Head.W", `Named.a\.x`, "Named.b", "Extra.0.B"}

// caught returns the error that f panics with.
func caught(f func()) (err error) {
	defer core.Catch(&err)
	f()
	return nil
}

func TestAllYieldsWhatIsThere(t *testing.T) {
	m := sample()
	var paths []string
	for path, a := range tree.All(m) {
		require.NotNil(t, a)
		paths = append(paths, path)
	}
	assert.Equal(t, samplePaths, paths)
	assert.Equal(t, samplePaths, tree.Paths(m))
	assert.Equal(t, len(samplePaths), tree.Count(m))
	for path, a := range tree.All(m) {
		if path == "Blocks.1.W" {
			assert.Same(t, m.Blocks[1].W, a)
			break
		}
	}
	assert.Empty(t, tree.Paths(layered{}))
	assert.Empty(t, tree.Paths[any](nil))
	assert.Equal(t, []string{""}, tree.Paths(blank()))
}

func TestMapLeavesItsArgumentAlone(t *testing.T) {
	m := sample()
	before := tree.Flatten(m)
	fresh := map[*core.Array]*core.Array{}
	out := tree.Map(m, func(a *core.Array) *core.Array {
		fresh[a] = blank()
		return fresh[a]
	})
	assert.Equal(t, samplePaths, tree.Paths(out))
	for path, a := range tree.All(out) {
		assert.Same(t, fresh[before[path]], a, path)
	}
	for path, a := range tree.All(m) {
		assert.Same(t, before[path], a, path)
	}
	assert.Nil(t, out.Blocks[1].B, "absent stays absent")
	assert.Equal(t, 2.0, out.Blocks[1].Eps)
	assert.Equal(t, []int{3, 4}, out.sizes)
	assert.Equal(t, "static", out.Extra.([]any)[1])
}

func TestMapPath(t *testing.T) {
	var seen []string
	m := sample()
	out := tree.MapPath(m, func(path string, a *core.Array) *core.Array {
		seen = append(seen, path)
		if strings.HasPrefix(path, "Blocks") {
			return nil
		}
		return a
	})
	assert.Equal(t, samplePaths, seen)
	assert.Equal(t, samplePaths[4:], tree.Paths(out))
	assert.Same(t, m.Head.W, out.Head.W)
}

func TestMap2(t *testing.T) {
	a, b := sample(), sample()
	b.Blocks[0].W = nil
	b.Blocks[0].Eps = 9
	pairs := 0
	out := tree.Map2(a, b, func(x, y *core.Array) *core.Array { pairs++; return y })
	assert.Equal(t, len(samplePaths)-1, pairs)
	assert.Same(t, a.Blocks[0].W, out.Blocks[0].W, "where the second is absent the first stays")
	assert.Same(t, b.Blocks[0].B, out.Blocks[0].B)
	assert.Equal(t, 1.0, out.Blocks[0].Eps)

	second := func(_, y *core.Array) *core.Array { return y }
	err := caught(func() { tree.Map2(b, a, second) })
	assert.ErrorContains(t, err, "tree.Map2: at Blocks.0.W: the second tree has an array where the first has none")
	b.Blocks = b.Blocks[:1]
	err = caught(func() { tree.Map2(a, b, second) })
	assert.ErrorContains(t, err, "tree.Map2: at Blocks: the trees differ in structure: the first has a []tree_test.block of length 2, the second a []tree_test.block of length 1")
	err = caught(func() { tree.Map2[any](1, "x", second) })
	assert.ErrorContains(t, err, "at the root: the trees differ in structure: the first has a int, the second a string")
}

func TestOnlyExceptMerge(t *testing.T) {
	m := sample()
	for _, paths := range [][]string{{"Blocks"}, {"Blocks.1", "Named.b"}, {"Head", `Named.a\.x`}, {"Extra.0"}, {"Steps"}, {""}, {}} {
		only, except := tree.Only(m, paths...), tree.Except(m, paths...)
		assert.ElementsMatch(t, samplePaths, append(tree.Paths(only), tree.Paths(except)...))
		for _, p := range tree.Paths(only) {
			assert.True(t, slices.ContainsFunc(paths, func(q string) bool { return q == "" || p == q || strings.HasPrefix(p, q+".") }), p)
		}
		for _, merged := range []layered{tree.Merge(only, except), tree.Merge(except, only)} {
			assert.True(t, maps.Equal(tree.Flatten(m), tree.Flatten(merged)), paths)
		}
	}
	other := sample()
	assert.Same(t, m.Head.W, tree.Merge(m, other).Head.W, "the first wins")
	assert.Same(t, other.Blocks[1].B, tree.Merge(m, other).Blocks[1].B)

	err := caught(func() { tree.Only(m, "Blocks.0", "Blokcs.1") })
	var typed *core.Error
	require.True(t, errors.As(err, &typed))
	assert.Equal(t, "tree.Only", typed.Op)
	assert.ErrorContains(t, err, "at Blokcs.1: no such path; the tree has Blocks.0.W, Blocks.0.B")
	assert.ErrorContains(t, err, "tree_test.go:")
	assert.ErrorContains(t, caught(func() { tree.Except(m, "Blocks.2") }), "tree.Except: at Blocks.2: no such path")
	other.Head = nil
	assert.ErrorContains(t, caught(func() { tree.Merge(m, other) }), "at Head: the trees differ in structure: the first has a *tree_test.block, the second nil")
}

func TestCloneSharesOnlyArrays(t *testing.T) {
	m := sample()
	c := tree.Clone(m)
	assert.True(t, maps.Equal(tree.Flatten(m), tree.Flatten(c)))
	m.Blocks[0].W, m.Head.W, m.Named["b"] = nil, nil, nil
	assert.Equal(t, samplePaths, tree.Paths(c))
}

func TestUnflatten(t *testing.T) {
	m := sample()
	out, err := tree.Unflatten(m, tree.Flatten(m))
	require.NoError(t, err)
	assert.True(t, maps.Equal(tree.Flatten(m), tree.Flatten(out)))
	for _, c := range []struct {
		edit func(map[string]*core.Array)
		want string
	}{
		{func(a map[string]*core.Array) { delete(a, "Head.W") }, "arrays are missing: Head.W"},
		{func(a map[string]*core.Array) { a["Head.W"] = nil }, "arrays are missing: Head.W"},
		{func(a map[string]*core.Array) { a["z"], a["y"] = blank(), blank() }, "arrays have no place in the tree: y, z"},
		{func(a map[string]*core.Array) { a["Blocks.1.B"] = blank() }, "arrays are given for absent leaves: Blocks.1.B"},
		{func(a map[string]*core.Array) { clear(a) }, "Named.b, Extra.0.B"},
	} {
		arrays := tree.Flatten(m)
		c.edit(arrays)
		n := len(arrays)
		_, err := tree.Unflatten(m, arrays)
		assert.ErrorContains(t, err, c.want)
		assert.Len(t, arrays, n, "the map is not the callee's to change")
	}
}

func TestShared(t *testing.T) {
	m := sample()
	_, _, found := tree.Shared(m)
	assert.False(t, found)
	m.Named["b"] = m.Blocks[0].B
	first, second, found := tree.Shared(m)
	assert.True(t, found)
	assert.Equal(t, [2]string{"Blocks.0.B", "Named.b"}, [2]string{first, second})
}

func TestReduceGoesInOrder(t *testing.T) {
	m := sample()
	all := tree.Reduce(m, nil, func(all []*core.Array, a *core.Array) []*core.Array { return append(all, a) })
	require.Len(t, all, len(samplePaths))
	assert.Same(t, m.Blocks[0].W, all[0])
	assert.Same(t, m.Extra.([]any)[0].(block).B, all[7])
}

func TestWhatIsNoTreePanicsWithATypedError(t *testing.T) {
	type hidden struct{ w *core.Array }
	type bare struct{ W core.Array }
	id := func(a *core.Array) *core.Array { return a }
	ring := &struct{ Next any }{}
	ring.Next = ring
	for want, f := range map[string]func(){
		"tree.Map: at w (*core.Array): an unexported field that could hold a *core.Array": func() { tree.Map(hidden{blank()}, id) },
		"tree.Clone: at W (core.Array): a core.Array held by value":                       func() { tree.Clone(bare{}) },
		"tree.All: at 0.w": func() {
			for range tree.All([]any{hidden{}}) {
				t.Error("yielded")
			}
		},
		"tree.Paths: at Next (*struct { Next interface {} }): a pointer that is also at the root": func() { tree.Paths(ring) },
		"tree.MapPath: at w": func() { tree.MapPath(hidden{}, func(string, *core.Array) *core.Array { return nil }) },
		"tree.Reduce: at w":  func() { tree.Count(hidden{}) },
		"tree.Merge: at w":   func() { tree.Merge(hidden{}, hidden{}) },
		"tree.Shared: at w":  func() { tree.Shared(hidden{}) },
		"tree.Ravel: at w":   func() { tree.Ravel(hidden{}) },
		"tree.Only: at w":    func() { tree.Only(hidden{}) },
		"tree.Map2: at w":    func() { tree.Map2(hidden{}, hidden{}, nil) },
	} {
		var typed *core.Error
		err := caught(f)
		require.ErrorAs(t, err, &typed, want)
		var why *tree.Error
		require.ErrorAs(t, err, &why, want)
		assert.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "\n")
	}
	_, err := tree.Unflatten(hidden{}, nil)
	assert.ErrorContains(t, err, "tree.Unflatten: at w")
}
