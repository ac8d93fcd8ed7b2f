package compile_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

// stress is how long the stress test runs; ADJOINT_STRESS=60s asks for the long
// form of it and of the training test.
func stress(t *testing.T) (d time.Duration, long bool) {
	text := os.Getenv("ADJOINT_STRESS")
	if text == "" {
		if testing.Short() {
			return time.Second, false
		}
		return 5 * time.Second, false
	}
	d, err := time.ParseDuration(text)
	require.NoError(t, err)
	return d, true
}

// watchdog ends the test with the stacks of all goroutines when no progress is
// made for a while.
func watchdog(progress *atomic.Int64) (stop func()) {
	done := make(chan struct{})
	go func() {
		last, since := int64(-1), time.Now()
		for {
			select {
			case <-done:
				return
			case <-time.After(time.Second):
			}
			if n := progress.Load(); n != last {
				last, since = n, time.Now()
			} else if time.Since(since) > 60*time.Second {
				_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 2)
				panic("no progress for a minute")
			}
		}
	}()
	return func() { close(done) }
}

// One compiled function, and each transform of it, from 64
// goroutines: exact results, one trace per key, nothing left behind.
func TestBehaviour16_ManyGoroutines(t *testing.T) {
	duration, _ := stress(t)
	f := func(x arr) arr { return x.Mul(x).Add(x).Sum() }
	shared := compile.Of(f)
	small := compile.Of(f, compile.MaxEntries(2))
	shapeless := compile.Of(f, compile.Shapeless())
	var progress, ops atomic.Int64
	work := func(r *rand.Rand) string {
		n := 1 + r.IntN(4)
		v := make([]float32, n)
		value, slope := float32(0), make([]float32, n)
		for i := range v {
			v[i] = float32(r.IntN(16))
			value += v[i]*v[i] + v[i]
			slope[i] = 2*v[i] + 1
		}
		check := func(what string, want []float32, got arr) string {
			if g := floats(got); fmt.Sprint(want) != fmt.Sprint(g) {
				return fmt.Sprintf("%s of %v is %v, not %v", what, v, g, want)
			}
			return ""
		}
		x := vec(v...)
		c := []*compile.Func[func(arr) arr]{shared, small, shapeless}[r.IntN(3)]
		switch r.IntN(10) {
		case 0:
			return check("eager", []float32{value}, f(x))
		case 1, 2:
			return check("compiled", []float32{value}, c.Call(x))
		case 3:
			return check("grad of compiled", slope, grad.Of(c.Call)(x))
		case 4:
			return check("vmap of compiled", []float32{value, value, value}, vmap.Of(c.Call)(core.Stack(0, x, x, x)))
		case 5:
			return check("compile of grad of compiled", slope, compile.Of(grad.Of(c.Call)).Call(x))
		case 6:
			_, pull := grad.VJP(c.Call, x)
			runtime.Gosched()
			return check("pullback", slope, pull(num(1)))
		case 7:
			return core.Tidy(func() string { return check("tidy", []float32{value}, c.Call(x)) })
		case 8:
			y := c.Call(x)
			core.AsyncEval(y)
			x.Free()
			return check("async", []float32{value}, y)
		default:
			_, err := core.Try(func() arr {
				return compile.Of(func(x arr) arr { panic(&core.Error{Op: "planned", Err: core.ErrNil}) }).Call(x)
			})
			if err == nil {
				return "no error"
			}
			return ""
		}
	}
	for i := range 2000 { // warm-up, and the traces that stay
		require.Empty(t, work(rand.New(rand.NewPCG(1, uint64(i)))))
	}
	before, goroutines := settled(), runtime.NumGoroutine()
	stop := watchdog(&progress)
	var wg sync.WaitGroup
	end := time.Now().Add(duration)
	for g := range 64 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(7, uint64(g)))
			for time.Now().Before(end) {
				if bad := work(r); bad != "" {
					t.Error(bad)
					return
				}
				progress.Add(1)
				ops.Add(1)
			}
		})
	}
	wg.Wait()
	stop()
	after := settled()
	t.Logf("%d rounds in %v; active memory %d -> %d bytes", ops.Load(), duration, before, after)
	require.InDelta(t, before, after, 16<<10)
	for range 1000 {
		if runtime.NumGoroutine() > goroutines {
			time.Sleep(10 * time.Millisecond)
		}
	}
	require.LessOrEqual(t, runtime.NumGoroutine(), goroutines)
	require.Equal(t, 4, shared.Stats().Traces, "one trace for each of four sizes")
	require.LessOrEqual(t, small.Stats().Entries, 2)
}

// resident is the process's resident memory in bytes.
func resident(t *testing.T) int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("no /proc on this system")
	}
	for line := range strings.Lines(string(status)) {
		var kb int
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kb); n == 1 {
			return kb << 10
		}
	}
	t.Skip("no VmRSS on this system")
	return 0
}

// Steps of training leak nothing.
func TestBehaviour15_TrainingHoldsItsMemory(t *testing.T) {
	steps, warmUp := 10_000, 2000
	_, long := stress(t)
	if long {
		// Go collects when its own heap has grown, which is thousands of steps
		// apart here; the memory of the machine levels off after a few of them.
		steps, warmUp = 100_000, 50_000
	} else if testing.Short() {
		steps = 2000
	}
	m := newMLP(16, 32, 4)
	x, y := batch(8, 16, 4)
	step := compile.Of(sgd)
	run := func(n int) (last float64) {
		for i := range n {
			if !long && i%200 == 0 {
				settled()
			}
			var l arr
			l, m = step.Call(m, x, y)
			core.Eval(l, m)
			last = l.Item()
		}
		return last
	}
	first := run(1)
	run(warmUp)
	before, active := resident(t), settled()
	last := run(steps)
	after := resident(t)
	t.Logf("%d steps: loss %.4f -> %.4f; resident %.1f -> %.1f MiB; active %d -> %d bytes",
		steps, first, last, float64(before)/(1<<20), float64(after)/(1<<20), active, settled())
	require.Less(t, last, first)
	if !raced {
		require.Less(t, after-before, 8<<20)
	}
	require.InDelta(t, active, settled(), 16<<10)
	require.Equal(t, 1, step.Stats().Traces)
}

func TestBehaviour15_AHundredThousandCallsLeakNothing(t *testing.T) {
	type pair struct{ A, B arr }
	x := pair{vec(1, 2), num(3)}
	plain := compile.Of(func(p pair, k int) pair { return pair{p.A.Mul(p.B), p.B.Add(num(float32(k)))} })
	slope := compile.Of(grad.Of(func(p pair) arr { return p.A.Mul(p.B).Sum() }))
	evicting := compile.Of(func(x arr, k int) arr { return x.Mul(num(float32(k))) }, compile.MaxEntries(2))
	run := func(n int) {
		for i := range n {
			core.TidyDo(func() {
				y := plain.Call(x, i%2)
				slope.Call(y)
				if i%100 == 0 {
					evicting.Call(x.A, i/100%5).Eval()
					core.Eval(y)
				}
			})
		}
	}
	run(1000)
	active, held := settled(), resident(t)
	run(100_000)
	require.InDelta(t, active, settled(), 1<<10)
	if !raced {
		require.Less(t, resident(t)-held, 8<<20)
	}
	require.Equal(t, 2, plain.Stats().Entries)
	require.Equal(t, 1, slope.Stats().Traces)
}
