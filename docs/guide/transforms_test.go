package guide_test

import (
	"errors"
	"fmt"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/flow"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

type Line struct{ W, B *core.Array }
type Data struct{ X, Y *core.Array }

func loss(p Line, d Data) *core.Array {
	return d.X.Mul(p.W).Add(p.B).Sub(d.Y).Square().Mean()
}

func line() (Line, Data) {
	return Line{core.Scalar[float32](0), core.Scalar[float32](0)},
		Data{core.From([]float32{0, 1, 2, 3}), core.From([]float32{1, 3, 5, 7})}
}

func Example_gradient() {
	p, d := line()
	l, g := grad.ValueAndGrad2(loss)(p, d) // g is a Line
	fmt.Println(l.Item(), g.W.Item(), g.B.Item())
	// Output: 21 -17 -8
}

func Example_selection() {
	p, d := line()
	g := grad.Of2(loss, grad.Only("W"))(p, d)
	fmt.Println(g.W.Item(), g.B == nil)
	// Output: -17 true
}

func Example_pullback() {
	x := core.From([]float32{1, 2, 3})
	y, pull := grad.VJP(func(x *core.Array) *core.Array { return x.Mul(x) }, x)
	fmt.Println(core.Data[float32](y))
	fmt.Println(core.Data[float32](pull(core.From([]float32{1, 0, 0}))))
	fmt.Println(core.Data[float32](pull(core.From([]float32{0, 0, 1}))))
	// Output:
	// [1 4 9]
	// [2 0 0]
	// [0 0 6]
}

func Example_hessian() {
	f := func(x *core.Array) *core.Array { return x.Mul(x).Mul(x).Sum() }
	x := core.From([]float32{1, 2})
	fmt.Println(core.Data[float32](grad.Hessian(f)(x)))
	fmt.Println(core.Data[float32](grad.HVP(f)(x, core.From([]float32{1, 1}))))
	// Output:
	// [6 0 0 12]
	// [6 12]
}

func Example_perExample() {
	p, d := line()
	perExample := vmap.Of(grad.Of2(loss), vmap.In(nil, 0)) // p whole, d by its first axis
	fmt.Println(core.Data[float32](perExample(p, d).B))
	// Output: [-2 -6 -10 -14]
}

func Example_namedAxis() {
	centre := vmap.Of(func(x *core.Array) *core.Array {
		return x.Sub(vmap.Mean(x, "batch"))
	}, vmap.Name("batch"))
	fmt.Println(core.Data[float32](centre(core.From([]float32{1, 2, 6}))))
	// Output: [-2 -1 3]
}

func Example_composition() {
	p, d := line()
	step := compile.Of(vmap.Of(grad.ValueAndGrad2(loss), vmap.In(nil, 0)))
	l, g := step.Call(p, d)
	fmt.Println(core.Data[float32](l), core.Data[float32](g.B))
	// Output: [1 9 25 49] [-2 -6 -10 -14]
}

func Example_customRule() {
	// The identity, whose gradient is held within ±1.
	clip := grad.Custom(func(x *core.Array) *core.Array { return x },
		grad.WithVJP(func(x, result, ct *core.Array) *core.Array {
			return ct.Clip(core.Scalar[float32](-1), core.Scalar[float32](1))
		}))
	f := func(x *core.Array) *core.Array { return clip(x).MulScalar(10).Sum() }
	fmt.Println(core.Data[float32](grad.Of(f)(core.From([]float32{5, 6}))))
	// Output: [1 1]
}

func Example_scan() {
	// A leaky sum: the state is carried from step to step.
	leaky := func(rate, xs *core.Array) *core.Array {
		_, sums := flow.Scan(func(sum, x *core.Array) (*core.Array, *core.Array) {
			sum = sum.Mul(rate).Add(x)
			return sum, sum
		}, core.Scalar[float32](0), xs)
		return sums
	}
	xs := core.From([]float32{1, 1, 1})
	half := core.Scalar[float32](0.5)
	fmt.Println(core.Data[float32](leaky(half, xs)))
	g := grad.Of(func(rate *core.Array) *core.Array { return leaky(rate, xs).Sum() })(half)
	fmt.Println(g.Item())
	// Output:
	// [1 1.5 1.75]
	// 3
}

func Example_check() {
	f := func(x *core.Array) *core.Array { return x.Tanh().Sum() }
	err := grad.Check(f, core.From([]float32{0.1, -2, 3}), grad.Checking{})
	fmt.Println(err)
	// Output: <nil>
}

func Example_errors() {
	x := core.From([]float32{1, 2, 3})
	_, err := core.Try(func() *core.Array {
		return grad.Of(func(x *core.Array) *core.Array { return x.Square() })(x) // not a scalar
	})
	var e *core.Error
	fmt.Println(errors.As(err, &e), e.Op)
	// Output: true grad.Of
}
