package walk_test

import (
	"fmt"
	"math"
	"reflect"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/internal/walk"
)

type (
	Linear struct {
		W *Leaf `tree:"weight"`
		B *Leaf `tree:"bias"`
	}
	Norm struct {
		Scale *Leaf
		Mean  *Leaf `tree:",state"`
		Eps   float64
	}
	Block struct {
		Q, K Linear
		Norm `tree:"norm"`
		Act  func(float64) float64
	}
	Layer interface{ Forward() }
	Model struct {
		Blocks []Block
		Head   *Linear
		Named  map[string]*Leaf
		Extra  Layer
		Any    any
		Stats  Running `tree:",state"`
		Pair   [2]*Leaf
		Cache  []*Leaf `tree:"-"`
		size   int
	}
	Running struct{ Mean, Var *Leaf }
	base    struct{ Base *Leaf }
	Shared  struct{ S *Leaf }
	Embeds  struct {
		base
		*Shared
		*Leaf
		Own *Leaf
	}
	Node struct {
		W    *Leaf
		Next *Node
	}
	Ring struct{ Next *Ring }
	Loop map[string]Loop
)

func (Linear) Forward() {}

func sample(next func() *Leaf) Model {
	block := func() Block {
		return Block{Q: Linear{next(), next()}, K: Linear{next(), nil}, Norm: Norm{next(), next(), 1e-5}}
	}
	return Model{
		Blocks: []Block{block(), block()},
		Head:   &Linear{next(), next()},
		Named:  map[string]*Leaf{"b": next(), "a": next()},
		Extra:  Linear{next(), nil},
		Any:    []any{next(), 3, &Linear{nil, next()}},
		Stats:  Running{next(), next()},
		Pair:   [2]*Leaf{nil, next()},
		Cache:  []*Leaf{next()},
		size:   4,
	}
}

func counter() func() *Leaf {
	n := 0
	return func() *Leaf { n++; return leaf(n) }
}

func TestPathsNameSlotsInOrder(t *testing.T) {
	m := sample(counter())
	want := []string{
		"Blocks.0.Q.weight", "Blocks.0.Q.bias", "Blocks.0.K.weight", "Blocks.0.K.bias", "Blocks.0.norm.Scale", "Blocks.0.norm.Mean",
		"Blocks.1.Q.weight", "Blocks.1.Q.bias", "Blocks.1.K.weight", "Blocks.1.K.bias", "Blocks.1.norm.Scale", "Blocks.1.norm.Mean",
		"Head.weight", "Head.bias", "Named.a", "Named.b", "Extra.weight", "Extra.bias",
		"Any.0", "Any.2.weight", "Any.2.bias", "Stats.Mean", "Stats.Var", "Pair.0", "Pair.1",
	}
	assert.Equal(t, want, paths(t, m))

	leaves := flatten(t, m)
	require.Len(t, leaves, len(want))
	assert.Same(t, m.Blocks[1].K.W, leaves[8])
	assert.Nil(t, leaves[9])
	assert.Same(t, m.Named["a"], leaves[14])
	assert.Same(t, m.Pair[1], leaves[24])

	states, err := plan[Model](t).States(nil, unsafe.Pointer(&m))
	require.NoError(t, err)
	for i, path := range want {
		assert.Equal(t, path == "Stats.Mean" || path == "Stats.Var" || path == "Blocks.0.norm.Mean" || path == "Blocks.1.norm.Mean", states[i], path)
		assert.Equal(t, path, plan[Model](t).Path(unsafe.Pointer(&m), i))
	}
	assert.Empty(t, plan[Model](t).Path(unsafe.Pointer(&m), len(want)))
}

func TestEmbeddedFieldsArePromoted(t *testing.T) {
	v := Embeds{base{leaf(1)}, &Shared{leaf(2)}, leaf(3), leaf(4)}
	assert.Equal(t, []string{"Base", "S", "Leaf", "Own"}, paths(t, v))
	w := replace(t, v, []*Leaf{leaf(5), leaf(6), leaf(7), leaf(8)})
	assert.Equal(t, 6, w.S.id)
	assert.Equal(t, 2, v.S.id, "the embedded pointer was written through")
}

func TestRootsOfEveryKind(t *testing.T) {
	a, b := leaf(1), leaf(2)
	assert.Equal(t, []*Leaf{a}, flatten(t, a))
	assert.Equal(t, []string{""}, paths(t, a))
	assert.Equal(t, []*Leaf{nil}, flatten[*Leaf](t, nil))
	assert.Equal(t, []*Leaf{a, b}, flatten(t, []*Leaf{a, b}))
	assert.Equal(t, []*Leaf{a, b}, flatten(t, [2]*Leaf{a, b}))
	assert.Equal(t, []*Leaf{b, a}, flatten(t, map[int]*Leaf{10: a, -2: b}))
	assert.Equal(t, []*Leaf{a, b}, flatten[any](t, &Linear{a, b}))
	assert.Equal(t, []*Leaf{a, b}, flatten[Layer](t, Linear{a, b}))
	assert.Empty(t, flatten[any](t, nil))
	assert.Empty(t, flatten[*Linear](t, nil))
	assert.Empty(t, flatten(t, 3))
	assert.Equal(t, []*Leaf{a}, flatten(t, &[]**Leaf{&a}))
	type alias *Leaf
	assert.Equal(t, []*Leaf{a}, flatten(t, alias(a)))
	type one struct{ P *Linear } // held in an interface's data word
	assert.Equal(t, []*Leaf{a, b}, flatten[any](t, one{&Linear{a, b}}))
	assert.Equal(t, []*Leaf{a}, flatten[any](t, map[string]any{"x": map[bool]any{true: a}}))
}

func TestMapKeysAreSortedAndEscaped(t *testing.T) {
	a := leaf(1)
	type text string
	for _, c := range []struct {
		tree any
		want []string
	}{
		{map[string]*Leaf{"b": a, "a.b": a, "": a, `a\b`: a, "a\xffb": a}, []string{`\e`, `a\.b`, `a\\b`, `a\xffb`, "b"}},
		{map[string]map[string]*Leaf{"a.b": {"c": a}, "a": {"b.c": a}}, []string{`a.b\.c`, `a\.b.c`}},
		{map[text]*Leaf{"z": a, "y": a}, []string{"y", "z"}},
		{map[int]*Leaf{10: a, 9: a, -1: a}, []string{"-1", "9", "10"}},
		{map[uint8]*Leaf{200: a, 30: a}, []string{"30", "200"}},
		{map[bool]*Leaf{true: a, false: a}, []string{"false", "true"}},
		{map[float32]*Leaf{0.1: a, -1: a}, []string{"-1", `0\.1`}},
		{map[time.Duration]*Leaf{time.Second: a}, []string{"1000000000"}},
	} {
		assert.Equal(t, c.want, paths(t, c.tree))
	}
}

func TestCompileRefuses(t *testing.T) {
	type hidden struct{ cache []*Leaf }
	type deep struct{ Blocks []map[string]hidden }
	type bare struct{ A Leaf }
	type defined Leaf
	type twice struct {
		Shared
		S *Leaf
	}
	type tags struct {
		A *Leaf `tree:"x"`
		B *Leaf `tree:"x"`
	}
	type dots struct {
		A *Leaf `tree:"x.y"`
	}
	type option struct {
		A *Leaf `tree:",stat"`
	}
	type unexportedIface struct{ err error }
	type itself struct {
		*itself
		W *Leaf
	}
	for _, c := range []struct {
		typ  reflect.Type
		want string
	}{
		{reflect.TypeFor[hidden](), "at cache ([]*walk_test.Leaf): an unexported field that could hold a *walk_test.Leaf; export it, or leave it out with `tree:\"-\"`"},
		{reflect.TypeFor[deep](), "at Blocks.*.*.cache "},
		{reflect.TypeFor[bare](), "at A (walk_test.Leaf): a walk_test.Leaf held by value is no leaf; hold a *walk_test.Leaf"},
		{reflect.TypeFor[Leaf](), "at the root (walk_test.Leaf): a walk_test.Leaf held by value"},
		{reflect.TypeFor[[]defined](), "at * (walk_test.defined): a walk_test.defined held by value"},
		{reflect.TypeFor[twice](), "at S (*walk_test.Leaf): the path S is taken by field Shared.S"},
		{reflect.TypeFor[tags](), "at B (*walk_test.Leaf): the path x is taken by field A"},
		{reflect.TypeFor[dots](), `tag name "x.y" holds a dot`},
		{reflect.TypeFor[option](), `unknown tag option "stat"; the only option is state`},
		{reflect.TypeFor[unexportedIface](), "at err (error): an unexported field"},
		{reflect.TypeFor[itself](), "at itself (walk_test.itself): a type embedded in itself"},
		{reflect.TypeFor[map[*Leaf]int](), "map keys of type *walk_test.Leaf could hold"},
		{reflect.TypeFor[map[any]int](), "map keys of type interface {} could hold"},
		{reflect.TypeFor[map[[2]int]*Leaf](), "map keys of type [2]int have no order"},
		{reflect.TypeFor[map[complex128]*Leaf](), "map keys of type complex128 have no order"},
		{nil, "nil is no tree"},
	} {
		_, err := trees.Compile(c.typ)
		var typed *walk.Error
		require.ErrorAs(t, err, &typed)
		assert.Contains(t, err.Error(), c.want)
		assert.NotContains(t, err.Error(), "\n")
	}
	_, err := trees.Compile(reflect.TypeFor[struct {
		cache any `tree:"-"`
		_     int
	}]())
	assert.NoError(t, err)
}

func TestWalkRefuses(t *testing.T) {
	n := &Node{W: leaf(1)}
	n.Next = n
	shared := &Linear{leaf(1), leaf(2)}
	loop := Loop{}
	loop["a"] = loop
	list := []any{nil}
	list[0] = list
	ring := &Ring{}
	ring.Next = ring
	type hidden struct{ cache []*Leaf }
	for name, c := range map[string]struct {
		tree any
		want string
	}{
		"pointer cycle":   {n, "at Next (*walk_test.Node): a pointer that is also at the root;"},
		"shared pointer":  {map[string]*Linear{"a": shared, "b": shared}, "at b (*walk_test.Linear): a pointer that is also at a;"},
		"slice cycle":     {list, "deep: a cycle"},
		"hidden in any":   {[]any{1, hidden{}}, "at 1.cache "},
		"bare in any":     {[]any{Leaf{}}, "at 0 (walk_test.Leaf): a walk_test.Leaf held by value"},
		"not a number":    {map[float64]*Leaf{math.NaN(): nil}, "a NaN map key"},
		"static cycle":    {ring, "a cycle; leave the field out"},
		"static map loop": {loop, "deep: a cycle"},
	} {
		t.Run(name, func(t *testing.T) {
			p, at, err := trees.Value(c.tree)
			require.NoError(t, err)
			dst := []byte("before")
			dst, err = p.Key(dst, at)
			require.Error(t, err)
			assert.Equal(t, "before", string(dst))
			assert.Contains(t, err.Error(), c.want)
			assert.Less(t, len(err.Error()), 600)
		})
	}
}

func TestDeepListsAreWalked(t *testing.T) {
	var n *Node
	for i := range 5000 {
		n = &Node{leaf(i), n}
	}
	assert.Len(t, flatten(t, n), 5000)
	assert.Len(t, flatten(t, replace(t, n, make([]*Leaf, 5000))), 5000)
}

func TestNothingIsLoopedOverForNothing(t *testing.T) {
	type none struct{ A [4]struct{} }
	start := time.Now()
	v := struct{ A []none }{make([]none, 1<<50)}
	key(t, v)
	_, err := trees.DiffValues(v, v)
	require.NoError(t, err)
	assert.Less(t, time.Since(start), time.Second)
}

func TestConcurrentCompile(t *testing.T) {
	type fresh struct {
		Nodes map[string]*Node
		Any   any
	}
	var wg sync.WaitGroup
	keys := make([]string, 32)
	for i := range keys {
		wg.Go(func() {
			k := fresh{map[string]*Node{"a": {leaf(1), &Node{}}}, struct{ X [3]Linear }{}}
			p, err := trees.Compile(reflect.TypeFor[fresh]())
			if err != nil {
				panic(err)
			}
			b, err := p.Key(nil, unsafe.Pointer(&k))
			if err != nil {
				panic(err)
			}
			keys[i] = string(b)
		})
	}
	wg.Wait()
	for _, k := range keys {
		assert.Equal(t, keys[0], k)
	}
}

func TestSelect(t *testing.T) {
	m := sample(counter())
	m.Head = nil
	p := plan[Model](t)
	chosen, err := p.Select(unsafe.Pointer(&m), "Blocks.1", "Named.a", "Head")
	require.NoError(t, err)
	for i, path := range paths(t, m) {
		want := walk.Under(path, "Blocks.1") || path == "Named.a"
		assert.Equal(t, want, chosen[i], path)
	}
	for _, path := range []string{"Block", "Blocks.2", "Blocks.1.Q.w", "Named.a.b", "Cache"} {
		_, err = p.Select(unsafe.Pointer(&m), path)
		require.ErrorContains(t, err, fmt.Sprintf("at %s: no such path; the tree has Blocks.0.Q.weight, ", path))
	}
}

func TestValueOfNilHasNoSlots(t *testing.T) {
	p, at, err := trees.Value(nil)
	require.NoError(t, err)
	leaves, err := p.Flatten(nil, at)
	require.NoError(t, err)
	assert.Empty(t, leaves)
}

func TestPlaces(t *testing.T) {
	a := leaf(1)
	p, at, err := trees.Place(&a)
	require.NoError(t, err)
	require.NoError(t, p.Assign(at, []*Leaf{leaf(2)}))
	assert.Equal(t, 2, a.id)
	for _, bad := range []any{nil, a, 3, Linear{}, (*Linear)(nil)} {
		_, _, err := trees.Place(bad)
		assert.ErrorContains(t, err, "pass &x", "%T", bad)
	}
}
