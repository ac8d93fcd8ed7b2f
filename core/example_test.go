package core_test

import (
	"errors"
	"fmt"

	"github.com/adjoint-go/adjoint/core"
)

func Example() {
	x := core.From([]float32{1, 2, 3, 4}, 2, 2)
	y := x.MatMul(x).AddScalar(1)
	fmt.Println(y)
	fmt.Println(y.Mean(0), y.Sum())

	_, err := core.Try(func() *core.Array { return x.Add(core.Zeros(core.Float32, 3)) })
	fmt.Println(err != nil)
	// Output:
	// [[ 8. 11.]
	//  [16. 23.]]
	// [12. 17.] 58.0
	// true
}

func ExampleTidy() {
	x := core.Linspace(core.Float32, 0, 1, 5)
	y := core.Tidy(func() *core.Array {
		return x.MulScalar(2).SubScalar(1).Square() // the steps between are freed
	})
	fmt.Println(y)
	// Output: [1.   0.25 0.   0.25 1.  ]
}

func ExampleArray_PadWith() {
	x := core.From([]int32{1, 2, 3})
	fmt.Println(x.Pad([2]int{1, 2}))
	fmt.Println(x.PadWith(core.Padding{Widths: [][2]int{{2, 2}}, Mode: core.PadReflect}))
	// Output:
	// [0 1 2 3 0 0]
	// [3 2 1 2 3 2 1]
}

func ExampleDebug() {
	defer core.Debug(core.DebugOptions{Stacks: true, NaN: true})()
	_, err := core.Try(func() *core.Array {
		x := core.From([]float32{1, -2, 3})
		return x.AddScalar(1).Log().Sum()
	})
	var where *core.NonFiniteError
	if errors.As(err, &where) {
		fmt.Println(where.Op, where.Inputs, "made", where.Made)
	}
	// Output: Log [float32[3]] made NaN
}
