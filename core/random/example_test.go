package random_test

import (
	"fmt"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/random"
)

func Example() {
	key := random.Key(42)
	first, second := random.Split(key)
	fmt.Println(random.Uniform(first, 0, 1, core.Float32, 3))
	fmt.Println(random.Uniform(second, 0, 1, core.Float32, 3))
	fmt.Println(random.RandInt(first, 0, 10, core.Int32, 2, 4))
	// Output:
}

func ExampleState() {
	s := random.NewState(1)
	for range 2 {
		fmt.Println(random.Normal(s.Next(), core.Float32, 3))
	}
	// Output:
}
