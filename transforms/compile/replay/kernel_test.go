package replay

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/mlxio"
)

// A GPU kernel is made by MLX's importer. What does so is tried with an operation
// that runs everywhere.
func TestAnOperationMadeByTheImporter(t *testing.T) {
	spec := core.Spec{DType: core.Float32, Shape: []int{2, 3}}
	n := &mlxio.FunctionNode{Op: "Transpose", State: []any{[]int{1, 0}}, Out: []core.Spec{{DType: core.Float32, Shape: []int{3, 2}}}}
	x := core.From([]float32{1, 2, 3, 4, 5, 6}, spec.Shape...)
	c := call{node: n, op: "test", in: []*core.Array{x}}
	for range 3 {
		require.Equal(t, []float32{1, 4, 2, 5, 3, 6}, core.Data[float32](c.asRecorded(core.CPU)[0]))
	}
	done := make(chan []float32)
	go core.Using(core.NewStream(core.CPU), func() { done <- core.Data[float32](c.asRecorded(core.CPU)[0].Neg()) })
	require.Equal(t, []float32{-1, -4, -2, -5, -3, -6}, <-done)

	n.Op = "Nothing"
	_, err := core.Try(func() *core.Array { return c.asRecorded(core.CPU)[0] })
	require.ErrorContains(t, err, "the format has no such operation")
}

func TestAKernelNeedsAGPU(t *testing.T) {
	kernel := mlxio.FunctionNode{Op: Kernel, In: []int{0}, Out: []core.Spec{{DType: core.Float32, Shape: []int{2}}}}
	tr := &mlxio.FunctionTrace{Inputs: kernel.Out, Nodes: []mlxio.FunctionNode{kernel}, Outputs: []int{1}}
	if slices.Contains(core.Devices(), core.GPU) {
		t.Skip("there is a GPU")
	}
	_, err := core.Try(func() *core.Array { return Run("test", tr, false, []*core.Array{core.From([]float32{1, 2})})[0] })
	require.ErrorContains(t, err, "node 0 (CustomKernel): it runs on a GPU, and there is none here")
}
