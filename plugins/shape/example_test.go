package shape_test

import (
	"fmt"

	"github.com/adjoint-go/adjoint/plugins/shape"
)

func Example() {
	rule, err := shape.Parse("broadcast(x, y) + [2 * dim(y, -1)]", []string{"x", "y"})
	if err != nil {
		panic(err)
	}
	fmt.Println(rule.Shape([][]int{{4, 1}, {3}}))

	_, err = shape.Parse("shape(z)", []string{"x", "y"})
	fmt.Println(err)

	_, err = rule.Shape([][]int{{4, 2}, {3}})
	fmt.Println(err)
	// Output:
	// [4 3 6] <nil>
	// shape: in "shape(z)" at offset 6: there is no function or input "z"
	// shape: "broadcast(x, y) + [2 * dim(y, -1)]": shapes [4 2] and [3] cannot be broadcast together
}

func ExampleParseDType() {
	rule, err := shape.ParseDType("dtype(y)", []string{"x", "y"})
	if err != nil {
		panic(err)
	}
	fmt.Println(rule.DType([]string{"int32", "float32"}))
	// Output: float32 <nil>
}
