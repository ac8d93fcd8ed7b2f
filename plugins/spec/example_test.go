package spec_test

import (
	"fmt"

	"github.com/adjoint-go/adjoint/plugins/spec"
)

func Example() {
	outer := spec.Kernel{
		Name: "outer",
		Inputs: []spec.Input{
			{Name: "x", DTypes: []spec.DType{spec.Float32}},
			{Name: "y", DTypes: []spec.DType{spec.Float32}},
		},
		Outputs: []spec.Output{{Name: "z", Shape: "[size(x), size(y)]", DType: "dtype(x)"}},
	}
	sig, err := spec.Compile(outer)
	if err != nil {
		panic(err)
	}
	vector := func(n int) spec.Type { return spec.Type{DType: spec.Float32, Shape: []int{n}} }
	fmt.Println(sig.Infer([]spec.Type{vector(3), vector(4)}))

	_, err = sig.Infer([]spec.Type{vector(3), {DType: spec.Int32, Shape: []int{4}}})
	fmt.Println(err)
	// Output:
	// [float32[3, 4]] <nil>
	// kernel outer: input y: takes [float32], got int32[4]; convert it first
}
