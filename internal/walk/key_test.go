package walk_test

import (
	"math"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type settings struct {
	Name   string
	Rate   float64
	hidden *int
	_      int
	Tags   []string
	Table  map[[2]string]*float32
}

func TestKeysDiffer(t *testing.T) {
	a := leaf(1)
	one, two := 1, 2
	half := float32(0.5)
	f := func(n int) func() int { return func() int { return n } }
	paris, tokyo := time.FixedZone("X", 3600), time.FixedZone("X", 9*3600)
	now := time.Unix(1e9, 0)
	type pair struct{ A, B *Leaf }
	// Each is of another structure, or has other statics, than all the others.
	all := []any{
		nil, 0, 0.0, true, false, "0", "", int8(0), uint(0), float32(0), 'a', math.Copysign(0, -1), math.NaN(), -math.NaN(), 1i,
		math.Float64frombits(0x7FF8000000000002), time.Second,
		a, (*Leaf)(nil), []*Leaf{a, a}, []*Leaf{a, nil}, []*Leaf{nil, a}, []*Leaf{a}, []*Leaf{}, []*Leaf(nil), [2]*Leaf{a, a},
		pair{a, a}, pair{a, nil}, &pair{a, a}, (*pair)(nil), Linear{a, a}, []any{a, a}, []any{a, 0}, []any{a, 0.0}, []any{a, nil},
		map[string]*Leaf{"a": a, "b": a}, map[string]*Leaf{"a": a, "c": a}, map[string]*Leaf{"a": a}, map[string]*Leaf{}, map[string]*Leaf(nil),
		map[string]any{"ab": "c"}, map[string]any{"a": "bc"},
		[]int{}, []int(nil), []int{0}, []int{0, 0}, [2]int{}, []int64{0},
		[]string{"a", "b"}, []string{"ab", ""}, []string{"", "ab"},
		settings{}, settings{Name: "x"}, settings{Rate: 1}, settings{hidden: &one}, settings{hidden: &two}, settings{Tags: []string{}},
		settings{Table: map[[2]string]*float32{{"a", "b"}: &half}}, settings{Table: map[[2]string]*float32{{"a", "b"}: nil}},
		f(1), f(1), (func() int)(nil), make(chan int), make(chan int), (chan int)(nil), unsafe.Pointer(&one),
		now, now.UTC(), now.In(paris), now.In(tokyo), time.Time{},
		struct{ A []*Leaf }{[]*Leaf{a}}, struct{ A, B []*Leaf }{[]*Leaf{a}, nil}, struct{ A, B []*Leaf }{nil, []*Leaf{a}},
	}
	for i, x := range all {
		assert.Equal(t, key(t, x), key(t, x), "%d: %#v", i, x)
		same, err := trees.DiffValues(&x, &x)
		require.NoError(t, err)
		assert.Nil(t, same)
		for j, y := range all {
			if i == j {
				continue
			}
			assert.NotEqual(t, key(t, x), key(t, y), "%d and %d: %#v and %#v", i, j, x, y)
			change, err := trees.DiffValues(&x, &y)
			require.NoError(t, err, "%d and %d: %#v and %#v", i, j, x, y)
			require.NotNil(t, change, "%d and %d: %#v and %#v", i, j, x, y)
			assert.NotEqual(t, change.Was, change.Now, "%d and %d: %#v and %#v", i, j, x, y)
		}
	}
}

func TestKeysAgree(t *testing.T) {
	one, uno := 1, 1
	half, demi := float32(0.5), float32(0.5)
	f := func() {}
	now := time.Now()
	for _, c := range [][2]any{
		{leaf(1), leaf(2)},
		{settings{hidden: &one}, settings{hidden: &uno}},
		{settings{Table: map[[2]string]*float32{{"a"}: &half, {"b"}: nil}}, settings{Table: map[[2]string]*float32{{"b"}: nil, {"a"}: &demi}}},
		{[]any{f, now, math.NaN()}, []any{f, now, math.NaN()}},
		{map[string]*Leaf{"a": leaf(1), "b": leaf(2)}, map[string]*Leaf{"b": leaf(3), "a": leaf(4)}},
		{Model{Cache: []*Leaf{leaf(1)}}, Model{}},
		{make([]*Leaf, 2, 9), make([]*Leaf, 2)},
	} {
		assert.Equal(t, key(t, c[0]), key(t, c[1]), "%#v", c)
	}
	assert.NotEqual(t, key(t, Model{size: 1}), key(t, Model{size: 2}), "unexported statics count")
}

func TestKeysOfTreesInARow(t *testing.T) {
	a, b := Linear{W: leaf(1)}, []int{1, 2}
	var both []byte
	both, err := plan[Linear](t).Key(both, unsafe.Pointer(&a))
	require.NoError(t, err)
	n := len(both)
	both, err = plan[[]int](t).Key(both, unsafe.Pointer(&b))
	require.NoError(t, err)
	change, length, err := trees.Diff(both, both)
	require.NoError(t, err)
	assert.Nil(t, change)
	assert.Equal(t, n, length)
	change, length, err = trees.Diff(both[n:], both[n:])
	require.NoError(t, err)
	assert.Nil(t, change)
	assert.Equal(t, len(both)-n, length)
}

func TestShapeIgnoresStaticsAndAbsence(t *testing.T) {
	shape := func(v any) string {
		s, err := plan[any](t).Shape(nil, unsafe.Pointer(&v))
		require.NoError(t, err)
		return string(s)
	}
	m, n := sample(counter()), sample(counter())
	n.Blocks[0].Eps, n.Blocks[1].Q.B, n.size = 3, nil, 9
	assert.Equal(t, shape(m), shape(n))
	differ := func(a, b any) string {
		change, _, err := trees.DiffShapes([]byte(shape(a)), []byte(shape(b)))
		require.NoError(t, err)
		if change == nil {
			return ""
		}
		return change.String()
	}
	assert.Empty(t, differ(m, n))
	assert.Equal(t, "Named: was a key a, now a key c", differ(map[string]any{"Named": map[string]*Leaf{"a": nil}}, map[string]any{"Named": map[string]*Leaf{"c": nil}}))
	assert.Equal(t, "1: was a *walk_test.Linear, now nil", differ([]*Linear{nil, {}}, []*Linear{nil, nil}))
	n.Blocks = n.Blocks[:1]
	assert.NotEqual(t, shape(m), shape(n))
	assert.NotEqual(t, shape(map[string]*Leaf{"a": nil}), shape(map[string]*Leaf{"b": nil}))
	assert.NotEqual(t, shape(&Linear{}), shape((*Linear)(nil)))
}

func TestDiffSaysWhere(t *testing.T) {
	base := func() Model { return sample(counter()) }
	for _, c := range []struct {
		edit func(*Model)
		want string
	}{
		{func(m *Model) { m.Blocks[1].Eps = 0.5 }, "Blocks.1.norm.Eps: was float64 1e-05, now float64 0.5"},
		{func(m *Model) { m.Blocks[0].K.B = leaf(1) }, "Blocks.0.K.bias: was absent, now an array"},
		{func(m *Model) { m.Blocks = m.Blocks[:1] }, "Blocks: was a []walk_test.Block of length 2, now a []walk_test.Block of length 1"},
		{func(m *Model) { m.Head = nil }, "Head: was a *walk_test.Linear, now nil"},
		{func(m *Model) { m.Named["c"] = nil }, "Named: was without further keys, now a key c"},
		{func(m *Model) { delete(m.Named, "a") }, "Named: was a key a, now a key b"},
		{func(m *Model) { m.Extra = &Linear{} }, "Extra: was a walk_test.Linear, now a *walk_test.Linear"},
		{func(m *Model) { m.Any.([]any)[1] = 4 }, "Any.1: was int 3, now int 4"},
		{func(m *Model) { m.Any.([]any)[1] = "a.b" }, "Any.1: was a int, now a string"},
		{func(m *Model) { m.Any = nil }, "Any: was a []interface {}, now nil"},
		{func(m *Model) { m.size = 5 }, "size: was int 4, now int 5"},
		{func(m *Model) { m.Pair[1] = nil }, "Pair.1: was an array, now absent"},
		{func(m *Model) { m.Blocks[0].Act = math.Sin }, "Blocks.0.Act: was the func at 0x0, now the func at 0x"},
	} {
		now := base()
		c.edit(&now)
		change, err := trees.DiffValues(base(), now)
		require.NoError(t, err)
		require.NotNil(t, change)
		assert.Contains(t, change.String(), c.want)
	}
}

func TestPinsHoldWhatKeysCompareByAddress(t *testing.T) {
	n, c := 1, make(chan int)
	f := func() int { return n }
	v := struct {
		F, G func() int
		C    []chan int
		M    map[string]any
		W    *Leaf
	}{f, nil, []chan int{c}, map[string]any{"f": f}, leaf(1)}
	pins, err := plan[any](t).Pins(nil, func() unsafe.Pointer { x := any(v); return unsafe.Pointer(&x) }())
	require.NoError(t, err)
	funcval := *(*unsafe.Pointer)(unsafe.Pointer(&f))
	assert.Equal(t, []unsafe.Pointer{funcval, *(*unsafe.Pointer)(unsafe.Pointer(&c)), funcval}, pins)
}

func FuzzDiff(f *testing.F) {
	m := sample(counter())
	p, at, err := trees.Value(m)
	require.NoError(f, err)
	good, err := p.Key(nil, at)
	require.NoError(f, err)
	f.Add(good, good)
	f.Add(good, good[:len(good)/2])
	f.Add([]byte{}, []byte{0xff})
	f.Add([]byte{1, 0}, []byte{1, 0x80, 0}) // one number, written longer
	f.Fuzz(func(t *testing.T, a, b []byte) {
		_, _, _ = trees.DiffShapes(a, b)
		change, n, err := trees.Diff(a, b)
		if err == nil && change == nil && string(a[:n]) != string(b[:n]) {
			t.Fatalf("no difference between %x and %x", a[:n], b[:n])
		}
	})
}
