package compile_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
)

// placeholders are arguments that take no memory.
func placeholders(n int) (mlp, arr, arr) {
	zeros := func(s ...int) arr { return core.Zeros(core.Float32, s...) }
	return mlp{[]dense{{zeros(64, 32), zeros(32)}, {zeros(32, 10), zeros(10)}}}, zeros(n, 64), zeros(n, 10)
}

func TestLowerThenCallIsAHit(t *testing.T) {
	runs := 0
	step := compile.Of(func(m mlp, x, y arr) (arr, mlp) { runs++; return sgd(m, x, y) }, compile.Strict(1))
	m, x, y := placeholders(32)
	l := step.Lower(m, x, y)
	require.Equal(t, compile.Stats{}, step.Stats(), "lowering alone leaves no trace")
	require.Greater(t, l.Cost().FLOP, 2.*2*32*(64*32+32*10))
	require.Contains(t, l.Program().String(), "Matmul")
	l.Compile()
	l.Compile()
	require.Equal(t, 1, step.Stats().Traces)
	trained := newMLP(64, 32, 10)
	bx, by := batch(32, 64, 10)
	loss, next := step.Call(trained, bx, by)
	wantLoss, want := sgd(trained, bx, by)
	require.InDelta(t, wantLoss.Item(), loss.Item(), 1e-6)
	require.InDeltaSlice(t, floats(want.L[0].B), floats(next.L[0].B), 1e-6)
	require.Equal(t, 1, step.Stats().Hits)
	require.Equal(t, 1, runs)
	require.Equal(t, 1, step.Explain().Traces[0].Hits)
	require.Same(t, l.Program(), l.Program())
	e := failure(t, func() { step.Lower(placeholders3(16)...).Compile() })
	require.Contains(t, e.Error(), "argument 1: shape (32,64) -> (16,64)", "Strict counts them too")
}

func placeholders3(n int) []any {
	m, x, y := placeholders(n)
	return []any{m, x, y}
}

func TestLowerComputesNothing(t *testing.T) {
	before := settled()
	f := compile.Of(func(x arr) arr { return x.Exp().MatMul(x).Sum() })
	l := f.Lower(core.Zeros(core.Float32, 100_000, 100_000))
	require.Equal(t, 2e15+2e10, l.Cost().FLOP)
	require.Greater(t, l.Cost().Peak, 4e10)
	s := compile.Shapes(func(x arr) (arr, arr) { return x.MatMul(x), x.ArgMax(0) })
	a, b := s(core.Zeros(core.Float32, 100_000, 100_000))
	require.Equal(t, "float32[100000 100000]", a.Spec().String())
	require.Equal(t, "uint32[100000]", b.Spec().String())
	require.Less(t, settled(), before+1<<20)
}

func TestShapes(t *testing.T) {
	type pair struct {
		A arr
		N map[string]arr
		K string
	}
	out := compile.Shapes(func(x arr, k string) pair { return pair{x.Sum(0), map[string]arr{"x": x.AsType(core.Int8)}, k} })(core.Zeros(core.Float32, 3, 4), "k")
	require.Equal(t, "float32[4]", out.A.Spec().String())
	require.Equal(t, "int8[3 4]", out.N["x"].Spec().String())
	require.Equal(t, "k", out.K)
	e := failure(t, func() { compile.Shapes(func(x arr) arr { return x.MatMul(x) })(core.Zeros(core.Float32, 3, 4)) })
	require.Equal(t, "MatMul", e.Op)
	require.ErrorIs(t, failure(t, func() { compile.Shapes(func(x arr) arr { x.Item(); return x })(num(1)) }), core.ErrTracer)
	require.Contains(t, failure(t, func() { compile.Shapes[func(arr) arr](nil) }).Error(), "nil")
}

func TestLowerRefuses(t *testing.T) {
	f := compile.Of(func(x arr, k int, rest ...arr) arr { return x })
	cases := map[string]struct {
		args []any
		says string
	}{
		"too few":      {[]any{vec(1)}, "was given 1 argument, but the function takes 3"},
		"another type": {[]any{vec(1), 1.5}, "argument 1 is a float64, want a int"},
		"nil number":   {[]any{vec(1), nil}, "argument 1 is nil, want a int"},
		"in the rest":  {[]any{vec(1), 1, vec(1), 3}, "argument 3 is a int, want a *core.Array"},
	}
	for name, c := range cases {
		require.Contains(t, failure(t, func() { f.Lower(c.args...) }).Error(), c.says, name)
		require.Contains(t, failure(t, func() { f.Program(c.args...) }).Error(), c.says, name)
	}
	f.Lower(vec(1), 1)
	f.Lower(vec(1), 1, vec(1), nil)
	freed := vec(1)
	freed.Free()
	require.ErrorIs(t, failure(t, func() { f.Lower(freed, 1) }), core.ErrFreed)
	var self *compile.Func[func(arr) arr]
	self = compile.Of(func(x arr) arr { self.Lower(x); return x })
	require.Contains(t, failure(t, func() { self.Lower(vec(1)) }).Error(), "lowers itself")
	f.Close()
	require.Contains(t, failure(t, func() { f.Lower(vec(1), 1) }).Error(), "closed")
	require.Contains(t, failure(t, func() { compile.Of(dotted).Program() }).Error(), "call the function first")
	grad.Of(func(x arr) arr {
		e := failure(t, func() { compile.Of(func(y arr) arr { return y.Mul(x) }).Lower(vec(1)) })
		require.Contains(t, e.Error(), "pass them as arguments")
		return x
	})(num(1))
}

func TestLowerWithState(t *testing.T) {
	s := struct{ N arr }{num(1)}
	f := compile.Of(func() arr { s.N = s.N.Add(num(1)); return s.N }, compile.State(&s))
	f.Lower().Compile()
	require.Equal(t, 1.0, s.N.Item(), "lowering changed the state")
	require.Equal(t, 2.0, f.Call().Item())
	require.Equal(t, 1, f.Stats().Hits)
	require.Contains(t, f.Program().String(), "captured 0 at N")
}

func TestProgramNamesWhatComesAndGoes(t *testing.T) {
	step := compile.Of(sgd, compile.Name("step"), compile.Donate("0"))
	bx, by := batch(4, 64, 10)
	step.Call(newMLP(64, 32, 10), bx, by)
	p := step.Program()
	require.Equal(t, "step", p.Name)
	var in, out []string
	for _, i := range p.Inputs {
		in = append(in, i.Path+" "+i.Type())
		require.Equal(t, strings.HasPrefix(i.Path, "argument 0"), i.Donated, i.Path)
	}
	for _, o := range p.Outputs {
		out = append(out, o.Path)
	}
	require.Equal(t, []string{"argument 0 at L.0.W f32[64,32]", "argument 0 at L.0.B f32[32]", "argument 0 at L.1.W f32[32,10]",
		"argument 0 at L.1.B f32[10]", "argument 1 f32[4,64]", "argument 2 f32[4,10]"}, in)
	require.Equal(t, []string{"result 0", "result 1 at L.0.W", "result 1 at L.0.B", "result 1 at L.1.W", "result 1 at L.1.B"}, out)
	m := newMLP(64, 32, 10)
	require.Equal(t, p, step.Program(m, bx, by), "the trace that is held")
	require.Equal(t, 1, step.Stats().Traces)
	require.NotNil(t, floats(m.L[0].B), "Program donates nothing")
}
