// Svd finds the largest singular values of a matrix by orthogonal iteration:
// multiply a few vectors by AᵀA, make them orthonormal again, repeat.
package main

import (
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"time"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/linalg"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/transforms/compile"
)

// step improves v, whose columns come to span the leading right singular vectors.
func step(a, v *core.Array) *core.Array {
	z := a.T().MatMul(a.MatMul(v))
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

func run(rows, cols, k, n int) (worst float64, err error) {
	defer core.Catch(&err)
	a := matrix(rows, cols, k)
	start := func() *core.Array {
		q, _ := linalg.QR(random.Normal(random.Key(7), core.Float32, cols, k))
		return q.Eval()
	}
	compiled := compile.Of(step)
	slow, eager := iterate(n, start(), func(v *core.Array) *core.Array { return step(a, v) })
	fast, replayed := iterate(n, start(), func(v *core.Array) *core.Array { return compiled.Call(a, v) })

	_, exact, _ := linalg.SVD(a)
	want, got, again := core.Data[float32](exact), core.Data[float32](values(a, fast)), core.Data[float32](values(a, slow))
	fmt.Printf("the %d largest singular values of a %d x %d matrix after %d steps\n", k, rows, cols, n)
	fmt.Printf("  %10s %10s %10s\n", "found", "SVD", "error")
	for i := range got {
		off := math.Abs(float64(got[i]-want[i])) / float64(want[i])
		worst = max(worst, off, math.Abs(float64(got[i]-again[i]))/float64(want[i]))
		fmt.Printf("  %10.6f %10.6f %10.1e\n", got[i], want[i], off)
	}
	fmt.Printf("  one step: eager %.3f ms, compiled %.3f ms\n", eager.Seconds()*1e3, replayed.Seconds()*1e3)
	fmt.Printf("svd: compiled is %.2fx as fast as eager\n", float64(eager)/float64(replayed))
	return worst, nil
}

func main() {
	rows := flag.Int("rows", 512, "rows of the matrix")
	cols := flag.Int("cols", 256, "columns of the matrix")
	k := flag.Int("k", 6, "singular values to find")
	n := flag.Int("n", 30, "steps")
	flag.Parse()
	if *k < 1 || *rows < *k || *cols < *k || *n < 1 {
		fmt.Fprintln(os.Stderr, "svd: --k and --n must be at least 1, --rows and --cols at least --k")
		os.Exit(2)
	}
	if _, err := run(*rows, *cols, *k, *n); err != nil {
		fmt.Fprintln(os.Stderr, "svd:", err)
		os.Exit(1)
	}
}
