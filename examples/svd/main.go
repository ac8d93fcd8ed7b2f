// Svd finds the largest singular values of a matrix by orthogonal iteration:
// multiply a few vectors by AᵀA, make them orthonormal again, repeat. The two products
// are made by ops, and by the kernels of a plugin, eagerly and compiled.
//
//	go run ./examples/svd
//	go run ./examples/svd -plugin PATH
//
// Without -plugin it builds plugin-gemm with the go command.
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
	"slices"
	"time"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/linalg"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/plugins"
	"github.com/adjoint-go/adjoint/transforms/compile"
)

const pluginPackage = "github.com/adjoint-go/adjoint/examples/plugin-gemm"

// Products are the two of a step: AV and AᵀB.
type Products struct {
	AV, ATB func(a, b *core.Array) *core.Array
}

// ops multiplies by MLX.
var ops = Products{
	AV:  func(a, v *core.Array) *core.Array { return a.MatMul(v) },
	ATB: func(a, b *core.Array) *core.Array { return a.T().MatMul(b) },
}

// kernels multiplies by the plugin.
func kernels(p *plugins.Plugin) (Products, error) {
	av, err := p.Kernel("gemm_av")
	if err != nil {
		return Products{}, err
	}
	atb, err := p.Kernel("gemm_at_b")
	return Products{
		AV:  func(a, v *core.Array) *core.Array { return av.Call(a, v)[0] },
		ATB: func(a, b *core.Array) *core.Array { return atb.Call(a, b)[0] },
	}, err
}

// step improves v, whose columns come to span the leading right singular vectors.
func (p Products) step(a, v *core.Array) *core.Array {
	z := p.ATB(a, p.AV(a, v))
	q, _ := linalg.QR(z)
	return q
}

// values are the singular values of a along v.
func values(a, v *core.Array) *core.Array { return a.MatMul(v).Square().Sum(0).Sqrt() }

// iterate runs n steps and returns v and the median time of one.
func iterate(n int, v *core.Array, f func(v *core.Array) *core.Array) (*core.Array, time.Duration) {
	var all []time.Duration
	for range n {
		start := time.Now()
		next := f(v).Eval()
		all = append(all, time.Since(start))
		v.Free()
		v = next
	}
	slices.Sort(all)
	return v, all[len(all)/2]
}

// matrix has singular values 1, 1/2, 1/4, … beside noise.
func matrix(rows, cols, k int) *core.Array {
	keys := random.SplitN(random.Key(0), 3)
	u, _ := linalg.QR(random.Normal(keys.Index(0), core.Float32, rows, k))
	w, _ := linalg.QR(random.Normal(keys.Index(1), core.Float32, cols, k))
	s := make([]float32, k)
	for i := range s {
		s[i] = float32(math.Pow(2, -float64(i)))
	}
	noise := random.NormalWith(keys.Index(2), 0, 1e-4, core.Float32, rows, cols)
	return u.Mul(core.From(s)).MatMul(w.T()).Add(noise).Eval()
}

// way is one way to make a step, and what came of it.
type way struct {
	name   string
	step   func(a, v *core.Array) *core.Array
	time   time.Duration
	values []float32
}

// run finds singular values in four ways and returns the largest relative error of
// any.
func run(path string, rows, cols, k, n int, out io.Writer) (worst float64, err error) {
	if path == "" {
		dir, err := os.MkdirTemp("", "svd")
		if err != nil {
			return 0, err
		}
		defer os.RemoveAll(dir)
		if path, err = build(dir); err != nil {
			return 0, err
		}
	}
	reg, err := plugins.Open(plugins.Options{})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, reg.Close()) }()
	p, err := reg.LoadFile(context.Background(), path)
	if err != nil {
		return 0, err
	}
	plugin, err := kernels(p)
	if err != nil {
		return 0, err
	}
	return compare([]*way{
		{name: "ops, eager", step: ops.step},
		{name: "ops, compiled", step: compile.Of(ops.step).Call},
		{name: "plugin, eager", step: plugin.step},
		{name: "plugin, compiled", step: compile.Of(plugin.step).Call},
	}, rows, cols, k, n, out)
}

// build compiles the plugin as its author would: without a C compiler.
func build(dir string) (string, error) {
	path := filepath.Join(dir, "plugin-gemm")
	cmd := exec.Command("go", "build", "-o", path, pluginPackage)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w: %s", pluginPackage, err, text)
	}
	return path, nil
}

func compare(ways []*way, rows, cols, k, n int, out io.Writer) (worst float64, err error) {
	defer core.Catch(&err)
	a := matrix(rows, cols, k)
	for _, w := range ways {
		q, _ := linalg.QR(random.Normal(random.Key(7), core.Float32, cols, k))
		var v *core.Array
		v, w.time = iterate(n, q.Eval(), func(v *core.Array) *core.Array { return w.step(a, v) })
		w.values = core.Data[float32](values(a, v))
	}
	_, exact, _ := linalg.SVD(a)
	want := core.Data[float32](exact)
	fmt.Fprintf(out, "the %d largest singular values of a %d x %d matrix after %d steps\n", k, rows, cols, n)
	fmt.Fprintf(out, "  %10s %10s %10s\n", "found", "SVD", "error")
	for i := range k {
		for _, w := range ways {
			worst = max(worst, math.Abs(float64(w.values[i]-want[i]))/float64(want[i]))
		}
		got := ways[0].values[i]
		fmt.Fprintf(out, "  %10.6f %10.6f %10.1e\n", got, want[i], math.Abs(float64(got-want[i]))/float64(want[i]))
	}
	fmt.Fprintf(out, "  %-18s %10s %10s\n", "a step by", "ms", "ratio")
	for _, w := range ways {
		fmt.Fprintf(out, "  %-18s %10.3f %10.2f\n", w.name, w.time.Seconds()*1e3, float64(w.time)/float64(ways[0].time))
	}
	fmt.Fprintf(out, "svd: compiled is %.2fx as fast as eager, the plugin takes %.2fx the time of ops\n",
		float64(ways[0].time)/float64(ways[1].time), float64(ways[3].time)/float64(ways[1].time))
	return worst, nil
}

func main() {
	path := flag.String("plugin", "", "the plugin's program; without it, plugin-gemm is built")
	rows := flag.Int("rows", 512, "rows of the matrix")
	cols := flag.Int("cols", 256, "columns of the matrix")
	k := flag.Int("k", 6, "singular values to find")
	n := flag.Int("n", 30, "steps")
	flag.Parse()
	if *k < 1 || *rows < *k || *cols < *k || *n < 1 {
		fmt.Fprintln(os.Stderr, "svd: --k and --n must be at least 1, --rows and --cols at least --k")
		os.Exit(2)
	}
	if _, err := run(*path, *rows, *cols, *k, *n, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "svd:", err)
		os.Exit(1)
	}
}
