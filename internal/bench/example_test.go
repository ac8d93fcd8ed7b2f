package bench_test

import (
	"fmt"

	"github.com/adjoint-go/adjoint/internal/bench"
)

func Example() {
	workloads, err := bench.Select("svd3")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, w := range workloads {
		first, _, err := w.Check(bench.Seeded())
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s: %.2f\n", w.Name, first)
	}
	// Output: svd3: [187.07 1.00]
}
