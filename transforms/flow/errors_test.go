package flow_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/flow"
)

// failure calls f and returns the *core.Error that it panics with; it must.
func failure(t *testing.T, f func()) *core.Error {
	t.Helper()
	var err error
	func() {
		defer core.Catch(&err)
		f()
	}()
	var e *core.Error
	require.ErrorAs(t, err, &e)
	require.NotContains(t, err.Error(), "\n")
	require.Contains(t, err.Error(), "_test.go:", "the error names no line of the test")
	return e
}

func TestMisuse(t *testing.T) {
	type counted struct {
		X arr
		N int
	}
	add := func(s, x arr) (arr, arr) { return s.Add(x), x }
	pass := func(s arr) arr { return s }
	always := func(arr) arr { return core.Scalar(true) }
	x := vec(1, 2, 3)
	for name, c := range map[string]struct {
		f    func()
		says string
	}{
		"nil step":          {func() { flow.Scan[arr, arr, arr](nil, x, x) }, "the function is nil"},
		"no axis":           {func() { flow.Scan(add, x, num(1)) }, "scalar"},
		"nothing to scan":   {func() { flow.Scan(add, x, nil) }, "flow.For"},
		"sizes":             {func() { flow.Scan(func(s arr, x [2]arr) (arr, arr) { return s, s }, x, [2]arr{x, vec(1, 2)}) }, "has size 2"},
		"shape of state":    {func() { flow.Scan(func(s, x arr) (arr, arr) { return s.Sum(), x }, x, x) }, "want float32[3]"},
		"dtype of state":    {func() { flow.For(2, func(i, s arr) arr { return i }, num(1)) }, "int32"},
		"absent state":      {func() { flow.For(2, func(i, s arr) arr { return nil }, num(1)) }, "the state changes"},
		"static state":      {func() { flow.For(2, func(i arr, s counted) counted { s.N++; return s }, counted{X: x}) }, "N"},
		"negative":          {func() { flow.For(-1, func(i, s arr) arr { return s }, x) }, "-1 rounds"},
		"nil body":          {func() { flow.For(1, nil, x) }, "nil"},
		"nil while":         {func() { flow.While(nil, pass, x) }, "nil"},
		"empty while":       {func() { flow.While(func(int) arr { return nil }, func(i int) int { return i }, 1) }, "no array"},
		"condition's dtype": {func() { flow.While(pass, pass, x) }, "one bool"},
		"body's shape":      {func() { flow.While(always, func(s arr) arr { return s.Sum() }, x) }, "want float32[3]"},
		"nil condition":     {func() { flow.Cond(nil, pass, pass, x) }, "nil"},
		"condition's shape": {func() { flow.Cond(x.Greater(x), pass, pass, x) }, "one bool"},
		"branches differ":   {func() { flow.Cond(core.Scalar(true), pass, func(s arr) arr { return s.Sum() }, x) }, "second function"},
		"a value is read":   {func() { flow.For(1, func(i, s arr) arr { _ = s.Item(); return s }, num(1)) }, "value"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, failure(t, c.f).Error(), c.says)
		})
	}
	// A panic passes through with its own value, and the next call works.
	require.PanicsWithValue(t, "mine", func() {
		defer func() {
			v := recover()
			p, ok := v.(*core.Panic)
			require.True(t, ok, "%v", v)
			panic(p.Value)
		}()
		flow.For(2, func(i, s arr) arr { panic("mine") }, x)
	})
	require.InDelta(t, 3, flow.For(2, func(i, s arr) arr { return s.AddScalar(1) }, num(1)).Item(), 0)
}
