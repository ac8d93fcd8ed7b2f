package accuracy_test

import (
	"fmt"

	"github.com/adjoint-go/adjoint/conformance/accuracy"
	"github.com/adjoint-go/adjoint/core"
)

func ExampleMeasure() {
	for _, o := range accuracy.Ops() {
		if o.Name != "sqrt" {
			continue
		}
		r, err := accuracy.Measure(o, core.Float16, accuracy.Every(core.Float16), nil, nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(r.Len, "numbers,", r.Errors[0].Misrounded, "roots that are not the nearest")
	}
	// Output: 65536 numbers, 0 roots that are not the nearest
}
