package conformance_test

import (
	"fmt"

	"github.com/adjoint-go/adjoint/conformance"
)

func ExampleRun() {
	r, err := conformance.Run(conformance.Options{Run: "^exp/0/float32/"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, k := range r.Kinds {
		fmt.Println(k.Kind, k.Cases, k.Failed)
	}
	// Output:
	// eager 1 0
	// layout 1 0
	// compile 1 0
	// grad 1 0
	// compiledgrad 1 0
	// jvp 1 0
	// vmap 2 0
}

func ExampleCases() {
	for _, c := range conformance.Cases(true) {
		if c.Op == "matmul" && c.Index == 0 {
			fmt.Println(c.Name())
		}
	}
	// Output:
	// matmul/0/float32/eager
	// matmul/0/float32/layout
	// matmul/0/float32/compile
	// matmul/0/float32/grad:a
	// matmul/0/float32/grad:b
	// matmul/0/float32/compiledgrad
	// matmul/0/float32/jvp
	// matmul/0/float32/vmap:a
	// matmul/0/float32/vmap:b
	// matmul/0/float32/vmap:all
}
