package emulate_test

import (
	"context"
	"fmt"

	"github.com/adjoint-go/adjoint/core/fast/emulate"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

// The second kernel forgets that threads past the end have no element.
func Example() {
	x := spec.Of([]int{4}, float32(1), 2, 3, 4)
	k := emulate.Kernel{Name: "square", Inputs: []string{"x"}, Outputs: []string{"y"}, Source: `
uint i = thread_position_in_grid.x;
if (i >= x_shape[0]) return;
y[i] = x[i] * x[i];
`}
	launch := emulate.Launch{Grid: [3]int{8, 1, 1}, Group: [3]int{8, 1, 1}, Outputs: []spec.Type{x.Type}}
	out, err := k.Run(context.Background(), launch, x)
	if err != nil {
		fmt.Println(err)
		return
	}
	y, err := spec.Values[float32](out[0])
	fmt.Println(y, err)

	k.Source = `
uint i = thread_position_in_grid.x;
y[i] = x[i] * x[i];
`
	_, err = k.Run(context.Background(), launch, x)
	fmt.Println(err)
	// Output:
	// [1 4 9 16] <nil>
	// kernel square: line 3: out of bounds: reads x[4], which has 4 elements (thread [4 0 0])
}
