package sdk_test

import (
	"context"
	"fmt"

	"github.com/adjoint-go/adjoint/plugins/sdk"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

func Example() {
	p := sdk.New("acme/sq", "1.0.0")
	p.Kernel("square").
		In("x", sdk.Float32).
		Out("y", "shape(x)", "dtype(x)").
		CPU(func(c *sdk.Call) error {
			x, y := c.F32In(0), c.F32Out(0)
			for i := range y {
				y[i] = x[i] * x[i]
			}
			return c.Err()
		}).
		VMap(sdk.BatchLeading)

	// A program ends with p.Main(); a test calls the kernel directly.
	out, err := p.Run(context.Background(), "square", spec.Of([]int{3}, float32(1), 2, 3))
	if err != nil {
		panic(err)
	}
	fmt.Println(out[0].Type)
	fmt.Println(spec.Values[float32](out[0]))

	_, err = p.Run(context.Background(), "square", spec.Of([]int{1}, int32(1)))
	fmt.Println(err)
	// Output:
	// float32[3]
	// [1 4 9] <nil>
	// kernel square: input x: takes [float32], got int32[1]; convert it first
}
