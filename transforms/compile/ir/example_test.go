package ir_test

import (
	"fmt"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/compile"
)

type layer struct{ W, B *core.Array }

// A compiled function shows what it computes, here for arguments that take no
// memory.
func Example() {
	forward := compile.Of(func(l layer, x *core.Array) *core.Array {
		return x.MatMul(l.W).Add(l.B)
	}, compile.Name("forward"))
	l := layer{core.Zeros(core.Float32, 784, 10), core.Zeros(core.Float32, 10)}
	fmt.Print(forward.Program(l, core.Zeros(core.Float32, 128, 784)))
	// Output:
	// program forward: 3 operations
	// inputs
	//   a:f32[784,10]   argument 0 at W
	//   b:f32[10]       argument 0 at B
	//   c:f32[128,784]  argument 1
	// nodes
	//   d:f32[128,10] = Matmul c a  # 2.01 MFLOP
	//   e:f32[128,10] = Broadcast b
	//   f:f32[128,10] = Add d e
	// outputs
	//   f  result 0
	// estimated cost: 2.01 MFLOP, 448 kB moved, 438 kB at the peak
}
