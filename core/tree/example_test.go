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

// attention keeps its arrays to itself.
type attention struct {
	weight *core.Array
	heads  int
}

type shownAttention struct {
	Weight *core.Array `tree:"weight"`
	Heads  int
}

var _ = tree.Register(
	func(a attention) shownAttention { return shownAttention{a.weight, a.heads} },
	func(s shownAttention) attention { return attention{s.Weight, s.Heads} })

func ExampleRegister() {
	m := []attention{{core.Ones(core.Float32, 2, 2), 4}}
	fmt.Println(tree.Paths(m))
	twice := tree.Map(m, func(a *core.Array) *core.Array { return a.MulScalar(2) })
	fmt.Println(core.Data[float32](twice[0].weight), twice[0].heads)
	// Output:
	// [0.weight]
	// [2 2 2 2] 4
}

func ExampleSpread() {
	m := MLP{Layers: []Linear{{W: core.Ones(core.Float32, 1), B: core.Ones(core.Float32, 1)}, {W: core.Ones(core.Float32, 1)}}}
	rates := tree.Spread(map[string]float64{"": 0.001, "Layers.1": 0.01}, m)
	for _, path := range tree.Paths(m) {
		fmt.Println(path, rates[path])
	}
	// Output:
	// Layers.0.weight 0.001
	// Layers.0.bias 0.001
	// Layers.1.weight 0.01
}

func ExampleMapPath() {
	m := Linear{W: core.Ones(core.Float32, 2), B: core.Ones(core.Float32, 2)}
	out := tree.MapPath(m, func(path string, a *core.Array) *core.Array {
		if path == "bias" {
			return a.ZerosLike()
		}
		return a
	})
	fmt.Println(core.Data[float32](out.W), core.Data[float32](out.B))
	// Output: [1 1] [0 0]
}

func ExampleReduce() {
	m := Linear{W: core.Ones(core.Float32, 2, 3), B: core.Ones(core.Float32, 2)}
	squares := tree.Reduce(m, 0, func(sum float64, a *core.Array) float64 { return sum + a.Square().Sum().Item() })
	fmt.Println(squares)
	// Output: 8
}

func ExampleUnflatten() {
	m := Linear{W: core.Ones(core.Float32, 2), B: core.Ones(core.Float32, 2)}
	arrays := tree.Flatten(m)
	arrays["weight"] = core.From([]float32{3, 4})
	out, err := tree.Unflatten(m, arrays)
	fmt.Println(core.Data[float32](out.W), err)

	delete(arrays, "bias")
	_, err = tree.Unflatten(m, arrays)
	fmt.Println(err != nil)
	// Output:
	// [3 4] <nil>
	// true
}
