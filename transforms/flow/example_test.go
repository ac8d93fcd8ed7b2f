package flow_test

import (
	"fmt"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/flow"
	"github.com/adjoint-go/adjoint/transforms/grad"
)

// A running sum, and what it was before each step.
func ExampleScan() {
	last, before := flow.Scan(func(sum, x *core.Array) (*core.Array, *core.Array) {
		return sum.Add(x), sum
	}, core.Scalar(float32(0)), core.From([]float32{1, 2, 3}))
	fmt.Println(last.Item(), core.Data[float32](before))
	// Output: 6 [0 1 3]
}

// x to the power of 10, and its derivative.
func ExampleFor() {
	power := func(x *core.Array) *core.Array {
		return flow.For(10, func(_, p *core.Array) *core.Array { return p.Mul(x) }, core.Scalar(float32(1)))
	}
	x := core.Scalar(float32(2))
	fmt.Println(power(x).Item(), grad.Of(power)(x).Item())
	// Output: 1024 5120
}

// How often a number can be halved before it is below 1.
func ExampleWhile() {
	type state struct{ X, N *core.Array }
	s := flow.While(
		func(s state) *core.Array { return s.X.GreaterEqual(core.Scalar(float32(1))) },
		func(s state) state { return state{s.X.MulScalar(0.5), s.N.AddScalar(1)} },
		state{core.Scalar(float32(100)), core.Scalar(int32(0))})
	fmt.Println(s.N.Item())
	// Output: 7
}

// A function with two formulas.
func ExampleCond() {
	f := func(x *core.Array) *core.Array {
		return flow.Cond(x.Less(core.Scalar(float32(0))),
			func(x *core.Array) *core.Array { return x.Neg() },
			func(x *core.Array) *core.Array { return x.Square() }, x)
	}
	fmt.Println(f(core.Scalar(float32(-3))).Item(), grad.Of(f)(core.Scalar(float32(3))).Item())
	// Output: 3 6
}
