package programs_test

import (
	"fmt"

	"github.com/adjoint-go/adjoint/conformance/programs"
)

func ExampleRun() {
	r, err := programs.Run(programs.Options{Programs: 20, Seed: 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.Programs, "programs,", r.Failed, "failed")
	// Output:
	// 20 programs, 0 failed
}
