package install_test

import (
	"fmt"

	"github.com/adjoint-go/adjoint/internal/install"
)

// The choice of a backend is a function of what was seen of the machine.
func ExamplePick() {
	backend, why, err := install.Pick(install.Host{GOOS: "linux", GOARCH: "amd64", Driver: "570.86.15", CUDA: true})
	fmt.Println(backend, err)
	fmt.Println(why)
	// Output:
	// cuda12 <nil>
	// the NVIDIA driver 570.86.15 is older than 580
}
