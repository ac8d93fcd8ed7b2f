package walk_test

import (
	"reflect"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/internal/walk"
)

// register is Register for typed functions.
func register[T, V any](read func(T) V, build func(V) T) error {
	return trees.Register(reflect.TypeFor[T](), reflect.TypeFor[V](),
		func(t unsafe.Pointer) unsafe.Pointer { v := read(*(*T)(t)); return unsafe.Pointer(&v) },
		func(v, t unsafe.Pointer) { *(*T)(t) = build(*(*V)(v)) })
}

// must registers in a package variable, which is before any test.
func must[T, V any](read func(T) V, build func(V) T) struct{} {
	if err := register(read, build); err != nil {
		panic(err)
	}
	return struct{}{}
}

// hidden keeps its leaves to itself.
type hidden struct {
	w    *Leaf
	rest []*Leaf
	n    int
}

type shownHidden struct {
	W    *Leaf `tree:"weight"`
	Rest []*Leaf
	N    int
}

var _ = must(
	func(h hidden) shownHidden { return shownHidden{h.w, h.rest, h.n} },
	func(s shownHidden) hidden { return hidden{s.W, s.Rest, s.N} })

// chain is a list whose nodes are registered by pointer, each holding the next.
type chain struct {
	leaf *Leaf
	next *chain
}

type link struct {
	Leaf *Leaf
	Next *chain
}

var _ = must(
	func(c *chain) link { return link{c.leaf, c.next} },
	func(l link) *chain { return &chain{l.Leaf, l.Next} })

func TestARegisteredTypeIsReadAndRebuiltByItsView(t *testing.T) {
	type model struct {
		A      hidden
		B      *hidden
		Named  map[string]hidden
		Any    any
		Frozen hidden `tree:",state"`
		hidden `tree:"in"`
		Head   *chain
		None   *chain
	}
	h := func(i int) hidden { return hidden{leaf(i), []*Leaf{leaf(i + 1), nil}, i} }
	hb := h(10)
	m := model{A: h(0), B: &hb, Named: map[string]hidden{"y": h(30), "x": h(20)}, Any: h(40), Frozen: h(50),
		Head: &chain{leaf(60), &chain{leaf(61), nil}}}
	want := []string{
		"A.weight", "A.Rest.0", "A.Rest.1", "Plain", "B.weight", "B.Rest.0", "B.Rest.1",
		"Named.x.weight", "Named.x.Rest.0", "Named.x.Rest.1", "Named.y.weight", "Named.y.Rest.0", "Named.y.Rest.1",
		"Any.weight", "Any.Rest.0", "Any.Rest.1", "Frozen.weight", "Frozen.Rest.0", "Frozen.Rest.1",
		"Head.Leaf", "Head.Next.Leaf",
	}
	_, err := trees.Compile(reflect.TypeFor[model]())
	require.ErrorContains(t, err, "hidden")
	require.ErrorContains(t, err, "unexported", "an embedded registered type is a field like others")

	type shown struct {
		A      hidden
		Plain  *Leaf
		B      *hidden
		Named  map[string]hidden
		Any    any
		Frozen hidden `tree:",state"`
		Head   *chain
		None   *chain
	}
	v := shown{m.A, leaf(5), m.B, m.Named, m.Any, m.Frozen, m.Head, m.None}
	require.Equal(t, want, paths(t, v))
	states, err := plan[shown](t).States(nil, unsafe.Pointer(&v))
	require.NoError(t, err)
	for i, s := range states {
		assert.Equal(t, i >= 16 && i < 19, s, want[i])
	}

	old := flatten(t, v)
	fresh := make([]*Leaf, len(old))
	for i := range fresh {
		if old[i] != nil {
			fresh[i] = leaf(100 + i)
		}
	}
	out := replace(t, v, fresh)
	assert.Equal(t, fresh, flatten(t, out))
	assert.Equal(t, old, flatten(t, v), "the argument stays as it was")
	assert.Equal(t, 30, out.Named["y"].n, "statics are copied")
	assert.Nil(t, out.None)
	assert.NotSame(t, v.Head, out.Head)
	require.NoError(t, plan[shown](t).Assign(unsafe.Pointer(&v), fresh))
	assert.Equal(t, fresh, flatten(t, v))
	assert.Equal(t, 104, v.B.w.id, "a pointer to a registered value is written through")
	assert.Equal(t, 104, hb.w.id)

	var count int
	require.NoError(t, plan[shown](t).Slots(unsafe.Pointer(&v), func(walk.Slot[Leaf]) bool { count++; return count < 2 }))
	assert.Equal(t, 2, count)
	require.ErrorContains(t, plan[shown](t).Replace(unsafe.Pointer(&v), fresh[:7]), "has 21 leaves, but was given 7")
}

func TestKeysOfRegisteredTypesTellThemApart(t *testing.T) {
	a := []*chain{{leaf(1), nil}, nil}
	h := []hidden{{leaf(1), nil, 3}}
	assert.Equal(t, key(t, a), key(t, []*chain{{leaf(2), nil}, nil}))
	assert.Equal(t, key(t, h), key(t, []hidden{{leaf(5), nil, 3}}))
	for _, c := range []struct {
		was, now any
		want     string
	}{
		{a, []*chain{{nil, nil}, nil}, "0.Leaf: was an array, now absent"},
		{a, []*chain{nil, nil}, "0: was a *walk_test.chain, now nil"},
		{a, []*chain{{leaf(1), &chain{}}, nil}, "0.Next: was nil, now a *walk_test.chain"},
		{h, []hidden{{leaf(1), nil, 4}}, "0.N: was int 3, now int 4"},
		{h, []hidden{{leaf(1), []*Leaf{}, 3}}, "0.Rest: was nil, now a []*walk_test.Leaf of length 0"},
	} {
		change, err := trees.DiffValues(c.was, c.now)
		require.NoError(t, err)
		require.NotNil(t, change, c.want)
		assert.Equal(t, c.want, change.String())
	}
}

func TestARegisteredPointerIsMetOnce(t *testing.T) {
	shared := &chain{leaf: leaf(1)}
	v := []*chain{shared, {leaf(2), shared}}
	_, err := plan[[]*chain](t).Flatten(nil, unsafe.Pointer(&v))
	require.ErrorContains(t, err, "at 1.Next (*walk_test.chain): a pointer that is also at 0")
	shared.next = shared
	_, err = plan[*chain](t).Flatten(nil, unsafe.Pointer(&shared))
	require.ErrorContains(t, err, "a pointer that is also at the root")
}

type (
	loses   struct{ leaves []*Leaf }
	swaps   struct{ a, b *Leaf }
	unseen  struct{ w *Leaf }
	tooLate struct{ w *int }
	badView struct{ w *Leaf }
	deep    struct{ w *Leaf }
)

var (
	_ = must(func(l loses) []*Leaf { return l.leaves }, func(s []*Leaf) loses { return loses{s[:1]} })
	_ = must(func(s swaps) [2]*Leaf { return [2]*Leaf{s.a, s.b} }, func(p [2]*Leaf) swaps { return swaps{p[1], p[0]} })
)

func TestWhatAViewLosesIsAnError(t *testing.T) {
	l := []loses{{[]*Leaf{leaf(1), leaf(2)}}}
	err := plan[[]loses](t).Replace(unsafe.Pointer(&l), []*Leaf{leaf(3), leaf(4)})
	require.ErrorContains(t, err, "at 0 (walk_test.loses): its unflatten was given 2 leaves and made a value that has 1")
	assert.Equal(t, 2, len(l[0].leaves), "nothing was written")
	s := swaps{leaf(1), leaf(2)}
	err = plan[swaps](t).Replace(unsafe.Pointer(&s), []*Leaf{leaf(3), leaf(4)})
	require.ErrorContains(t, err, "do not undo each other: leaf 0")
}

func TestRegisterRefuses(t *testing.T) {
	id := func(u unseen) shownHidden { return shownHidden{W: u.w} }
	back := func(s shownHidden) unseen { return unseen{s.W} }
	require.NoError(t, register(id, back))
	require.ErrorContains(t, register(id, back), "unseen): it is registered already")
	_, err := trees.Compile(reflect.TypeFor[[]struct{ T *tooLate }]())
	require.NoError(t, err)
	require.ErrorContains(t, register(func(tooLate) *Leaf { return nil }, func(*Leaf) tooLate { return tooLate{} }),
		"it was used as a tree before it was registered")
	require.ErrorContains(t, register(func(badView) unseenField { return unseenField{} }, func(unseenField) badView { return badView{} }),
		"(in what walk_test.badView is registered to be shown as)")
	require.NoError(t, register(func(b badView) *Leaf { return b.w }, func(l *Leaf) badView { return badView{l} }), "a refused type may be registered")
	assert.Equal(t, []string{"0", "1"}, paths(t, []badView{{leaf(1)}, {nil}}), "a leaf as a view has the path of its value")

	typ := reflect.TypeFor[deep]()
	require.ErrorContains(t, trees.Register(typ, typ, nil, nil), "a nil function")
	read, build := func(p unsafe.Pointer) unsafe.Pointer { return p }, func(_, _ unsafe.Pointer) {}
	require.ErrorContains(t, trees.Register(typ, typ, read, build), "shown by itself")
	for _, typ := range []reflect.Type{reflect.TypeFor[*Leaf](), reflect.TypeFor[Leaf]()} {
		require.ErrorContains(t, trees.Register(typ, reflect.TypeFor[[]*Leaf](), read, build), "it is a leaf itself")
	}
	for _, typ := range []reflect.Type{reflect.TypeFor[any](), reflect.TypeFor[Layer](), reflect.TypeFor[[]*Leaf](), reflect.TypeFor[int]()} {
		require.ErrorContains(t, trees.Register(typ, reflect.TypeFor[[]*Leaf](), read, build), "only defined types")
	}
}

type unseenField struct{ w *Leaf }
