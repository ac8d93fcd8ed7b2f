package sample_test

import (
	"fmt"

	"github.com/adjoint-go/adjoint/conformance/internal/sample"
	"github.com/adjoint-go/adjoint/core"
)

func ExampleRow_Invoke() {
	row := sample.Rows()[0]
	leaves := row.Leaves(0, core.Float32)
	var in []sample.Value
	for _, l := range leaves {
		in = append(in, l.Make(sample.Source(1, l.Name)))
	}
	out := sample.Read(row.Invoke(row.Samples[0], sample.Arrays(in)))
	fmt.Println(row.Name, in[0].Spec, in[1].Spec, "→", out[0].Spec)
	// Output:
	// add float32[3 4] float32[3 4] → float32[3 4]
}
