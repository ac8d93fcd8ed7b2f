package compile_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/tree"
	"github.com/adjoint-go/adjoint/transforms/compile"
)

func TestBehaviour01_TraceOncePerKindOfArgument(t *testing.T) {
	type batch struct {
		X    arr
		Name string
		Opt  *struct{ K int }
	}
	calls := 0
	f := compile.Of(func(b batch) arr { calls++; return b.X.Add(b.X) })
	x := vec(1, 2, 3)
	steps := []struct {
		name   string
		arg    batch
		traces int
	}{
		{"first", batch{X: x}, 1},
		{"same", batch{X: x}, 1},
		{"other values", batch{X: vec(4, 5, 6)}, 1},
		{"shape", batch{X: vec(1, 2)}, 2},
		{"rank", batch{X: core.From([]float32{1, 2}, 1, 2)}, 3},
		{"dtype", batch{X: core.From([]int32{1, 2, 3})}, 4},
		{"the first again", batch{X: x}, 4},
		{"static value", batch{X: x, Name: "a"}, 5},
		{"static object", batch{X: x, Opt: &struct{ K int }{1}}, 6},
		{"equal static in a new object", batch{X: x, Opt: &struct{ K int }{1}}, 6},
		{"new value in a new object", batch{X: x, Opt: &struct{ K int }{2}}, 7},
		{"scalar", batch{X: num(2)}, 8},
	}
	for _, s := range steps {
		got := f.Call(s.arg)
		sameBits(t, s.arg.X.Add(s.arg.X), got)
		require.Equal(t, s.traces, f.Stats().Traces, s.name)
		require.Equal(t, s.traces, calls, s.name)
	}
	require.Equal(t, 8, f.Stats().Entries)
	require.Equal(t, len(steps), f.Stats().Calls)
	require.Equal(t, len(steps)-8, f.Stats().Hits)
	require.Positive(t, f.Stats().TraceTime)
}

func TestBehaviour01_ArityIsPartOfTheKey(t *testing.T) {
	f := compile.Of(func(xs ...arr) arr {
		s := num(0)
		for _, x := range xs {
			s = s.Add(x)
		}
		return s
	})
	for range 2 {
		for n := range 4 {
			xs := make([]arr, n)
			for i := range xs {
				xs[i] = num(float32(i + 1))
			}
			require.Equal(t, float64(n*(n+1)/2), f.Call(xs...).Item())
		}
	}
	require.Equal(t, 4, f.Stats().Traces)
}

func TestBehaviour02_StaticLeavesOfDifferentTypesShareNothing(t *testing.T) {
	type pair struct{ A, B int }
	f := compile.Of(func(x arr, k any) arr { return x.Add(num(float32(len(fmt.Sprintf("%T", k))))) })
	x := num(1)
	values := []any{0, int32(0), uint(0), 0.0, float32(0), true, false, "0", "", nil, []int{1, 2}, [2]int{1, 2}, pair{1, 2}, &pair{1, 2}}
	for range 2 {
		for _, v := range values {
			require.Equal(t, float64(1+len(fmt.Sprintf("%T", v))), f.Call(x, v).Item(), "%T", v)
		}
	}
	require.Equal(t, len(values), f.Stats().Traces)
}

func TestBehaviour04_MapsAreKeyedByKey(t *testing.T) {
	f := compile.Of(func(m map[string]arr) arr { return m["a"].Sub(m["b"]) })
	for i := range 20 {
		m := map[string]arr{}
		if i%2 == 0 {
			m["a"], m["b"] = num(5), num(3)
		} else {
			m["b"], m["a"] = num(3), num(5)
		}
		require.Equal(t, 2.0, f.Call(m).Item())
	}
	require.Equal(t, 1, f.Stats().Traces)
	state := map[string]arr{"x": num(1), "a": num(10)}
	g := compile.Of(func() arr {
		state["x"] = state["x"].Add(num(1))
		return state["x"].Mul(state["a"])
	}, compile.State(&state))
	for i := range 10 {
		if i%2 == 1 { // the same entries in another order of insertion
			state = map[string]arr{"a": state["a"], "x": state["x"]}
		}
		require.Equal(t, float64(10*(i+2)), g.Call().Item())
	}
	require.Equal(t, 1, g.Stats().Traces)
}

// The values of two keys change places: to go by the order of insertion, or by the
// values, would repeat the trace of the other.
func TestBehaviour04_CapturedMapsAreKeyedByKey(t *testing.T) {
	a, b := vec(1, 2), vec(3, 4, 5)
	var m map[string]arr
	f := compile.Of(func() arr { return m["a"].Sum().Mul(num(10)).Add(m["b"].Sum()) }, compile.Inputs(&m))
	for range 5 {
		m = map[string]arr{"a": a, "b": b}
		require.Equal(t, 42.0, f.Call().Item())
		m = map[string]arr{"b": b, "a": a}
		require.Equal(t, 42.0, f.Call().Item())
		m = map[string]arr{"a": b, "b": a}
		require.Equal(t, 123.0, f.Call().Item())
	}
	require.Equal(t, 2, f.Stats().Traces)
	m = map[string]arr{"a": a, "c": b}
	require.ErrorIs(t, failure(t, func() { f.Call() }), core.ErrNil, "another key is another trace")
}

func TestBehaviour11_ResultTreesComeBackAsTheyWere(t *testing.T) {
	type inner struct {
		A arr
		B *int
	}
	type out struct {
		X    arr
		Nil  arr
		L    []arr
		M    map[string]arr
		In   *inner
		Any  any
		Name string
		Arr  [2]arr
		Nest []map[int][]arr
	}
	k := 7
	build := func(x arr, kind int) out {
		o := out{X: x.Add(x), Name: fmt.Sprint("kind ", kind), Any: kind}
		switch kind {
		case 1:
			o.L = []arr{x, nil, x.Mul(x)}
			o.M = map[string]arr{"b": x, "a": x.Exp()}
		case 2:
			o.In = &inner{x.Neg(), &k}
			o.Any = []any{x, "s", 3}
			o.Arr = [2]arr{nil, x}
		case 3:
			o.L = []arr{}
			o.M = map[string]arr{}
			o.Nest = []map[int][]arr{nil, {3: {x, x}, -1: nil}}
		}
		return o
	}
	f := compile.Of(build)
	x := vec(1, 2)
	for range 3 {
		for kind := range 4 {
			want, got := build(x, kind), f.Call(x, kind)
			require.Equal(t, describe(want), describe(got))
			require.Equal(t, want.Name, got.Name)
			require.Equal(t, want.L == nil, got.L == nil)
			require.Equal(t, want.M == nil, got.M == nil)
			if kind == 2 {
				require.Same(t, &k, got.In.B)
			}
		}
	}
	require.Equal(t, 4, f.Stats().Traces)
	first, second := f.Call(x, 1), f.Call(x, 1)
	first.L[0] = nil
	first.M["a"] = nil
	require.NotNil(t, second.L[0], "two calls share a slice")
	require.NotNil(t, f.Call(x, 1).M["a"], "the entry's own map was handed out")
}

// describe prints a tree with the values of its arrays.
func describe(v any) string {
	plain := tree.Flatten(v)
	text := ""
	for _, path := range slices.Sorted(maps.Keys(plain)) {
		text += fmt.Sprintln(path, plain[path].Spec(), floats(plain[path]))
	}
	return text
}

func TestBehaviour11_DegenerateResults(t *testing.T) {
	x, y := vec(1, 2), vec(3, 4)
	identity := compile.Of(func(x, y arr) (arr, arr) { return y, x })
	constant := compile.Of(func(arr) arr { return num(3) })
	twice := compile.Of(func(x arr) (arr, arr, arr) { s := x.Add(x); return s, s, x })
	none := compile.Of(func(arr) {})
	empty := compile.Of(func(arr) arr { return nil })
	captured := compile.Of(func(arr) arr { return y })
	for range 3 {
		a, b := identity.Call(x, y)
		require.Equal(t, []float32{3, 4}, floats(a))
		require.Equal(t, []float32{1, 2}, floats(b))
		a.Free()
		require.Equal(t, []float32{3, 4}, floats(y), "freeing a result freed the argument")
		require.Equal(t, 3.0, constant.Call(x).Item())
		p, q, r := twice.Call(x)
		p.Free()
		require.Equal(t, []float32{2, 4}, floats(q))
		require.Equal(t, []float32{1, 2}, floats(r))
		none.Call(x)
		require.Nil(t, empty.Call(x))
		c := captured.Call(x)
		c.Free()
		require.Equal(t, []float32{3, 4}, floats(y))
	}
	for _, n := range []int{identity.Stats().Traces, none.Stats().Traces, empty.Stats().Traces} {
		require.Equal(t, 1, n)
	}
	same := compile.Of(func(a, b arr) arr { return a.Mul(b) })
	require.Equal(t, []float32{1, 4}, floats(same.Call(x, x)))
	require.Equal(t, []float32{3, 8}, floats(same.Call(x, y)), "the trace took two equal arguments for one")
}

func TestBehaviour15_TheCacheIsBounded(t *testing.T) {
	f := compile.Of(func(x arr) arr { return x.Add(x) }, compile.MaxEntries(3))
	for n := 1; n <= 10; n++ {
		require.Equal(t, []int{n}, f.Call(core.Ones(core.Float32, n)).Shape())
	}
	s := f.Stats()
	require.Equal(t, 3, s.Entries)
	require.Equal(t, 7, s.Evictions)
	require.Equal(t, 10, s.Traces)
	for n := 8; n <= 10; n++ {
		f.Call(core.Ones(core.Float32, n))
	}
	require.Equal(t, 10, f.Stats().Traces, "the latest three were not kept")
	f.Call(core.Ones(core.Float32, 8)) // 9 is the oldest now
	f.Call(core.Ones(core.Float32, 1))
	f.Call(core.Ones(core.Float32, 8))
	require.Equal(t, 11, f.Stats().Traces)
	f.Call(core.Ones(core.Float32, 9))
	require.Equal(t, 12, f.Stats().Traces)
}

func TestStrict(t *testing.T) {
	f := compile.Of(func(x arr) arr { return x.Add(x) }, compile.Strict(2), compile.Name("step"))
	f.Call(vec(1))
	f.Call(vec(1, 2))
	e := failure(t, func() { f.Call(vec(1, 2, 3)) })
	require.Contains(t, e.Error(), "compile.Of[step]")
	require.Contains(t, e.Error(), "Strict")
	require.Equal(t, []float32{2}, floats(f.Call(vec(1))))
}

func TestClosed(t *testing.T) {
	f := compile.Of(func(x arr) arr { return x.Add(x) })
	f.Call(vec(1))
	f.Close()
	f.Close()
	require.Contains(t, failure(t, func() { f.Call(vec(1)) }).Error(), "closed")
	never := compile.Of(func(x arr) arr { return x })
	never.Close()
	failure(t, func() { never.Call(vec(1)) })
}
