package bench

import (
	"runtime"
	"time"

	"github.com/adjoint-go/adjoint/core"
)

// chain is the number of additions that are recorded before they are evaluated.
const chain = 2000

func dispatchTidy(in *Inputs) job {
	a, b := in.get("x4.a"), in.get("x4.b")
	return calls{chain, func(n int) time.Duration {
		start := time.Now()
		y := core.Tidy(func() *core.Array { return added(a, b, n) })
		took := time.Since(start)
		y.Eval().Free()
		return took
	}}
}

// dispatchCollected lets Go's collector free the arrays. It would rarely run
// within one chain, so its cost is spread over several and a collection is part
// of each batch.
func dispatchCollected(in *Inputs) job {
	a, b := in.get("x4.a"), in.get("x4.b")
	return calls{20 * chain, func(n int) time.Duration {
		var took time.Duration
		for left := n; left > 0; left -= chain {
			start := time.Now()
			y := added(a, b, min(left, chain))
			took += time.Since(start)
			y.Eval()
		}
		start := time.Now()
		runtime.GC()
		return took + time.Since(start)
	}}
}

func added(y, b *core.Array, n int) *core.Array {
	for range n {
		y = y.Add(b)
	}
	return y
}

func evaluated(in *Inputs) job {
	a, b := in.get("x4.a"), in.get("x4.b")
	return calls{chain, func(n int) time.Duration {
		start := time.Now()
		for range n {
			a.Add(b).Eval().Free()
		}
		return time.Since(start)
	}}
}
