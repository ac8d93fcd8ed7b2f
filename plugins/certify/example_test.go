package certify_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/adjoint-go/adjoint/plugins"
	"github.com/adjoint-go/adjoint/plugins/certify"
)

// build compiles the plugin of examples/plugin-square.
func build() (program string, clean func(), err error) {
	dir, err := os.MkdirTemp("", "certify-example")
	if err != nil {
		return "", nil, err
	}
	program = filepath.Join(dir, "square-plugin")
	cmd := exec.Command("go", "build", "-o", program, "github.com/adjoint-go/adjoint/examples/plugin-square/square-plugin")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", nil, fmt.Errorf("%w: %s", err, out)
	}
	return program, func() { _ = os.RemoveAll(dir) }, nil
}

func Example() {
	program, clean, err := build()
	if err != nil {
		panic(err)
	}
	defer clean()
	reg, err := plugins.Open(plugins.Options{})
	if err != nil {
		panic(err)
	}
	defer reg.Close()

	load := func(ctx context.Context) (*plugins.Plugin, error) { return reg.LoadFile(ctx, program) }
	cert, err := certify.Run(context.Background(), load, certify.Options{Quick: true, Kernels: []string{"square"}})
	if err != nil {
		panic(err)
	}
	fmt.Println(cert.Summary())
	fmt.Println(cert.Passed(), cert.MatchesProgram(program))
	// Output:
	// acme/sq 1.0.0: 19 checks passed, 0 failed, 1 not applicable
	// true <nil>
}
