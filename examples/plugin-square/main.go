// Plugin-square calls a kernel that lives in another program, and
// differentiates, maps and compiles it like any op.
//
//	go run ./examples/plugin-square
//	go run ./examples/plugin-square -plugin PATH
//
// Without -plugin it builds square-plugin, which is in the folder beside this
// file, with the go command.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/plugins"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

const pluginPackage = "github.com/adjoint-go/adjoint/examples/plugin-square/square-plugin"

func main() {
	path := flag.String("plugin", "", "the plugin's program; without it, square-plugin is built")
	flag.Parse()
	if err := run(*path, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(path string, out io.Writer) (err error) {
	if path == "" {
		dir, err := os.MkdirTemp("", "plugin-square")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		if path, err = build(dir); err != nil {
			return err
		}
	}
	reg, err := plugins.Open(plugins.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reg.Close()) }()
	p, err := reg.LoadFile(context.Background(), path)
	if err != nil {
		return err
	}
	square, err := p.Kernel("square")
	if err != nil {
		return err
	}
	return show(square, out)
}

// build compiles the plugin as its author would: without a C compiler.
func build(dir string) (string, error) {
	path := filepath.Join(dir, "square-plugin")
	cmd := exec.Command("go", "build", "-o", path, pluginPackage)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w: %s", pluginPackage, err, text)
	}
	return path, nil
}

func show(square *plugins.Kernel, out io.Writer) (err error) {
	defer core.Catch(&err)
	x := core.From([]float32{1, 2, 3}, 3)
	sum := func(x *core.Array) *core.Array { return square.Call(x)[0].Sum() }
	slope := func(x *core.Array) *core.Array { return grad.Of(sum)(x).Sum() }
	each := core.From([]float32{1, 2, 3, 4, 5, 6}, 2, 3)

	fmt.Fprintln(out, "x                ", core.Data[float32](x))
	fmt.Fprintln(out, "square           ", core.Data[float32](square.Call(x)[0]))
	fmt.Fprintln(out, "gradient         ", core.Data[float32](grad.Of(sum)(x)))
	fmt.Fprintln(out, "second derivative", core.Data[float32](grad.Of(slope)(x)))
	fmt.Fprintln(out, "sum of each row  ", core.Data[float32](vmap.Of(sum)(each)))
	fmt.Fprintln(out, "compiled gradient", core.Data[float32](compile.Of(grad.Of(sum)).Call(x)))
	return nil
}
