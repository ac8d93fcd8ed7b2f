package grad_test

import (
	"fmt"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/grad"
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
