// Gelu times GELU of a million numbers, run operation by operation and compiled
// into one.
package main

import (
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"time"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/transforms/compile"
)

// gelu is x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))/2, in eight elementwise operations
// (Hendrycks and Gimpel, "Gaussian Error Linear Units", arXiv:1606.08415).
func gelu(x *core.Array) *core.Array {
	k := math.Sqrt(2 / math.Pi)
	inner := x.Square().MulScalar(0.044715 * k).AddScalar(k).Mul(x)
	return inner.Tanh().AddScalar(1).Mul(x).MulScalar(0.5)
}

// times measures calls of f, whose results are freed as they come.
func times(n int, f func() *core.Array) time.Duration {
	var all []time.Duration
	for i := range n + 2 {
		start := time.Now()
		core.TidyDo(func() { f().Eval() })
		if i >= 2 { // the first calls trace and warm up
			all = append(all, time.Since(start))
		}
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func run(side, n int) (err error) {
	defer core.Catch(&err)
	x := random.Normal(random.Key(0), core.Float32, side, side).Eval()
	fused := compile.Of(gelu)
	eager := times(n, func() *core.Array { return gelu(x) })
	compiled := times(n, func() *core.Array { return fused.Call(x) })
	apart := gelu(x).Sub(fused.Call(x)).Abs().Max().Item()

	fmt.Printf("GELU of %d x %d float32, median of %d calls\n", side, side, n)
	fmt.Printf("  eager     %8.3f ms\n", ms(eager))
	fmt.Printf("  compiled  %8.3f ms   traced once in %.3f ms\n", ms(compiled), ms(fused.Stats().TraceTime))
	fmt.Printf("  largest difference %.1e\n", apart)
	fmt.Print(fused.Explain())
	fmt.Printf("gelu: compiled is %.2fx as fast as eager\n", float64(eager)/float64(compiled))
	return nil
}

func ms(d time.Duration) float64 { return d.Seconds() * 1e3 }

func main() {
	side := flag.Int("side", 1024, "rows and columns of the array")
	n := flag.Int("n", 50, "calls to time")
	flag.Parse()
	if *side < 1 || *n < 1 {
		fmt.Fprintln(os.Stderr, "gelu: --side and --n must be at least 1")
		os.Exit(2)
	}
	if err := run(*side, *n); err != nil {
		fmt.Fprintln(os.Stderr, "gelu:", err)
		os.Exit(1)
	}
}
