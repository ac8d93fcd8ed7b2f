package conformance_test

import (
	"fmt"

	"github.com/adjoint-go/adjoint/conformance"
)

func ExampleRun() {
	r, err := conformance.Run(conformance.Options{Run: "^exp/0/float32/(grad|jvp)[:.]"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, k := range r.Kinds {
		if k.Cases > 0 {
			fmt.Println(k.Kind, k.Cases, k.Failed)
		}
	}
	// Output:
	// grad 1 0
	// grad.compiled 1 0
	// jvp 1 0
	// jvp.compiled 1 0
}

func ExampleCases() {
	for _, c := range conformance.Cases(true) {
		if c.Op == "matmul" && c.Index == 0 && !c.Kind.Compiled() {
			fmt.Println(c.Name())
		}
	}
	// Output:
	// matmul/0/float32/eager
	// matmul/0/float32/layout
	// matmul/0/float32/compile
	// matmul/0/float32/export
	// matmul/0/float32/shapeless
	// matmul/0/float32/grad:a
	// matmul/0/float32/jvp:a
	// matmul/0/float32/duality:a
	// matmul/0/float32/second:a
	// matmul/0/float32/vmapgrad:a
	// matmul/0/float32/gradvmap:a
	// matmul/0/float32/grad:b
	// matmul/0/float32/jvp:b
	// matmul/0/float32/duality:b
	// matmul/0/float32/second:b
	// matmul/0/float32/vmapgrad:b
	// matmul/0/float32/gradvmap:b
	// matmul/0/float32/shapeless:grad
	// matmul/0/float32/shapeless:jvp
	// matmul/0/float32/shapeless:vmap
	// matmul/0/float32/duality
	// matmul/0/float32/nested
	// matmul/0/float32/vmap:a@0
	// matmul/0/float32/vmap:b@0
	// matmul/0/float32/vmap:all@0
	// matmul/0/float32/vmap:all@9>-1
	// matmul/0/float32/vmap:all@0*1
}
