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
	// [0.73673135 0.8317471  0.913492  ]
	// [0.28517026 0.6119449  0.17565258]
	// [[0 6 1 9]
	//  [1 7 7 4]]
}

func ExampleState() {
	s := random.NewState(1)
	for range 2 {
		fmt.Println(random.Normal(s.Next(), core.Float32, 3))
	}
	// Output:
	// [0.5111581  2.276135   0.23958704]
	// [ 0.02543826 -0.41744712 -1.784342  ]
}
