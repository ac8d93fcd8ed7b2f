// Plugin-swiglu trains a small transformer twice: with the gate of its feed-forward
// layers made of ops, and with the gate from a plugin's kernel. Both losses fall
// along the same curve.
//
//	go run ./examples/plugin-swiglu
//	go run ./examples/plugin-swiglu -steps 300 -plugin PATH
//
// The transformer reads its own source. Without -plugin the program builds
// swiglu-plugin, which is in the folder beside this file, with the go command.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/plugins"
	"github.com/adjoint-go/adjoint/transforms/compile"
)

const pluginPackage = "github.com/adjoint-go/adjoint/examples/plugin-swiglu/swiglu-plugin"

func main() {
	path := flag.String("plugin", "", "the plugin's program; without it, swiglu-plugin is built")
	steps := flag.Int("steps", 100, "steps of training")
	flag.Parse()
	if *steps < 1 {
		fmt.Fprintln(os.Stderr, "plugin-swiglu: -steps must be at least 1")
		os.Exit(2)
	}
	if _, err := run(*path, *steps, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run trains and returns the curves of both.
func run(path string, steps int, out io.Writer) (curves [2][]float64, err error) {
	if path == "" {
		dir, err := os.MkdirTemp("", "plugin-swiglu")
		if err != nil {
			return curves, err
		}
		defer os.RemoveAll(dir)
		if path, err = build(dir); err != nil {
			return curves, err
		}
	}
	reg, err := plugins.Open(plugins.Options{})
	if err != nil {
		return curves, err
	}
	defer func() { err = errors.Join(err, reg.Close()) }()
	p, err := reg.LoadFile(context.Background(), path)
	if err != nil {
		return curves, err
	}
	swiglu, err := p.Kernel("swiglu")
	if err != nil {
		return curves, err
	}
	fromPlugin := func(a, b *core.Array) *core.Array { return swiglu.Call(a, b)[0] }
	return compare([2]Gate{builtIn, fromPlugin}, steps, out)
}

// build compiles the plugin as its author would: without a C compiler.
func build(dir string) (string, error) {
	path := filepath.Join(dir, "swiglu-plugin")
	cmd := exec.Command("go", "build", "-o", path, pluginPackage)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w: %s", pluginPackage, err, text)
	}
	return path, nil
}

// compare trains two models that differ in the gate alone, in turns, so that both
// meet the machine in the same mood.
func compare(gates [2]Gate, steps int, out io.Writer) (curves [2][]float64, err error) {
	defer core.Catch(&err)
	var states [2]State
	var fastest [2]time.Duration
	var compiled [2]*compile.Func[func(State, Texts) (State, *core.Array)]
	for i, gate := range gates {
		states[i] = newState(len(alphabet()))
		compiled[i] = compile.Of(training(gate))
		fastest[i] = math.MaxInt64
	}
	fmt.Fprintln(out, "step  ops       plugin")
	worst := 0.0
	for step := range steps {
		t := texts(step)
		for i := range gates {
			start := time.Now()
			next, loss := compiled[i].Call(states[i], t)
			core.Eval(next, loss)
			fastest[i] = min(fastest[i], time.Since(start))
			states[i] = next
			curves[i] = append(curves[i], loss.Item())
		}
		a, b := curves[0][step], curves[1][step]
		worst = max(worst, math.Abs(a-b)/a)
		if step%20 == 0 || step == steps-1 {
			fmt.Fprintf(out, "%4d  %.6f  %.6f\n", step, a, b)
		}
	}
	fmt.Fprintf(out, "the losses differ by %.1e of their size at most\n", worst)
	fmt.Fprintf(out, "a step takes %.2f ms with ops, %.2f ms with the plugin: %.2fx\n",
		fastest[0].Seconds()*1e3, fastest[1].Seconds()*1e3, float64(fastest[1])/float64(fastest[0]))
	return curves, nil
}
