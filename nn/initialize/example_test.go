package initialize_test

import (
	"fmt"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/nn"
	"github.com/adjoint-go/adjoint/nn/initialize"
)

// A layer is a plain value: give it other weights.
func Example() {
	layer := nn.Linear{
		Weight: initialize.HeNormal(random.Key(0), initialize.FanIn, initialize.ReLUGain, core.Float32, 256, 512),
		Bias:   initialize.Constant(0.1, core.Float32, 256),
	}
	fmt.Printf("%.2f\n", layer.Weight.Std().Item()) // √(2/512)
	// Output: 0.06
}
