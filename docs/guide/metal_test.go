package guide_test

import (
	"context"
	"fmt"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/fast"
)

func Example_metalKernel() {
	square := fast.MetalKernel{
		Name: "square", Inputs: []string{"x"}, Outputs: []string{"y"},
		Source: `uint i = thread_position_in_grid.x; y[i] = x[i] * x[i];`,
	}
	x := core.From([]float32{1, 2, 3, 4})
	launch := fast.Launch{Grid: [3]int{4, 1, 1}, Group: [3]int{4, 1, 1}, Outputs: []core.Spec{x.Spec()}}
	y, err := square.Emulate(context.Background(), launch, x)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(core.Data[float32](y[0]), core.Data[float32](x.Square()))
	// Output: [1 4 9 16] [1 4 9 16]
}

func Example_metalKernelWithoutABarrier() {
	sum := fast.MetalKernel{
		Name: "sum", Inputs: []string{"x"}, Outputs: []string{"y"},
		Source: `
threadgroup float part[64];
uint i = thread_index_in_threadgroup;
part[i] = x[i];
for (uint half_width = 32; half_width > 0; half_width /= 2) {
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (i < half_width) part[i] += part[i + half_width];
}
y[i] = part[0];
`}
	x := core.Ones(core.Float32, 64)
	launch := fast.Launch{Grid: [3]int{64, 1, 1}, Group: [3]int{64, 1, 1}, Outputs: []core.Spec{x.Spec()}}
	_, err := sum.Emulate(context.Background(), launch, x)
	fmt.Println(err)
	// Output: kernel sum: line 9: data race: reads part[0], which thread [0 0 0] wrote on line 7, with no barrier between them (thread [1 0 0])
}
