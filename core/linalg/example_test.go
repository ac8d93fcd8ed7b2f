package linalg_test

import (
	"fmt"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/linalg"
)

func Example() {
	a := core.From([]float32{4, 2, 2, 5}, 2, 2)
	b := core.From([]float32{8, 12})
	x := linalg.Solve(a, b)
	fmt.Println(x)
	fmt.Println(a.MatMul(x))
	fmt.Println(linalg.Cholesky(a))
	fmt.Println(linalg.Norm(b))
	// Output:
	// [1. 2.]
	// [ 8. 12.]
	// [[2. 0.]
	//  [1. 2.]]
	// 14.422205
}
