package plugins

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/plugins/kernelpb"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

// A benchmark here measures what it names beside what it is set against, one right
// after the other and the fastest of many, and reports both and their ratio.

// fastest is the shortest of n runs of f.
func fastest(n int, f func()) time.Duration {
	best := time.Hour
	for range n {
		begin := time.Now()
		f()
		best = min(best, time.Since(begin))
	}
	return best
}

func benchPlugin(b *testing.B) *Plugin {
	b.Helper()
	reg, err := Open(Options{Env: []string{modeEnv + "=good"}})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, reg.Close()) })
	self, err := os.Executable()
	require.NoError(b, err)
	p, err := reg.LoadFile(b.Context(), self)
	require.NoError(b, err)
	return p
}

func bytesOf(n int) Tensor {
	t := Tensor{Type: Type{DType: spec.Float32, Shape: []int{n / 4}}, Data: make([]byte, n)}
	for i := range t.Data {
		t.Data[i] = byte(i)
	}
	return t
}

// into is Run into memory that is there already, as an evaluation has it.
func into(b *testing.B, p *Plugin, in Tensor, out []byte) {
	j := job{kernel: "same", in: []Tensor{in}, want: []Type{in.Type}, out: [][]byte{out}}
	if err := p.run(b.Context(), j); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkRoundTrip is a call with 4 KiB in and 4 KiB out.
func BenchmarkRoundTrip(b *testing.B) {
	p := benchPlugin(b)
	in := bytesOf(4 << 10)
	out := make([]byte, len(in.Data))
	var times []float64
	for b.Loop() {
		begin := time.Now()
		into(b, p, in, out)
		times = append(times, float64(time.Since(begin).Microseconds()))
	}
	sort.Float64s(times)
	b.ReportMetric(times[0], "µs-fastest")
	b.ReportMetric(times[len(times)/2], "µs-median")
}

// BenchmarkLargeCall is a call with 64 MiB in and 64 MiB out, beside a copy of both
// within one process, and beside the same bytes in gRPC messages.
func BenchmarkLargeCall(b *testing.B) {
	const size = 64 << 20
	p := benchPlugin(b)
	in := bytesOf(size)
	out := make([]byte, size)
	spare := make([]byte, size)
	copy(spare, in.Data)
	into(b, p, in, out)
	call, both := time.Hour, time.Hour
	for b.Loop() {
		both = min(both, fastest(3, func() { copy(spare, in.Data); copy(out, spare) }))
		call = min(call, fastest(3, func() { into(b, p, in, out) }))
	}
	wire := time.Hour
	proc := p.current.Load()
	request := &kernelpb.RunRequest{Kernel: "same", Outputs: kernelpb.RefsToWire([]kernelpb.Ref{{Type: bytesOf(wirePart).Type}}),
		Inputs: kernelpb.RefsToWire([]kernelpb.Ref{{Type: bytesOf(wirePart).Type, Inline: bytesOf(wirePart).Data}})}
	for range 3 {
		wire = min(wire, fastest(1, func() {
			// In pieces below the limit on messages, four under way at a time.
			var wg sync.WaitGroup
			for lane := range 4 {
				wg.Go(func() {
					for i := lane; i < size/wirePart; i += 4 {
						_, err := proc.kernels.Run(b.Context(), request)
						require.NoError(b, err)
					}
				})
			}
			wg.Wait()
		}))
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(call), "ms-call")
	b.ReportMetric(ms(both), "ms-copies")
	b.ReportMetric(ms(wire), "ms-grpc")
	b.ReportMetric(float64(call)/float64(both), "call/copies")
	b.ReportMetric(float64(wire)/float64(call), "grpc/call")
}

// wirePart is a tensor as large as a message may be.
const wirePart = 4 << 20

// BenchmarkTwoPlugins is two plugins that compute for 50 ms each, in one
// evaluation, beside one of them.
func BenchmarkTwoPlugins(b *testing.B) {
	core.Eval(core.From([]float32{1}, 1))
	reg, err := Open(Options{Env: []string{modeEnv + "=good"}})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, reg.Close()) })
	self, err := os.Executable()
	require.NoError(b, err)
	var kernels []*Kernel
	for i := range 2 {
		path := filepath.Join(b.TempDir(), fmt.Sprint(i))
		require.NoError(b, os.Symlink(self, path))
		p, err := reg.LoadFile(b.Context(), path)
		require.NoError(b, err)
		k, err := p.Kernel("sleeps")
		require.NoError(b, err)
		k, err = k.With(With{Attrs: map[string]any{"ms": 50}})
		require.NoError(b, err)
		kernels = append(kernels, k)
	}
	x := core.From([]float32{1}, 1)
	one, two := time.Hour, time.Hour
	for b.Loop() {
		one = min(one, fastest(1, func() { core.Eval(kernels[0].Call(x)) }))
		two = min(two, fastest(1, func() { core.Eval(kernels[0].Call(x), kernels[1].Call(x)) }))
	}
	b.ReportMetric(float64(two)/float64(one), "two/one")
}

// BenchmarkBesideASlowPlugin is an evaluation of about 0.2 ms while a plugin is at
// work, beside the same when none is.
func BenchmarkBesideASlowPlugin(b *testing.B) {
	core.Eval(core.From([]float32{1}, 1))
	p := benchPlugin(b)
	k, err := p.Kernel("sleeps")
	require.NoError(b, err)
	k, err = k.With(With{Attrs: map[string]any{"ms": 200}})
	require.NoError(b, err)
	x := core.Ones(core.Float32, 96, 96)
	core.Eval(x)
	work := func() {
		y := x
		for range 8 {
			y = y.MatMul(x)
		}
		core.Eval(y)
	}
	alone, beside := time.Hour, time.Hour
	for b.Loop() {
		alone = min(alone, fastest(50, work))
		done := make(chan struct{})
		go func() { defer close(done); core.Eval(k.Call(x)) }()
		time.Sleep(20 * time.Millisecond)
		beside = min(beside, fastest(50, work))
		<-done
	}
	b.ReportMetric(float64(alone.Microseconds()), "µs-alone")
	b.ReportMetric(float64(beside.Microseconds()), "µs-beside")
	b.ReportMetric(float64(beside)/float64(alone), "beside/alone")
}

// BenchmarkStart is from the start of a program to the result of its first call.
func BenchmarkStart(b *testing.B) {
	reg, err := Open(Options{Env: []string{modeEnv + "=good"}})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, reg.Close()) })
	self, err := os.Executable()
	require.NoError(b, err)
	best := time.Hour
	for b.Loop() {
		var p *Plugin
		best = min(best, fastest(1, func() {
			p, err = reg.LoadFile(b.Context(), self)
			require.NoError(b, err)
			_, err = p.Run(b.Context(), "square", vector)
			require.NoError(b, err)
		}))
		require.NoError(b, p.Stop())
	}
	b.ReportMetric(float64(best.Milliseconds()), "ms-fastest")
}
