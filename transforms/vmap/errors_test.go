package vmap_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

type data struct{ X, Y arr }

// Each misuse is a typed error that says what to do.
func TestBehaviour29_MisuseIsATypedError(t *testing.T) {
	x, m := vec(1, 2), core.From([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	id := func(x arr) arr { return x }
	sum := func(d data) arr { return d.X.Sum().Add(d.Y) }
	cases := map[string]struct {
		f    func()
		says string
		is   error
	}{
		"scalar":             {f: func() { vmap.Of(id)(num(1)) }, says: "scalar"},
		"axis out of range":  {f: func() { vmap.Of(id, vmap.In(1))(x) }, says: "axis 1"},
		"axis too negative":  {f: func() { vmap.Of(id, vmap.In(-3))(m) }, says: "axis -3"},
		"out of range out":   {f: func() { vmap.Of(id, vmap.Out(1))(x) }, says: "axis 1"},
		"sizes differ":       {f: func() { vmap.Of(func(a, b arr) arr { return a.Add(b) })(x, vec(1, 2, 3)) }, says: "argument 1"},
		"sizes in a struct":  {f: func() { vmap.Of(sum)(data{m, vec(1, 2, 3)}) }, says: "Y has size 3"},
		"nothing mapped":     {f: func() { vmap.Of(id, vmap.In(nil))(x) }, says: "nothing is mapped"},
		"no arrays":          {f: func() { vmap.Of(func(int) arr { return x })(3) }, says: "nothing is mapped"},
		"absent":             {f: func() { vmap.Of(id)(nil) }, says: "nothing is mapped"},
		"no array to map":    {f: func() { vmap.Of(func(x arr, k int) arr { return x }, vmap.In(0, 0)) }, says: "argument 1 is of type int, which holds no array"},
		"no array at a path": {f: func() { vmap.Of(func(x arr, k int) arr { return x }, vmap.In(0, vmap.Axes{"K": 0})) }, says: "argument 1 is of type int"},
		"result of no array": {f: func() { vmap.Of(func(x arr) int { return 1 }, vmap.Out(0)) }, says: "result 0 is of type int"},
		"scalar in a struct": {f: func() { vmap.Of(sum)(data{m, num(1)}) }, says: "argument 0 at Y is a scalar"},
		"axis of a path":     {f: func() { vmap.Of(sum, vmap.In(vmap.Axes{"X": 2}))(data{m, num(1)}) }, says: "argument 0 at X: axis 2 is out of range: it has axes -2 to 1"},
		"static at a path": {f: func() {
			vmap.Of(func(p struct {
				X arr
				K int
			}) arr {
				return p.X
			}, vmap.In(vmap.Axes{"K": 0}))(struct {
				X arr
				K int
			}{x, 1})
		}, says: "K"},
		"list too short":     {f: func() { vmap.Of(func(l []arr) arr { return l[0] }, vmap.In(vmap.Axes{"1": 0}))([]arr{m}) }, says: "1"},
		"too few axes":       {f: func() { vmap.Of(func(a, b arr) arr { return a }, vmap.In(0)) }, says: "1 axes for 2 arguments"},
		"too many out axes":  {f: func() { vmap.Of(id, vmap.Out(0, 0)) }, says: "2 axes for 1 results"},
		"axis of wrong type": {f: func() { vmap.Of(id, vmap.In("0")) }, says: "string"},
		"unknown path":       {f: func() { vmap.Of(sum, vmap.In(vmap.Axes{"Z": 0}))(data{m, x}) }, says: "Z"},
		"unmapped result":    {f: func() { vmap.Of(id, vmap.Out(nil))(x) }, says: "depends on a mapped argument"},
		"nil function":       {f: func() { vmap.Of[func(arr) arr](nil) }, says: "nil"},
		"no function":        {f: func() { vmap.Of(3) }, says: "want a function"},
		"nothing at all":     {f: func() { vmap.Of[any](nil) }, says: "want a function"},
		"array by value":     {f: func() { vmap.Of(func(core.Array) {}) }, says: "by value"},
		"unexported":         {f: func() { vmap.Of(func(struct{ w arr }) {}) }, says: "unexported"},
		"evaluated":          {f: func() { vmap.Of(func(a arr) arr { return a.Eval() })(x) }, is: core.ErrTracer},
		"item":               {f: func() { vmap.Of(func(a arr) float64 { return a.Item() })(x) }, is: core.ErrTracer},
		"async":              {f: func() { vmap.Of(func(a arr) arr { core.AsyncEval(a); return a })(x) }, is: core.ErrTracer},
		"freed":              {f: func() { y := vec(1); y.Free(); vmap.Of(id)(y) }, is: core.ErrFreed},
		"shape inside":       {f: func() { vmap.Of(func(a arr) arr { return a.MatMul(a) })(x) }, says: "MatMul"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			e := failure(t, c.f)
			require.Contains(t, e.Error(), c.says)
			if c.is != nil {
				require.ErrorIs(t, e, c.is)
			}
			require.Contains(t, e.At(), "errors_test.go")
			t.Log(e)
		})
	}
}
