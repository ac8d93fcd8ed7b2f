package fast_test

import (
	"fmt"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/fast"
)

func Example() {
	x := core.From([]float32{1, 2, 3, 4}, 1, 4)
	fmt.Println(fast.RMSNorm(x, nil, 0))
	logits := core.From([]float32{0, 0, 0, 0}, 1, 4)
	fmt.Println(fast.CrossEntropy(logits, core.From([]int32{2})))
	// Output:
	// [[0.36514837 0.73029673 1.0954452  1.4605935 ]]
	// [1.3862944]
}
