package certify

import (
	"bytes"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/adjoint-go/adjoint/plugins/sdk"
)

// roles are the plugins that the test's program can be. Each of the wrong ones is
// wrong in one way, which one check is there to find.
var roles = map[string]func(){
	"good":          func() { good().Main() },
	"vjp":           func() { derived(2.1, 2, 2).Main() },
	"jvp":           func() { derived(2, 2.1, 2).Main() },
	"duality":       func() { derived(2.004, 1.996, 2).Main() },
	"vmap":          unary(func(c *sdk.Call) { scaled(c, total(c.F32In(0))) }, promised),
	"shape":         narrow,
	"promise":       promise,
	"gradient":      flattened,
	"deterministic": unary(func(c *sdk.Call) { scaled(c, float32(keep(nil))) }, steady),
	"inputs": unary(func(c *sdk.Call) {
		if x := c.F32In(0); len(x) > 0 {
			scaled(c, 2)
			x[0] = 7
		}
	}),
	"memory":     unary(func(c *sdk.Call) { scaled(c, 2); keep(bytes.Repeat([]byte{1}, 4<<10)) }, steady),
	"goroutines": unary(func(c *sdk.Call) { scaled(c, 2); go func() { select {} }() }, steady),
	"files":      unary(func(c *sdk.Call) { scaled(c, 2); f, _ := os.Open(os.DevNull); keep(f) }),
	"processes": unary(func(c *sdk.Call) {
		scaled(c, 2)
		if keep(nil)%20 == 0 {
			_ = exec.Command("/bin/sleep", "60").Start()
		}
	}),
	"cancel": unary(func(c *sdk.Call) {
		if len(c.F32In(0)) > 100_000 {
			time.Sleep(time.Second)
		}
		scaled(c, 2)
	}, steady),
	"concurrent": unary(func(c *sdk.Call) { shared(c) }, steady),
	"empty":      unary(func(c *sdk.Call) { scaled(c, 2); c.F32Out(0)[0] = 2 * c.F32In(0)[0] }, steady),
	"scalar": unary(func(c *sdk.Call) {
		if scaled(c, 2); len(c.In(0).Shape) == 0 {
			c.F32Out(0)[0] = 0
		}
	}, steady),
	"dtypes": twoDTypes,
	"crash": unary(func(c *sdk.Call) {
		if scaled(c, 2); len(c.In(0).Shape) == 2 {
			os.Exit(3)
		}
	}),
	"hang": unary(func(*sdk.Call) { select {} }),
	"metal": unary(func(c *sdk.Call) { scaled(c, 2) }, func(k *sdk.Kernel) {
		k.Metal("uint i = thread_position_in_grid.x; y[i] = 3 * x[i];", sdk.Grid("size(x)"))
	}),
	"bounds": unary(func(c *sdk.Call) { scaled(c, 2) }, func(k *sdk.Kernel) {
		k.Metal("uint i = thread_position_in_grid.x; y[i] = 2 * x[i];", sdk.Grid("size(x) + 1"))
	}),
	"lying dtype": func() { serve(&loose{reply: "dtype"}) },
	"lying shape": func() { serve(&loose{reply: "shape"}) },
	"refuses":     func() { serve(&loose{}) },
	"picky":       picky,
	"mute":        func() { os.Exit(5) },
}

func steady(k *sdk.Kernel)   { k.Deterministic() }
func promised(k *sdk.Kernel) { k.Deterministic().VMap(sdk.BatchLeading) }

// unary is a plugin with one kernel of one input.
func unary(f func(*sdk.Call), more ...func(*sdk.Kernel)) func() {
	return func() {
		p := sdk.New("acme/wrong", "1.0.0")
		k := p.Kernel("k").In("x", sdk.Float32).Out("y", "shape(x)", "dtype(x)").
			CPU(func(c *sdk.Call) error { f(c); return c.Err() })
		for _, m := range more {
			m(k)
		}
		p.Main()
	}
}

func scaled(c *sdk.Call, by float32) {
	x, y := c.F32In(0), c.F32Out(0)
	for i := range y {
		y[i] = by * x[i]
	}
}

func total(x []float32) (sum float32) {
	for _, v := range x {
		sum += v
	}
	return sum
}

var (
	mu      sync.Mutex
	kept    []any
	scratch []float32
)

// keep holds on to v, and returns how much it holds.
func keep(v any) int {
	mu.Lock()
	defer mu.Unlock()
	kept = append(kept, v)
	return len(kept)
}

// shared computes in memory that all calls use.
func shared(c *sdk.Call) {
	mu.Lock()
	scratch = append(scratch[:0], c.F32In(0)...)
	mu.Unlock()
	time.Sleep(time.Millisecond)
	mu.Lock()
	copy(c.F32Out(0), scratch)
	mu.Unlock()
}

// narrow says that it returns one number and returns as many as it gets.
func narrow() {
	p := sdk.New("acme/wrong", "1.0.0")
	p.Kernel("k").In("x", sdk.Float32).Out("y", "[1]", "dtype(x)").CPU(func(c *sdk.Call) error {
		for i, x := range c.F32In(0) {
			c.F32Out(0)[i] = x
		}
		return c.Err()
	})
	p.Main()
}

// promise says that it maps over batches, and its rule does not.
func promise() {
	p := sdk.New("acme/wrong", "1.0.0")
	p.Kernel("k").In("x", sdk.Float32).Out("y", "[dim(x, 0)]", "dtype(x)").VMap(sdk.BatchLeading).CPU(func(c *sdk.Call) error { return c.Err() })
	p.Main()
}

// flattened returns the gradient in another shape.
func flattened() {
	p := sdk.New("acme/wrong", "1.0.0")
	p.Kernel("k").In("x", sdk.Float32).Out("y", "shape(x)", "dtype(x)").VJP("slope").CPU(func(c *sdk.Call) error { scaled(c, 2); return c.Err() })
	p.Kernel("slope").In("x", sdk.Float32).In("d", sdk.Float32).Out("y", "[size(x)]", "dtype(x)").CPU(func(c *sdk.Call) error {
		for i, d := range c.F32In(1) {
			c.F32Out(0)[i] = 2 * d
		}
		return c.Err()
	})
	p.Main()
}

// twoDTypes takes float16 for bfloat16.
func twoDTypes() {
	p := sdk.New("acme/wrong", "1.0.0")
	p.Kernel("k").In("x", sdk.Float32, sdk.BFloat16).Out("y", "shape(x)", "dtype(x)").CPU(func(c *sdk.Call) error {
		if c.In(0).DType == sdk.Float32 {
			scaled(c, 2)
			return c.Err()
		}
		for i, x := range sdk.In[uint16](c, 0) {
			sdk.Out[uint16](c, 0)[i] = x + 1<<10 // doubles a float16
		}
		return c.Err()
	})
	p.Main()
}

// picky is a matrix product that has no samples and takes 7 by 7 matrices only.
func picky() {
	p := sdk.New("acme/wrong", "1.0.0")
	p.Kernel("k").In("x", sdk.Float32).Out("y", "[7 / min(dim(x, 1) / 7, 1)]", "dtype(x)").CPU(func(c *sdk.Call) error { return c.Err() })
	p.Main()
}

// derived is x² with the factors of its gradient, its forward derivative and the
// gradient of those, which are right if they are 2.
func derived(vjp, jvp, second float32) *sdk.Plugin {
	p := sdk.New("acme/wrong", "1.0.0")
	slope := func(name string, by float32) {
		p.Kernel(name).In("x", sdk.Float32).In("d", sdk.Float32).Out("y", "shape(x)", "dtype(x)").VJP("curve").
			CPU(func(c *sdk.Call) error {
				x, d, y := c.F32In(0), c.F32In(1), c.F32Out(0)
				for i := range y {
					y[i] = by * x[i] * d[i]
				}
				return c.Err()
			}).VMap(sdk.BatchLeading).Deterministic()
	}
	p.Kernel("k").In("x", sdk.Float32).Out("y", "shape(x)", "dtype(x)").CPU(func(c *sdk.Call) error {
		x, y := c.F32In(0), c.F32Out(0)
		for i := range y {
			y[i] = x[i] * x[i]
		}
		return c.Err()
	}).VJP("slope").JVP("push").VMap(sdk.BatchLeading).Deterministic().
		Metal("uint i = thread_position_in_grid.x; y[i] = x[i] * x[i];", sdk.Grid("size(x)"))
	slope("slope", vjp)
	slope("push", jvp)
	p.Kernel("curve").In("x", sdk.Float32).In("d", sdk.Float32).In("c", sdk.Float32).
		Out("dx", "shape(x)", "dtype(x)").Out("dd", "shape(x)", "dtype(x)").
		CPU(func(c *sdk.Call) error {
			x, d, ct, dx, dd := c.F32In(0), c.F32In(1), c.F32In(2), c.F32Out(0), c.F32Out(1)
			for i := range dx {
				dx[i], dd[i] = second*d[i]*ct[i], second*x[i]*ct[i]
			}
			return c.Err()
		}).VMap(sdk.BatchLeading).Deterministic()
	return p
}
