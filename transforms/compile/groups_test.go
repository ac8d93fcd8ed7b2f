package compile_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/compile/ir"
	"github.com/adjoint-go/adjoint/transforms/grad"
)

// latest is what became of the last trace of a function.
func latest(e compile.Explanation) compile.Trace { return e.Traces[len(e.Traces)-1] }

func TestBehaviour10_Groups(t *testing.T) {
	x := values(core.Float32, 100, 1)
	t.Run("gelu is one", func(t *testing.T) {
		f := compile.Of(gelu)
		f.Call(x)
		e := latest(f.Explain())
		require.Equal(t, [][]string{{"Multiply", "Multiply", "Multiply", "Add", "Multiply", "Tanh", "Add", "Multiply"}}, e.Fused)
		require.Equal(t, 1, e.Nodes)
		require.Empty(t, e.Alone)
		body := f.Program().Fused()[0].Body
		require.Len(t, body, 8, "the program tells what its node does")
		require.Equal(t, []int{100}, body[7].Out[0].Shape)
	})
	t.Run("duplicates are one", func(t *testing.T) {
		f := compile.Of(func(x arr) (arr, arr) { return x.MatMul(x).Exp(), x.MatMul(x).Exp().Neg() })
		m := x.Reshape(10, 10)
		a, b := f.Call(m)
		equal(t, a.Neg(), b, "")
		e := latest(f.Explain())
		require.Equal(t, 2, e.Nodes)
		require.Equal(t, [][]string{{"Exp", "Negative"}}, e.Fused)
	})
	t.Run("one op is left alone", func(t *testing.T) {
		f := compile.Of(func(x arr) arr { return x.Exp().Sort(0) })
		f.Call(x)
		e := latest(f.Explain())
		require.Empty(t, e.Fused)
		require.Len(t, e.Alone, 1)
		require.Equal(t, "Exp", e.Alone[0].Op)
		require.NotEmpty(t, e.Alone[0].Why)
	})
	t.Run("a reduction over another axis divides", func(t *testing.T) {
		f := compile.Of(func(x arr) arr { y := x.Exp().Neg(); return y.Sub(y.SumKeep(0)).Square() })
		f.Call(x.Reshape(10, 10))
		require.Equal(t, [][]string{{"Exp", "Negative"}, {"Subtract", "Square"}}, latest(f.Explain()).Fused)
	})
	t.Run("a value used outside is an output too", func(t *testing.T) {
		f := compile.Of(func(x arr) (arr, arr) { y := x.Exp(); return y.Neg().Abs(), y.Sort(0) })
		a, b := f.Call(x)
		e := latest(f.Explain())
		require.Equal(t, [][]string{{"Exp", "Negative", "Abs"}}, e.Fused)
		require.Equal(t, 2, e.Nodes)
		require.Len(t, f.Program(x).Nodes[0].Out, 2)
		sameBits(t, a.Sort(0), b)
	})
	t.Run("streams divide", func(t *testing.T) {
		s := core.NewStream(core.CPU)
		f := compile.Of(func(x arr) arr {
			y := x.Exp().Neg()
			core.Using(s, func() { y = y.Abs().Sqrt() })
			return y
		})
		f.Call(x)
		e := latest(f.Explain())
		require.Equal(t, [][]string{{"Exp", "Negative"}, {"Abs", "Sqrt"}}, e.Fused)
		require.Equal(t, 2, e.Nodes)
	})
	t.Run("complex numbers are left", func(t *testing.T) {
		f := compile.Of(func(x arr) arr { return x.AsType(core.Complex64).Mul(x).Neg() })
		f.Call(x)
		e := latest(f.Explain())
		require.Empty(t, e.Fused)
		require.Contains(t, e.Alone[0].Why, "complex64")
	})
	t.Run("random numbers are not merged", func(t *testing.T) {
		f := compile.Of(func(k arr) arr {
			a, b := random.Split(k)
			return random.Normal(a, core.Float32, 9).Sub(random.Normal(b, core.Float32, 9)).Abs().Max()
		})
		require.NotZero(t, f.Call(random.Key(3)).Item())
	})
	t.Run("a shapeless trace", func(t *testing.T) {
		f := compile.Of(gelu, compile.Shapeless())
		for _, n := range []int{100, 50, 100, 7} {
			y := values(core.Float32, n, 2)
			want := floats(gelu(y))
			for i, v := range floats(f.Call(y)) {
				if want[i] == want[i] {
					require.InDelta(t, want[i], v, 1e-5)
				}
			}
		}
		require.Len(t, f.Explain().Traces[0].Fused, 1)
	})
}

// An input that is used later keeps its values; results may take the memory
// of those that are not.
func TestFusedMemory(t *testing.T) {
	f := compile.Of(func(x, y arr) (arr, arr) { s := x.Add(y); return s, s.Mul(x).Sub(y) })
	x, y := values(core.Float32, 5000, 1).Abs().Eval(), values(core.Float32, 5000, 2).Abs().Eval()
	keepX, keepY := x.Bytes(), y.Bytes()
	for range 3 {
		a, b := f.Call(x, y)
		core.Eval(a, b)
		wa := x.Add(y)
		equal(t, wa, a, "sum")
		equal(t, wa.Mul(x).Sub(y), b, "rest")
	}
	require.Equal(t, keepX, x.Bytes())
	require.Equal(t, keepY, y.Bytes())
	// Both arguments belong to the call alone.
	want := x.Add(num(1))
	w := want.Add(y.Add(num(1)))
	a, b := f.Call(x.Add(num(1)), y.Add(num(1)))
	equal(t, w, a, "sum of owned arguments")
	equal(t, w.Mul(want).Sub(y.Add(num(1))), b, "rest of owned arguments")
}

// A large array of one value is not kept in memory between calls.
func TestFillsAreNotKept(t *testing.T) {
	const n = 1 << 20
	f := compile.Of(func(x arr) arr { return x.Add(core.Ones(core.Float32, n)).Mul(core.Full(core.Float32, 3, n)) })
	x := core.Zeros(core.Float32, n).Eval()
	before := settled()
	core.TidyDo(func() {
		r := f.Call(x)
		require.Equal(t, float32(3), floats(r)[n-1])
	})
	require.Less(t, settled()-before, 4*n/2)
}

// What a group is made of goes by what saves memory and time.
func TestGroupsAreChosen(t *testing.T) {
	x := core.Linspace(core.Float32, -2, 2, 400).Reshape(20, 20)
	fused := func(f func(x arr) arr) (compile.Trace, *ir.Program) {
		c := compile.Of(f)
		sameBits(t, f(x), c.Call(x))
		return latest(c.Explain()), c.Program()
	}
	t.Run("an op waits for its user", func(t *testing.T) {
		e, _ := fused(func(x arr) arr { old := x.MulScalar(0.5); return old.Add(x.MatMul(x)) })
		require.Equal(t, [][]string{{"Multiply", "Add"}}, e.Fused)
	})
	t.Run("unless something used it", func(t *testing.T) {
		e, _ := fused(func(x arr) arr { y := x.Tanh(); return y.Sort(0).MatMul(x).Add(y) })
		require.Empty(t, e.Fused)
	})
	t.Run("several results are computed again", func(t *testing.T) {
		e, p := fused(func(x arr) arr {
			u := x.Square()
			v := u.AddScalar(1).Sqrt()
			return v.MatMul(v).Mul(u).Add(v)
		})
		require.Equal(t, [][]string{{"Square", "Add", "Sqrt"}, {"Square", "Add", "Sqrt", "Multiply", "Add"}}, e.Fused)
		require.Len(t, p.Nodes[0].Out, 1, "the square is not kept")
	})
	t.Run("one result is kept", func(t *testing.T) {
		e, _ := fused(func(x arr) arr { v := x.Square().Tanh(); return v.MatMul(v).Mul(v).Neg() })
		require.Equal(t, [][]string{{"Square", "Tanh"}, {"Multiply", "Negative"}}, e.Fused)
	})
	t.Run("products by one are none", func(t *testing.T) {
		e, _ := fused(func(x arr) arr { return x.MulScalar(1).Neg().DivScalar(1).Abs() })
		require.Equal(t, [][]string{{"Negative", "Abs"}}, e.Fused)
	})
	t.Run("a known choice is none", func(t *testing.T) {
		e, _ := fused(func(x arr) arr { return core.Where(core.Scalar(true), x.Neg(), x.Exp()).Abs() })
		require.Equal(t, [][]string{{"Negative", "Abs"}}, e.Fused)
		require.Equal(t, 1, e.Nodes)
	})
	t.Run("a sum of all begins in the group", func(t *testing.T) {
		f := func(x arr) arr { return x.Exp().Sum() }
		wide := core.Linspace(core.Float32, -2, 2, 12800).Reshape(100, 128)
		c := compile.Of(f)
		sameBits(t, f(wide), c.Call(wide))
		if !stock {
			require.Equal(t, [][]string{{"Exp", "Sum"}}, latest(c.Explain()).Fused)
		}
	})
	t.Run("only asked for gradients are computed", func(t *testing.T) {
		x := core.Ones(core.Float32, 4, 5, 6)
		loss := func(w, b arr) arr { return core.AddMM(b, x, w).Square().Sum() }
		c := compile.Of(func(w, b arr) (arr, arr) { return grad.Of2(func(w, b arr) arr { return loss(w, b) })(w, b), b })
		c.Call(core.Ones(core.Float32, 6, 3), core.Ones(core.Float32, 3))
		products := 0
		for _, n := range c.Program().Nodes {
			if n.Op == "Matmul" || n.Op == "AddMM" {
				products++
				require.Len(t, n.Out[0].Shape, 2, "one product of all rows")
			}
		}
		require.Equal(t, 2, products, "the value, and the gradient of the weights")
	})
}

// What is repeated along the first axis is the same in every tile, whether it fits them or not.
func TestRepeatedInputsOfLargeGroups(t *testing.T) {
	for _, n := range []int{1, 16, 31, 32, 48, 96, 250, 256, 1000, 1024, 3000} {
		rows := 200000/n + 3
		x := random.Normal(random.Key(uint64(n)), core.Float32, rows, n)
		b, c := random.Normal(random.Key(1), core.Float32, n), random.Normal(random.Key(2), core.Float32, n)
		half := c.AsType(core.Float16)
		f := func(x, b, c, half arr) arr {
			return x.Mul(b).Add(c).Sigmoid().Mul(half.AsType(core.Float32)).Sub(b.Square())
		}
		want, got := f(x, b, c, half), compile.Of(f).Call(x, b, c, half)
		sameBits(t, want, got)
		// Columns of one value for each row, and a part of a row that begins within it.
		col := random.Normal(random.Key(3), core.Float32, rows, 1)
		part := b.Slice(0, 0, n/2+1)
		g := func(x, col, part arr) arr { return x.Mul(col).Add(part.Exp()).Mul(col) }
		xs := x.Slice(1, n-(n/2+1), n)
		sameBits(t, g(xs, col, part), compile.Of(g).Call(xs, col, part))
	}
}
