package tree_test

import (
	"fmt"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/tree"
)

type Linear struct {
	W *core.Array `tree:"weight"`
	B *core.Array `tree:"bias"`
}

type MLP struct {
	Layers []Linear
	Act    string
}

func Example() {
	m := MLP{Act: "relu", Layers: []Linear{
		{W: core.Ones(core.Float32, 2, 3), B: core.Zeros(core.Float32, 3)},
		{W: core.Ones(core.Float32, 3, 1)}, // no bias
	}}
	for path, a := range tree.All(m) {
		fmt.Println(path, a.Shape())
	}
	fmt.Println(tree.Size(m), "parameters")

	half := tree.Map(m, func(a *core.Array) *core.Array { return a.AsType(core.Float16) })
	fmt.Println(half.Layers[1].W.DType(), m.Layers[1].W.DType())
	// Output:
	// Layers.0.weight [2 3]
	// Layers.0.bias [3]
	// Layers.1.weight [3 1]
	// 12 parameters
	// float16 float32
}

func ExampleOnly() {
	m := MLP{Layers: []Linear{{W: core.Ones(core.Float32, 1)}, {W: core.Ones(core.Float32, 1)}}}
	head, body := tree.Only(m, "Layers.1"), tree.Except(m, "Layers.1")
	fmt.Println(tree.Paths(head), tree.Paths(body), tree.Paths(tree.Merge(head, body)))
	// Output: [Layers.1.weight] [Layers.0.weight] [Layers.0.weight Layers.1.weight]
}

func ExampleRavel() {
	m := Linear{W: core.From([]float32{1, 2, 3, 4}, 2, 2), B: core.From([]float32{5, 6})}
	v, unravel := tree.Ravel(m)
	fmt.Println(v.Shape())
	fmt.Println(core.Data[float32](unravel(v.Square()).B))
	// Output:
	// [6]
	// [25 36]
}
