package replay_test

import (
	"fmt"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/mlxio"
	"github.com/adjoint-go/adjoint/transforms/compile/replay"
)

func ExampleRun() {
	vector := core.Spec{DType: core.Float32, Shape: []int{2}}
	double := &mlxio.FunctionTrace{
		Inputs:  []core.Spec{vector},
		Nodes:   []mlxio.FunctionNode{{Op: "Add", In: []int{0, 0}, Out: []core.Spec{vector}}},
		Outputs: []int{1},
	}
	out := replay.Run("double", double, false, []*core.Array{core.From([]float32{1, 2})})
	fmt.Println(out[0])
	// Output: [2. 4.]
}
