package walk_test

import (
	"fmt"
	"math"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestReplaceWritesOnlyItsOwnValue(t *testing.T) {
	m, untouched := sample(counter()), sample(counter())
	fresh := make([]*Leaf, len(flatten(t, m)))
	for i := range fresh {
		fresh[i] = leaf(100 + i)
	}
	out := replace(t, m, fresh)
	assert.Equal(t, untouched, m)
	assert.Equal(t, fresh, flatten(t, out))
	assert.Equal(t, paths(t, m), paths(t, out))
	assert.Equal(t, 4, out.size)
	assert.Same(t, m.Cache[0], out.Cache[0], "a field that is left out is copied")
	assert.NotSame(t, m.Head, out.Head)
	assert.NotSame(t, m.Any.([]any)[2], out.Any.([]any)[2])
}

func TestReplaceKeepsWhatIsNilOrEmpty(t *testing.T) {
	type all struct {
		S, E []*Leaf
		M, N map[string]*Leaf
		P    *Linear
		I    any
		L    *Leaf
	}
	v := all{E: []*Leaf{}, N: map[string]*Leaf{}, I: 3}
	assert.Equal(t, v, replace(t, v, []*Leaf{nil}))
	v.L = leaf(1)
	assert.Equal(t, leaf(2), replace(t, v, []*Leaf{leaf(2)}).L)
}

func TestReplaceChecksBeforeItWrites(t *testing.T) {
	m, untouched := sample(counter()), sample(counter())
	for _, n := range []int{0, 24, 26} {
		err := plan[Model](t).Replace(unsafe.Pointer(&m), make([]*Leaf, n))
		require.EqualError(t, err, fmt.Sprintf("at the root (walk_test.Model): has 25 leaves, but was given %d", n))
	}
	m.Any = []any{m.Any, &m}
	untouched.Any = []any{untouched.Any, &m}
	require.Error(t, plan[Model](t).Assign(unsafe.Pointer(&m), make([]*Leaf, 25)))
	assert.Equal(t, untouched.Blocks, m.Blocks)
}

// A variable that is assigned to keeps its pointers; a copy made before keeps
// its fields, slices, maps and interface contents.
func TestAssignAndBest(t *testing.T) {
	model := sample(counter())
	best := model
	head, second := model.Head, model.Any.([]any)[2].(*Linear)
	old := flatten(t, best)
	fresh := make([]*Leaf, len(old))
	for i := range fresh {
		fresh[i] = leaf(100 + i)
	}
	require.NoError(t, plan[Model](t).Assign(unsafe.Pointer(&model), fresh))
	assert.Equal(t, fresh, flatten(t, model))
	assert.Same(t, head, model.Head)
	assert.Same(t, second, model.Any.([]any)[2])
	assert.Equal(t, 112, head.W.id, "what a pointer leads to is written in place")
	for i, path := range paths(t, best) {
		switch path {
		case "Head.weight", "Head.bias", "Any.2.weight", "Any.2.bias":
		default:
			assert.Same(t, old[i], flatten(t, best)[i], path)
		}
	}
}

// value generates trees of statics and leaves, all under interfaces so that
// the structure is free.
func value(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		most := 9
		if depth == 0 {
			most = 5
		}
		child := func() any { return value(depth-1).Draw(t, "child") }
		switch rapid.IntRange(0, most).Draw(t, "kind") {
		case 0:
			return nil
		case 1:
			return leaf(rapid.IntRange(1, 3).Draw(t, "leaf"))
		case 2:
			return (*Leaf)(nil)
		case 3:
			return rapid.IntRange(0, 2).Draw(t, "int")
		case 4:
			return rapid.SampledFrom([]float64{0, 1, math.Copysign(0, -1)}).Draw(t, "float")
		case 5:
			return rapid.SampledFrom([]string{"", "a", "\x00", "a\x00"}).Draw(t, "text")
		case 6:
			out := make([]any, rapid.IntRange(0, 3).Draw(t, "len"))
			for i := range out {
				out[i] = child()
			}
			return out
		case 7:
			out := map[string]any{}
			for _, k := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "a.b", ""}), 0, 3, rapid.ID).Draw(t, "keys") {
				out[k] = child()
			}
			return out
		case 8:
			return &Pair{child(), child()}
		}
		return Pair{child(), child()}
	})
}

type Pair struct{ A, B any }

// describe is the oracle: the structure and statics in words.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "nil"
	case *Leaf:
		return fmt.Sprintf("leaf(%v)", v != nil)
	case float64:
		return fmt.Sprintf("float64(%x)", math.Float64bits(v))
	case []any:
		s := "["
		for _, e := range v {
			s += describe(e) + ","
		}
		return s + "]"
	case map[string]any:
		inner := map[string]string{}
		for k, e := range v {
			inner[k] = describe(e)
		}
		return fmt.Sprintf("%#v", inner)
	case Pair:
		return "Pair{" + describe(v.A) + "," + describe(v.B) + "}"
	case *Pair:
		return "&Pair{" + describe(v.A) + "," + describe(v.B) + "}"
	}
	return fmt.Sprintf("%T(%#v)", v, v)
}

func TestPropertyReplaceWithOwnLeaves(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		v := value(4).Draw(r, "v")
		before := describe(v)
		leaves := flatten(t, v)
		require.Len(r, paths(t, v), len(leaves))
		out := replace(t, v, leaves)
		require.Equal(r, v, out)
		require.Equal(r, key(t, v), key(t, out))

		gone := replace(t, v, make([]*Leaf, len(leaves)))
		for _, l := range flatten(t, gone) {
			require.Nil(r, l)
		}
		require.Equal(r, paths(t, v), paths(t, gone))
		require.Equal(r, before, describe(v))

		unique := map[string]bool{}
		for _, p := range paths(t, v) {
			unique[p] = true
		}
		require.Len(r, unique, len(leaves), "a path names one slot")
	})
}

func TestPropertyKeysEqualWhenStructuresAre(t *testing.T) {
	equal := 0
	rapid.Check(t, func(r *rapid.T) {
		a, b := value(2).Draw(r, "a"), value(2).Draw(r, "b")
		same := describe(a) == describe(b)
		require.Equal(r, same, key(t, a) == key(t, b), "%s\n%s", describe(a), describe(b))
		change, err := trees.DiffValues(&a, &b)
		require.NoError(r, err)
		require.Equal(r, same, change == nil)
		if same {
			equal++
		}
	})
	assert.Positive(t, equal, "no equal pair was drawn")
}
