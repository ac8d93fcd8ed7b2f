package plugins_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/plugins"
	"github.com/adjoint-go/adjoint/plugins/spec"
	"github.com/adjoint-go/adjoint/plugins/store"
)

// build makes the package of the plugin in examples/plugin-square, as its author
// would, and installs it where Load looks for it.
func build() (dir string) {
	dir, err := os.MkdirTemp("", "plugins-example")
	if err != nil {
		panic(err)
	}
	dist, plugins := filepath.Join(dir, "dist"), filepath.Join(dir, "plugins")
	program := filepath.Join(dist, runtime.GOOS+"_"+runtime.GOARCH, "sq")
	run(exec.Command("go", "build", "-o", program, "github.com/adjoint-go/adjoint/examples/plugin-square/square-plugin"))
	run(exec.Command(program, "manifest", dist))
	if _, err := store.Install(context.Background(), store.Installation{Source: dist, Dir: plugins}); err != nil {
		panic(err)
	}
	return plugins
}

func run(cmd *exec.Cmd) {
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		panic(string(out))
	}
}

// A plugin's kernel is called on bytes, without the engine.
func Example() {
	dir := build()
	defer os.RemoveAll(filepath.Dir(dir))
	ctx := context.Background()

	reg, err := plugins.Open(plugins.Options{Dirs: []string{dir}})
	if err != nil {
		panic(err)
	}
	defer reg.Close()
	p, err := reg.Load(ctx, "acme/sq")
	if err != nil {
		panic(err)
	}
	out, err := p.Run(ctx, "square", spec.Of([]int{3}, float32(1), 2, 3))
	if err != nil {
		panic(err)
	}
	fmt.Println(p.ID(), p.Version(), p.Kernels())
	fmt.Println(spec.Values[float32](out[0]))

	_, err = p.Run(ctx, "square", spec.Of([]int{1}, int8(1)))
	fmt.Println(err)
	// Output:
	// acme/sq 1.0.0 [square square_vjp square_jvp square_vjp_vjp]
	// [1 4 9] <nil>
	// plugin acme/sq: kernel square: input x: takes [float32], got int8[1]; convert it first
}

// A kernel is an op on arrays.
func ExampleKernel_Call() {
	dir := build()
	defer os.RemoveAll(filepath.Dir(dir))

	reg, err := plugins.Open(plugins.Options{Dirs: []string{dir}})
	if err != nil {
		panic(err)
	}
	defer reg.Close()
	p, err := reg.Load(context.Background(), "acme/sq")
	if err != nil {
		panic(err)
	}
	square, err := p.Kernel("square")
	if err != nil {
		panic(err)
	}
	x := core.From([]float32{1, 2, 3}, 3)
	y := square.Call(x.Add(x))[0]
	fmt.Println(core.Data[float32](y))
	// Output: [4 16 36]
}
