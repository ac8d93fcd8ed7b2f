package quant_test

import (
	"fmt"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/quant"
)

func Example() {
	weights := core.Arange(core.Float32, 0, 128, 1).Reshape(2, 64).Sin()
	w, scales, biases := quant.Quantize(weights, 64, 4)
	fmt.Println(weights.NBytes(), "bytes become", w.NBytes()+scales.NBytes()+biases.NBytes())
	back := quant.Dequantize(w, scales, biases, 64, 4)
	fmt.Println("worst error below a step:", back.Sub(weights).Abs().Max().Item() < scales.Abs().Max().Item())
	x := core.Ones(core.Float32, 1, 64)
	fmt.Println("same product:", quant.MatMul(x, w, scales, biases, 64, 4).IsCloseWith(x.MatMul(back.T()), 1e-4, 1e-4, false).All())
	// Output:
	// 512 bytes become 80
	// worst error below a step: true
	// same product: True
}
