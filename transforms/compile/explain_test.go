package compile_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/compile"
)

// A last batch that is smaller is what a second trace is for.
func TestBehaviour01_ExplainNamesTheRaggedBatch(t *testing.T) {
	type batch struct{ X, Y arr }
	m := newMLP(64, 16, 10)
	step := compile.Of(func(m mlp, b batch) (arr, mlp) { return sgd(m, b.X, b.Y) }, compile.Name("digits"))
	epoch := func(sizes ...int) {
		for _, n := range sizes {
			x, y := batch2(n)
			_, m = step.Call(m, batch{x, y})
		}
	}
	for range 10 {
		epoch(128, 128, 128)
	}
	e := step.Explain()
	require.Len(t, e.Traces, 1, "ten epochs of equal batches")
	require.Equal(t, 29, e.Traces[0].Hits)
	require.Empty(t, e.Traces[0].Changes)
	epoch(128, 96)
	e = step.Explain()
	require.Len(t, e.Traces, 2)
	require.Equal(t, []compile.Change{
		{Kind: "shape", Path: "argument 1 at X", Was: "(128,64)", Now: "(96,64)"},
		{Kind: "shape", Path: "argument 1 at Y", Was: "(128,10)", Now: "(96,10)"},
	}, e.Traces[1].Changes)
	require.Equal(t, "argument 1 at X: shape (128,64) -> (96,64)", e.Traces[1].Changes[0].String())
	require.Contains(t, e.Traces[1].Caller, "compile/explain_test.go:")
	require.Positive(t, e.Traces[1].Took)
	require.Positive(t, e.Traces[1].Nodes)
	require.GreaterOrEqual(t, e.Traces[1].Recorded, e.Traces[1].Nodes)
	require.Positive(t, e.Traces[1].Cost.FLOP)
	text := e.String()
	require.Contains(t, text, "digits: 32 calls, 30 hits, 2 traces")
	require.Contains(t, text, "\n  argument 1 at X: shape (128,64) -> (96,64)\n")
	require.Less(t, strings.Count(text, "\n"), 25, "more than a screen:\n%s", text)
	for line := range strings.Lines(text) {
		require.LessOrEqual(t, len([]rune(line)), 160, line)
	}
	again, err := json.Marshal(e)
	require.NoError(t, err)
	var back compile.Explanation
	require.NoError(t, json.Unmarshal(again, &back))
	require.Equal(t, text, back.String())
	t.Log("\n" + text)
}

func batch2(n int) (x, y arr) { return core.Ones(core.Float32, n, 64), core.Ones(core.Float32, n, 10) }

func TestBehaviour01_ExplainNamesEachPartOfTheKey(t *testing.T) {
	type opt struct {
		K    int
		Name string
	}
	type arg struct {
		X, Bias arr
		L       []arr
		M       map[string]arr
		Any     any
		Opt     *opt
		F       func()
	}
	base := func() arg {
		return arg{X: core.Ones(core.Float32, 2, 3), L: []arr{vec(1)}, M: map[string]arr{"a": vec(1)}, Any: 1, Opt: &opt{1, "n"}}
	}
	f1 := func() {}
	cases := map[string]struct {
		change func(a *arg)
		want   string
	}{
		"shape":     {func(a *arg) { a.X = core.Ones(core.Float32, 2, 4) }, "argument 1 at X: shape (2,3) -> (2,4)"},
		"rank":      {func(a *arg) { a.X = core.Ones(core.Float32, 2, 3, 1) }, "argument 1 at X: rank 2 (2,3) -> 3 (2,3,1)"},
		"scalar":    {func(a *arg) { a.X = num(1) }, "argument 1 at X: rank 2 (2,3) -> 0 ()"},
		"dtype":     {func(a *arg) { a.X = core.Ones(core.Int32, 2, 3) }, "argument 1 at X: dtype float32 -> int32"},
		"in a list": {func(a *arg) { a.L[0] = vec(1, 2) }, "argument 1 at L.0: shape (1) -> (2)"},
		"in a map":  {func(a *arg) { a.M["a"] = vec(1, 2) }, "argument 1 at M.a: shape (1) -> (2)"},
		"absent":    {func(a *arg) { a.Bias = vec(1) }, "argument 1 at Bias: structure absent -> an array"},
		"longer":    {func(a *arg) { a.L = append(a.L, vec(1)) }, "argument 1 at L: structure a []*core.Array of length 1 -> a []*core.Array of length 2"},
		"key":       {func(a *arg) { a.M = map[string]arr{"b": vec(1)} }, "argument 1 at M: structure a key a -> a key b"},
		"static":    {func(a *arg) { a.Opt = &opt{2, "n"} }, "argument 1 at Opt.K: static value int 1 -> int 2"},
		"text":      {func(a *arg) { a.Opt.Name = "m" }, `argument 1 at Opt.Name: static value "n" -> "m"`},
		"nil":       {func(a *arg) { a.Opt = nil }, "argument 1 at Opt: static value a *compile_test.opt -> nil"},
		"type":      {func(a *arg) { a.Any = "1" }, "argument 1 at Any: structure a int -> a string"},
		"closure":   {func(a *arg) { a.F = f1 }, "argument 1 at F: static value the func at 0x0 -> the func at 0x"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f := compile.Of(func(s int, a arg) arr { return a.X.Neg() })
			f.Call(0, base())
			other := base()
			c.change(&other)
			f.Call(0, other)
			e := f.Explain()
			require.Len(t, e.Traces, 2)
			require.NotEmpty(t, e.Traces[1].Changes)
			require.Contains(t, e.Traces[1].Changes[0].String(), c.want)
		})
	}
	t.Run("stream", func(t *testing.T) {
		f := compile.Of(func(x arr) arr { return x.Neg() })
		f.Call(vec(1))
		core.Using(core.NewStream(core.CPU), func() { f.Call(vec(1)) })
		require.Regexp(t, `^stream cpu:0 -> stream \d+$`, f.Explain().Traces[1].Changes[0].String())
	})
	t.Run("mode", func(t *testing.T) {
		f := compile.Of(func(x arr) arr { return x.Neg() })
		f.Call(vec(1))
		compile.SetMode(compile.NoFuse)
		defer compile.Enable()
		f.Call(vec(1))
		require.Equal(t, "mode enabled -> no fuse", f.Explain().Traces[1].Changes[0].String())
	})
	t.Run("captured", func(t *testing.T) {
		var s struct{ K arr }
		s.K = vec(1)
		f := compile.Of(func() arr { s.K = s.K.Neg(); return s.K }, compile.State(&s))
		f.Call()
		s.K = vec(1, 2)
		f.Call()
		require.Equal(t, []compile.Change{{Kind: "shape", Path: "captured 0 at K", Was: "(1)", Now: "(2)"}}, f.Explain().Traces[1].Changes)
	})
	t.Run("arity", func(t *testing.T) {
		f := compile.Of(func(xs ...arr) arr { return xs[0] })
		f.Call(vec(1))
		f.Call(vec(1), vec(1))
		require.Contains(t, f.Explain().Traces[1].Changes[0].String(), "length 1 -> a []*core.Array of length 2")
	})
}

// The trace that is nearest is compared with, not the one before.
func TestExplainComparesWithTheNearestTrace(t *testing.T) {
	f := compile.Of(func(x, y arr, k int) arr { return x.Add(y) })
	f.Call(vec(1), vec(1), 1)
	f.Call(vec(1, 2), vec(1, 2), 7)
	f.Call(vec(1), vec(1), 3)
	last := f.Explain().Traces[2]
	require.Equal(t, 1, last.Against)
	require.Equal(t, []compile.Change{{Kind: "static value", Path: "argument 2", Was: "int 1", Now: "int 3"}}, last.Changes)
	require.Contains(t, f.Explain().String(), "(against trace 1)")
}

func TestBehaviour15_ExplainTellsOfEvictions(t *testing.T) {
	f := compile.Of(func(x arr) arr { return x.Neg() }, compile.MaxEntries(2))
	for n := 1; n <= 100; n++ {
		f.Call(core.Ones(core.Float32, n))
	}
	e := f.Explain()
	require.Equal(t, 98, e.Stats.Evictions)
	require.Len(t, e.Traces, 64)
	require.Equal(t, 36, e.Earlier)
	require.False(t, e.Traces[61].Held)
	require.True(t, e.Traces[62].Held)
	require.Equal(t, 100, e.Traces[63].Number)
	require.Contains(t, e.String(), "evicted")
	require.Equal(t, "(100)", e.Traces[63].Changes[0].Now)
	f.Close()
	require.False(t, f.Explain().Traces[63].Held)
	require.Empty(t, compile.Of(func() {}).Explain().Traces)
}

func TestBehaviour14_ExplainShapeless(t *testing.T) {
	f := compile.Of(func(x arr) arr { return x.Exp() }, compile.Shapeless())
	for n := 3; n < 9; n++ {
		f.Call(core.Ones(core.Float32, n))
	}
	e := f.Explain()
	require.Len(t, e.Traces, 2)
	require.True(t, e.Traces[1].Confirms)
	require.Equal(t, 4, e.Traces[0].Hits)
	require.Contains(t, e.String(), "showed that trace 1 holds at other sizes")
}

func TestStrictNamesTheChange(t *testing.T) {
	f := compile.Of(func(x arr) arr { return x.Add(x) }, compile.Strict(1), compile.Name("step"))
	f.Call(vec(1))
	e := failure(t, func() { f.Call(vec(1, 2, 3)) })
	require.Contains(t, e.Error(), "compile.Of[step]: a call needs trace 2, but compile.Strict allows 1; compared with trace 1: argument 0: shape (1) -> (3)")
}

func TestLog(t *testing.T) {
	var out strings.Builder
	defer compile.LogTo(&out, "recompiles")()
	f := compile.Of(func(x arr) arr { return x.Add(x) }, compile.Name("step"))
	f.Call(vec(1))
	require.Empty(t, out.String(), "a first trace is no recompilation")
	f.Call(vec(1, 2))
	require.Regexp(t, `^adjoint: step recorded trace 2 in [\d.]+.?s at compile/explain_test.go:\d+: argument 0: shape \(1\) -> \(2\)\n$`, out.String())
	out.Reset()
	compile.Of(dotted).Call(vec(1))
	f.Call(vec(1))
	require.Empty(t, out.String())
	g := compile.Of(dotted)
	g.Call(vec(1))
	g.Call(core.From([]int32{1}))
	require.Contains(t, out.String(), "adjoint: compile_test.dotted recorded trace 2")
}

func dotted(x arr) arr { return x.Neg() }

func TestLogOfUnknownSettings(t *testing.T) {
	var out strings.Builder
	compile.LogTo(&out, "recompile, recompiles")()
	require.Equal(t, "adjoint: ADJOINT_LOG: \"recompile\" is not known; it takes recompiles and off\n", out.String())
}

func TestAStaticCounterIsWarnedOf(t *testing.T) {
	type config struct {
		Step int
		Then func(arr) arr
	}
	run := func(setting string, calls int, f func(i int) config) string {
		var out strings.Builder
		defer compile.LogTo(&out, setting)()
		step := compile.Of(func(x arr, c config) arr { return x.Neg() }, compile.Name("step"))
		for i := range calls {
			step.Call(vec(1), f(i))
		}
		return out.String()
	}
	counter := func(i int) config { return config{Step: i} }
	require.Empty(t, run("", 8, counter))
	text := run("", 40, counter)
	require.Equal(t, 1, strings.Count(text, "\n"), text)
	require.Contains(t, text, "step records a new trace at every call (compile/explain_test.go:")
	require.Contains(t, text, "the static value in argument 1 at Step changes (int 7 -> int 8)")
	require.Contains(t, run("", 40, func(i int) config { return config{Then: func(x arr) arr { return x.Add(num(float32(i))) }} }), "argument 1 at Then changes (the func at")
	require.Empty(t, run("off", 40, counter))
	require.Empty(t, run("", 40, func(i int) config { return config{Step: i / 2} }), "every other call is a hit")
}
