package compile_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/linalg"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/internal/engine"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

type hidden struct{ w arr }

type byValue struct{ W core.Array }

type ring struct {
	W    arr
	Next *ring
}

// Whatever a user gets wrong is one line that names the operation, says what is
// wrong, and points at the user's file; errors.Is tells its kind.
func TestMisuse(t *testing.T) {
	x, m, ints := vec(1, 2), core.From([]float32{1, 2, 3, 4, 5, 6}, 2, 3), core.From([]int32{1, 2})
	empty := core.Zeros(core.Float32, 0)
	freed := vec(1)
	freed.Free()
	cycle := &ring{W: x}
	cycle.Next = cycle
	var absent arr
	var noFunc func(arr) arr
	sum := func(a arr) arr { return a.Sum() }
	id := compile.Of(func(a arr) arr { return a }).Call
	var leaked arr
	grad.Of(func(a arr) arr { leaked = a.Exp(); return a.Sum() })(x)

	cases := map[string]struct {
		f    func()
		op   string
		says string
		is   error
	}{
		"shape mismatch":           {f: func() { x.Add(m) }, op: "Add", says: "float32[2], float32[2 3]"},
		"matmul mismatch":          {f: func() { m.MatMul(m) }, op: "MatMul", says: "float32[2 3], float32[2 3]"},
		"bad axis":                 {f: func() { x.Sum(1) }, op: "Sum", says: "axis 1"},
		"bad negative axis":        {f: func() { m.Softmax(-3) }, op: "Softmax", says: "axis -3"},
		"axis of a scalar":         {f: func() { num(1).Max(0) }, op: "Max", says: "axis 0"},
		"bad Dim":                  {f: func() { x.Dim(3) }, op: "Dim", says: "axes -1 to 0"},
		"bad reshape":              {f: func() { m.Reshape(4) }, op: "Reshape", says: "4"},
		"negative shape":           {f: func() { core.Zeros(core.Float32, -2) }, op: "Zeros", says: "negative"},
		"huge shape":               {f: func() { core.Zeros(core.Float32, 1<<30, 1<<30) }, op: "Zeros", says: "too large"},
		"no such dtype":            {f: func() { x.AsType(core.DType(99)) }, op: "AsType", says: "not a dtype"},
		"wrong Go type":            {f: func() { core.Data[int32](x) }, op: "Data", says: "float32"},
		"shifted floats":           {f: func() { x.LeftShift(x) }, op: "LeftShift", says: "float32[2]"},
		"inverse of integers":      {f: func() { linalg.Inv(core.From([]int32{1, 0, 0, 1}, 2, 2)) }, op: "linalg.Inv", says: "int32[2 2]"},
		"Item of none":             {f: func() { empty.Item() }, op: "Item", says: "no elements"},
		"Item of many":             {f: func() { x.Item() }, op: "Item", says: "2 elements"},
		"Max of none":              {f: func() { empty.Max() }, op: "Max", says: "float32[0]"},
		"From of a wrong size":     {f: func() { core.From([]float32{1, 2}, 3) }, op: "From", says: "3 elements"},
		"freed":                    {f: func() { freed.Exp() }, op: "Exp", is: core.ErrFreed},
		"freed argument":           {f: func() { id(freed) }, op: "compile.Of", is: core.ErrFreed},
		"freed by a Tidy":          {f: func() { var a arr; core.TidyDo(func() { a = x.Exp() }); a.Neg() }, op: "Neg", is: core.ErrFreed},
		"nil operand":              {f: func() { x.Add(nil) }, op: "Add", is: core.ErrNil},
		"nil receiver":             {f: func() { absent.Exp() }, op: "Exp", is: core.ErrNil},
		"nil in a list":            {f: func() { core.Stack(0, x, nil) }, op: "Stack", says: "array 1", is: core.ErrNil},
		"shape of nil":             {f: func() { absent.Shape() }, op: "Shape", is: core.ErrNil},
		"nil key":                  {f: func() { random.Normal(nil, core.Float32, 2) }, op: "random.Normal", is: core.ErrNil},
		"leaked tracer":            {f: func() { leaked.Add(x) }, op: "Add", is: core.ErrLeaked},
		"evaluated in compile":     {f: func() { compile.Of(func(a arr) float64 { return a.Sum().Item() }).Call(x) }, op: "Data", is: core.ErrTracer},
		"evaluated in vmap":        {f: func() { vmap.Of(func(a arr) arr { return a.Eval() })(x) }, op: "Eval", is: core.ErrTracer},
		"uncaptured input":         {f: func() { compile.Of(func(a arr) arr { return a.Add(x) }).Call(x) }, op: "compile.Of", is: core.ErrUncaptured},
		"wrong inside a trace":     {f: func() { compile.Of(func(a arr) arr { return a.Add(vec(1, 2, 3)) }).Call(x) }, op: "Add", says: "float32[2], float32[3]"},
		"nil function":             {f: func() { compile.Of(noFunc) }, op: "compile.Of", says: "nil"},
		"no function":              {f: func() { compile.Of(3) }, op: "compile.Of", says: "int"},
		"nothing":                  {f: func() { compile.Of[any](nil) }, op: "compile.Of", says: "function"},
		"parameter unexported":     {f: func() { compile.Of(func(hidden) {}) }, op: "compile.Of: parameter 0", says: "unexported"},
		"result unexported":        {f: func() { compile.Of(func() (r hidden) { return r }) }, op: "compile.Of: result 0", says: "unexported"},
		"array by value":           {f: func() { compile.Of(func(byValue) {}) }, op: "compile.Of: parameter 0", says: "by value"},
		"cycle":                    {f: func() { compile.Of(func(r *ring) arr { return r.W }).Call(cycle) }, op: "compile.Of", says: "Next"},
		"cycle returned":           {f: func() { compile.Of(func() *ring { return cycle }).Call() }, op: "compile.Of", says: "Next"},
		"map keys without order":   {f: func() { compile.Of(func(map[any]arr) {}) }, op: "compile.Of: parameter 0", says: "map keys"},
		"no entries":               {f: func() { compile.Of(sum, compile.MaxEntries(0)) }, op: "compile.MaxEntries", says: "at least 1"},
		"no traces":                {f: func() { compile.Of(sum, compile.Strict(0)) }, op: "compile.Strict", says: "at least 1"},
		"leaf as state":            {f: func() { compile.Of(func() {}, compile.State(x)) }, op: "compile.Of", says: "&x"},
		"integer loss":             {f: func() { grad.Of(func(a arr) arr { return a.AsType(core.Int32).Sum() })(x) }, op: "grad.Of", says: "int32[]"},
		"loss that is no scalar":   {f: func() { grad.Of(func(a arr) arr { return a })(x) }, op: "grad.Of", says: "Sum or Mean"},
		"no differentiable leaf":   {f: func() { grad.Of(sum)(ints) }, op: "grad.Of", says: "floating-point"},
		"unknown Only":             {f: func() { grad.Of(func(r ring) arr { return r.W.Sum() }, grad.Only("V"))(ring{W: x}) }, op: "grad.Of", says: "no such path"},
		"wrong cotangent":          {f: func() { _, pull := grad.VJP(sum, x); pull(x) }, op: "grad.VJP", says: "want float32[]"},
		"wrong tangent":            {f: func() { grad.JVP(sum, x, num(1)) }, op: "grad.JVP", says: "want float32[2]"},
		"sizes that differ":        {f: func() { vmap.Of(func(a, b arr) arr { return a })(x, vec(1, 2, 3)) }, op: "vmap.Of", says: "size 3"},
		"no derivative":            {f: func() { grad.Of(func(a arr) arr { return a.View(core.Int32).View(core.Float32).Sum() })(x) }, op: "grad.Of", is: core.ErrNotDifferentiable},
		"zero stream":              {f: func() { core.Using(core.Stream{}, func() {}) }, op: "Using", says: "NewStream"},
		"no such device":           {f: func() { core.Using(core.Device{Index: 7}, func() {}) }, op: "Using", says: "cpu:7"},
		"async in a trace":         {f: func() { compile.Of(func(a arr) arr { core.AsyncEval(a); return a }).Call(x) }, op: "AsyncEval", is: core.ErrTracer},
		"closed Func":              {f: func() { f := compile.Of(sum); f.Close(); f.Call(x) }, op: "compile.Of", says: "closed"},
		"closed engine":            {f: func() { engine.Close(); defer engine.Reopen(); x.Add(x) }, op: "Add", is: core.ErrClosed},
		"closed engine, call":      {f: func() { engine.Close(); defer engine.Reopen(); id(x) }, op: "compile.Of", is: core.ErrClosed},
		"closed engine, transform": {f: func() { engine.Close(); defer engine.Reopen(); grad.Of(sum)(x) }, op: "grad.Of", is: core.ErrClosed},
		"closed inside a trace": {f: func() {
			defer engine.Reopen()
			grad.Of(func(a arr) arr { engine.Close(); return a.Sum() })(x)
		}, op: "Sum", is: core.ErrClosed},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			e := failure(t, c.f)
			require.Contains(t, e.Error(), c.says)
			require.Contains(t, e.At(), "misuse_test.go")
			if c.op != "" {
				require.Equal(t, c.op, e.Op)
			}
			if c.is != nil {
				require.ErrorIs(t, e, c.is)
			}
			t.Log(e)
			require.Equal(t, []float32{1, 2}, floats(x), "what comes next is not disturbed")
			require.Equal(t, []float32{1, 1}, floats(grad.Of(sum)(x)))
		})
	}
}

func TestAClosedEngineStillFrees(t *testing.T) {
	x, y := vec(1, 2), vec(3, 4)
	before := core.Memory().Active
	func() {
		engine.Close()
		defer engine.Reopen()
		x.Free()
		core.Free(y)
	}()
	require.Less(t, core.Memory().Active, before)
	require.ErrorIs(t, failure(t, func() { x.Exp() }), core.ErrFreed)
}
