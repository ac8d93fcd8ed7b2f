package loss_test

import (
	"fmt"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/nn/loss"
)

func Example() {
	logits := core.From([]float32{2, 0, 0, 1, 1, 1}, 2, 3)
	classes := core.From([]int{0, 2})
	fmt.Printf("%.4f\n", loss.CrossEntropy(logits, classes, loss.Mean).Item())
	fmt.Printf("%.4f\n", core.Data[float32](loss.CrossEntropy(logits, classes, loss.None)))
	// Output:
	// 0.6691
	// [0.2395 1.0986]
}
