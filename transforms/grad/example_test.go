package grad_test

import (
	"fmt"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

// A gradient has the type of what is differentiated.
func Example() {
	type line struct{ W, B *core.Array }
	type data struct{ X, Y *core.Array }
	loss := func(p line, d data) *core.Array {
		return d.X.Mul(p.W).Add(p.B).Sub(d.Y).Square().Mean()
	}
	p := line{core.Scalar[float32](1), core.Scalar[float32](0)}
	d := data{core.From([]float32{0, 1, 2, 3}), core.From([]float32{1, 3, 5, 7})}
	l, g := grad.ValueAndGrad2(loss)(p, d)
	fmt.Println(l.Item(), g.W.Item(), g.B.Item())
	// Output: 7.5 -10 -5
}

func ExampleOf() {
	f := func(x *core.Array) *core.Array { return x.Mul(x).Mul(x) }
	x := core.Scalar[float32](2)
	fmt.Println(grad.Of(f)(x).Item(), grad.Of(grad.Of(f))(x).Item())
	// Output: 12 12
}

func ExampleOnly() {
	type model struct{ Body, Head *core.Array }
	loss := func(m model) *core.Array { return m.Body.Mul(m.Head) }
	m := model{core.Scalar[float32](2), core.Scalar[float32](3)}
	g := grad.Of(loss, grad.Only("Head"))(m)
	fmt.Println(g.Body == nil, g.Head.Item())
	// Output: true 2
}

func ExampleVJP() {
	x := core.From([]float32{1, 2, 3})
	y, pull := grad.VJP(func(x *core.Array) *core.Array { return x.Square() }, x)
	fmt.Println(core.Data[float32](y))
	fmt.Println(core.Data[float32](pull(core.From([]float32{1, 0, 10}))))
	// Output:
	// [1 4 9]
	// [2 0 60]
}

func ExampleJVP() {
	x, direction := core.From([]float32{1, 2, 3}), core.From([]float32{1, 0, 10})
	_, d := grad.JVP(func(x *core.Array) *core.Array { return x.Square() }, x, direction)
	fmt.Println(core.Data[float32](d))
	// Output: [2 0 60]
}

func ExampleStop() {
	f := func(x *core.Array) *core.Array { return grad.Stop(x).Mul(x) }
	fmt.Println(grad.Of(f)(core.Scalar[float32](5)).Item())
	// Output: 5
}

// The derivative at one point, applied to many directions: the function is
// called once.
func ExampleLinearize() {
	y, push := grad.Linearize(func(x *core.Array) *core.Array { return x.Square() }, core.From([]float32{1, 2, 3}))
	fmt.Println(core.Data[float32](y))
	fmt.Println(core.Data[float32](push(core.From([]float32{1, 0, 0}))))
	fmt.Println(core.Data[float32](push(core.From([]float32{0, 1, 10}))))
	// Output:
	// [1 4 9]
	// [2 0 0]
	// [0 4 60]
}

func ExampleJacRev() {
	type layer struct{ W, B *core.Array }
	x := core.From([]float32{5, 7})
	f := func(l layer) *core.Array { return l.W.MatMul(x).Add(l.B) }
	j := grad.JacRev(f)(layer{core.Ones(core.Float32, 3, 2), core.Zeros(core.Float32, 3)})
	fmt.Println(j.W.Shape(), j.B.Shape())
	fmt.Println(core.Data[float32](j.B))
	// Output:
	// [3 3 2] [3 3]
	// [1 0 0 0 1 0 0 0 1]
}

func ExampleJacFwd() {
	polar := func(p *core.Array) *core.Array {
		p0 := p.Split(2, 0)
		return core.Concatenate(0, p0[0].Mul(p0[1].Cos()), p0[0].Mul(p0[1].Sin()))
	}
	j := grad.JacFwd(polar)(core.From([]float32{2, 0}))
	fmt.Println(core.Data[float32](j))
	// Output: [1 0 0 2]
}

func ExampleHessian() {
	f := func(x *core.Array) *core.Array { return x.Square().Sum().Square() }
	h := grad.Hessian(f)(core.From([]float32{1, 2}))
	fmt.Println(h.Shape(), core.Data[float32](h))
	// Output: [2 2] [28 16 16 52]
}

func ExampleHVP() {
	f := func(x *core.Array) *core.Array { return x.Mul(x).Mul(x).Sum() }
	hv := grad.HVP(f)(core.From([]float32{1, 2}), core.From([]float32{1, 10}))
	fmt.Println(core.Data[float32](hv))
	// Output: [6 120]
}

// Per-batch products of a network's Hessian: the second argument is the data.
func ExampleHVP2() {
	loss := func(w, x *core.Array) *core.Array { return w.Mul(x).Square().Sum() }
	hv := grad.HVP2(loss)(core.From([]float32{1, 1}), core.From([]float32{1, 2}), core.From([]float32{1, 1}))
	fmt.Println(core.Data[float32](hv))
	// Output: [2 8]
}

func ExampleChunk() {
	f := func(x *core.Array) *core.Array { return x.Square() }
	j := grad.JacRev(f, grad.Chunk(1))(core.From([]float32{1, 2}))
	fmt.Println(core.Data[float32](j))
	// Output: [2 0 0 4]
}

// In a test: require.NoError(t, grad.Check(f, x, grad.Checking{})).
func ExampleCheck() {
	f := func(x *core.Array) *core.Array { return x.Tanh().Square().Sum() }
	fmt.Println(grad.Check(f, core.From([]float32{0.5, -1}), grad.Checking{}))
	// Output: <nil>
}

func ExampleCompare() {
	f := func(x *core.Array) *core.Array { return x.Square().Sum() }
	r := grad.Compare(f, core.From([]float32{3}), grad.Checking{})
	fmt.Printf("%v %v, %.1f\n", r.OK(), r.Method, r.Leaves[0].Forward.Want)
	// Output: true central differences, 6.0
}

func ExampleVJPAux() {
	f := func(x *core.Array) (*core.Array, string) { return x.Square(), "squared" }
	y, pull, note := grad.VJPAux(f, core.From([]float32{3}))
	fmt.Println(y.Item(), pull(core.From([]float32{1})).Item(), note)
	// Output: 9 6 squared
}

func ExampleJVPAux() {
	f := func(x *core.Array) (*core.Array, string) { return x.Square(), "squared" }
	y, d, note := grad.JVPAux(f, core.Scalar[float32](3), core.Scalar[float32](1))
	fmt.Println(y.Item(), d.Item(), note)
	// Output: 9 6 squared
}

// Gradients that are clipped on their way back.
func ExampleCustom() {
	clipped := grad.Custom(
		func(x *core.Array) *core.Array { return x.Add(x) },
		grad.WithVJP(func(x, y, ct *core.Array) *core.Array {
			return ct.Add(ct).Clip(core.Scalar[float32](-3), core.Scalar[float32](3))
		}))
	f := func(x *core.Array) *core.Array { return clipped(x).Square().Sum() }
	fmt.Println(core.Data[float32](grad.Of(f)(core.From([]float32{0.25, 10}))))
	// Output: [2 3]
}

// The derivative of log(1+eˣ), written so that it does not overflow.
func ExampleWithJVP() {
	softplus := grad.Custom(
		func(x *core.Array) *core.Array { return x.Exp().Log1p() },
		grad.WithJVP(func(x, y, t *core.Array) *core.Array { return t.Mul(x.Sigmoid()) }))
	_, d := grad.JVP(softplus, core.Scalar[float32](0), core.Scalar[float32](1))
	fmt.Println(d.Item())
	// Output: 0.5
}

func ExampleWithVJP() {
	scale := grad.Custom(
		func(x *core.Array) *core.Array { return x },
		grad.WithVJP(func(x, y, ct *core.Array) *core.Array { return ct.MulScalar(10) }))
	fmt.Println(grad.Of(scale)(core.Scalar[float32](1)).Item())
	// Output: 10
}

// Examples that share one matrix are done with one product.
func ExampleWithVMap() {
	type args struct{ W, X *core.Array }
	apply := grad.Custom(
		func(a args) *core.Array { return a.W.MatMul(a.X) },
		grad.WithVMap(func(b grad.Batch, a args) *core.Array {
			if b.Mapped("W") || !b.Mapped("X") {
				core.Failf("apply", "want one W for all")
			}
			return a.X.MatMul(a.W.T())
		}))
	a := args{W: core.Ones(core.Float32, 3, 2), X: core.Ones(core.Float32, 5, 2)}
	fmt.Println(vmap.Of(apply, vmap.In(vmap.Axes{"X": 0}))(a).Shape())
	// Output: [5 3]
}

// A deep network that keeps only the inputs of its layers for the gradient.
func ExampleCheckpoint() {
	layer := grad.Checkpoint(func(w, x *core.Array) *core.Array { return x.Mul(w).Sin().Tanh() })
	loss := func(w *core.Array) *core.Array {
		x := core.Ones(core.Float32, 2)
		for range 3 {
			x = layer(w, x)
		}
		return x.Sum()
	}
	fmt.Printf("%.4f\n", core.Data[float32](grad.Of(loss)(core.From([]float32{0, 1}))))
	// Output: [0.0000 0.6955]
}

// The product is kept, what comes after it is computed again.
func ExampleName() {
	f := grad.Checkpoint(func(w, x *core.Array) *core.Array {
		return grad.Name(w.MatMul(x), "product").Sin().Exp()
	}, grad.SaveNamed("product"))
	g := grad.Of2(func(w, x *core.Array) *core.Array { return f(w, x).Sum() })
	fmt.Println(core.Data[float32](g(core.Zeros(core.Float32, 1, 2), core.From([]float32{1, 2}))))
	// Output: [1 2]
}

func ExampleSaveMatMuls() {
	f := grad.Checkpoint(func(w *core.Array) *core.Array { return w.MatMul(w).Sum() }, grad.SaveMatMuls())
	fmt.Println(core.Data[float32](grad.Of(f)(core.Identity(core.Float32, 2))))
	// Output: [2 2 2 2]
}

func ExampleOf2() {
	f := func(w, x *core.Array) *core.Array { return w.Mul(x).Sum() }
	fmt.Println(core.Data[float32](grad.Of2(f)(core.From([]float32{1, 1}), core.From([]float32{3, 4}))))
	// Output: [3 4]
}

func ExampleValueAndGrad() {
	v, g := grad.ValueAndGrad(func(x *core.Array) *core.Array { return x.Square() })(core.Scalar[float32](3))
	fmt.Println(v.Item(), g.Item())
	// Output: 9 6
}

func ExampleValueAndGradAux() {
	f := func(x *core.Array) (*core.Array, string) { return x.Square(), "squared" }
	v, g, note := grad.ValueAndGradAux(f)(core.Scalar[float32](3))
	fmt.Println(v.Item(), g.Item(), note)
	// Output: 9 6 squared
}

func ExampleValueAndGradAux2() {
	f := func(w, x *core.Array) (*core.Array, *core.Array) { y := w.Mul(x); return y.Square(), y }
	v, g, y := grad.ValueAndGradAux2(f)(core.Scalar[float32](3), core.Scalar[float32](2))
	fmt.Println(v.Item(), g.Item(), y.Item())
	// Output: 36 24 6
}

func ExampleExcept() {
	type model struct{ Body, Head *core.Array }
	loss := func(m model) *core.Array { return m.Body.Mul(m.Head) }
	g := grad.Of(loss, grad.Except("Head"))(model{core.Scalar[float32](2), core.Scalar[float32](3)})
	fmt.Println(g.Body.Item(), g.Head == nil)
	// Output: 3 true
}

// A policy that a flag turns checkpoints off with.
func ExampleSaveAll() {
	f := grad.Checkpoint(func(x *core.Array) *core.Array { return x.Sin().Sum() }, grad.SaveAll())
	fmt.Println(grad.Of(f)(core.Scalar[float32](0)).Item())
	// Output: 1
}

func ExampleSaveNamed() {
	layer := grad.Checkpoint(func(x *core.Array) *core.Array {
		return grad.Name(x.Exp(), "exp").Log().Sum()
	}, grad.SaveNamed("exp"))
	fmt.Println(core.Data[float32](grad.Of(layer)(core.From([]float32{0, 0}))))
	// Output: [1 1]
}
