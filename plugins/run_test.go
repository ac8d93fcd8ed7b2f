package plugins

import (
	"context"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/plugins/spec"
)

var vector = spec.Of([]int{2}, float32(3), -4)

func TestRun(t *testing.T) {
	p := load(t, "good", Options{})
	assert.Equal(t, "acme/test", p.ID())
	assert.Equal(t, "1.0.0", p.Version())
	assert.Contains(t, p.Kernels(), "square")
	out, err := p.Run(t.Context(), "square", vector)
	require.NoError(t, err)
	y, err := spec.Values[float32](out[0])
	require.NoError(t, err)
	assert.Equal(t, []float32{9, 16}, y)
	require.NoError(t, p.Health(t.Context()))
}

func TestBitsPass(t *testing.T) {
	p := load(t, "good", Options{})
	nan := math.Float32frombits(0x7fa12345)
	for _, in := range []Tensor{
		spec.Of([]int{5}, nan, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.Copysign(0, -1)), 1e-45),
		spec.Of([]int{}, complex64(complex(1, -2))),
		spec.Of([]int{0, 3}, []float64{}...),
		spec.Of([]int{3, 1, 2}, int64(math.MinInt64), 1, 2, 3, 4, math.MaxInt64),
		{Type: Type{DType: spec.BFloat16, Shape: []int{1}}, Data: []byte{1, 0xff}},
		{Type: Type{DType: spec.Bool, Shape: []int{2}}, Data: []byte{1, 0}},
		{Type: Type{DType: spec.Float32, Shape: []int{3 << 20}}, Data: make([]byte, 12<<20)}, // above gRPC's usual limit
	} {
		out, err := p.Run(t.Context(), "same", in)
		require.NoError(t, err, in.Type)
		assert.True(t, out[0].Equal(in.Type), in.Type)
		assert.Equal(t, len(in.Data), len(out[0].Data))
		assert.Equal(t, string(in.Data), string(out[0].Data))
	}
}

func TestBadCallsAreRefused(t *testing.T) {
	p := load(t, "good", Options{})
	_, err := p.Run(t.Context(), "sqare", vector)
	var unknown *UnknownKernelError
	require.ErrorAs(t, err, &unknown)
	assert.ErrorContains(t, err, `plugin acme/test has no kernel "sqare"; it has square, slope`)
	for want, in := range map[string][]Tensor{
		"takes 1 inputs [x], got 0":                     nil,
		"takes 1 inputs [x], got 2":                     {vector, vector},
		"kernel square: input x: takes [float32], got ": {spec.Of([]int{1}, int32(1))},
		"needs 8 bytes, has 0":                          {{Type: vector.Type}},
		"is no dtype":                                   {{}},
		"negative size on axis 0":                       {{Type: Type{DType: spec.Float32, Shape: []int{-1}}}},
		"above the limit of 1024 MiB":                   {{Type: Type{DType: spec.Float32, Shape: []int{math.MaxInt, 2}}}},
	} {
		_, err := p.Run(t.Context(), "square", in...)
		var bad *spec.ArgumentError
		require.ErrorAs(t, err, &bad, want)
		assert.ErrorContains(t, err, want)
	}
	big := Type{DType: spec.Float32, Shape: []int{1 << 20}}
	_, err = p.Infer(t.Context(), "add", Type{DType: spec.Float32, Shape: []int{1 << 20, 1}}, big)
	var size *spec.SizeError
	require.ErrorAs(t, err, &size, "the outputs, too, have a limit")
	require.NoError(t, p.Health(t.Context()), "a refused call must not hurt the process")
}

func TestKernelErrors(t *testing.T) {
	p := load(t, "good", Options{})
	_, err := p.Run(t.Context(), "fails", vector)
	var failed *KernelError
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, "plugin acme/test: kernel fails: the disk is full", err.Error())
	assert.False(t, failed.Panicked)
	_, err = p.Run(t.Context(), "panics", vector)
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, "plugin acme/test: kernel panics: kernel panics panicked: a bug", err.Error())
	assert.True(t, failed.Panicked)
	assert.Contains(t, failed.Message, "roles_test.go", "the stack is there for who wants it")
	_, err = p.Run(t.Context(), "lights", vector)
	var reply *ReplyError
	require.ErrorAs(t, err, &reply)
	assert.ErrorContains(t, err, "a bool is 0 or 1")
}

func TestOutputsThatThePluginInfers(t *testing.T) {
	p := load(t, "good", Options{})
	for range 2 {
		out, err := p.Run(t.Context(), "count", vector)
		require.NoError(t, err)
		assert.Equal(t, []int{3}, out[0].Shape)
		v, err := spec.Values[int64](out[0])
		require.NoError(t, err)
		assert.Equal(t, []int64{42, 0, 0}, v)
	}
	assert.EqualValues(t, 3, p.calls.Load(), "one question and two runs")
	_, err := p.Run(t.Context(), "count", spec.Of([]int{}, float32(1)))
	assert.ErrorContains(t, err, "plugin acme/test: kernel count: count wants a vector")
}

func TestLies(t *testing.T) {
	p := load(t, "liar", Options{})
	for kernel, want := range map[string]string{
		"none":     "0 outputs where the kernel declares 1",
		"twice":    "2 outputs where the kernel declares 1",
		"dtype":    "output 0 is int32[2] where the kernel's rules say float32[2]",
		"shape":    "output 0 is float32[2, 1] where",
		"short":    "needs 8 bytes, has 4",
		"long":     "needs 8 bytes, has 12",
		"negative": "negative size on axis 0",
		"overflow": "above the limit",
		"enormous": "above the limit",
		"empty":    "without a type",
		"status":   "Unknown: this is not how errors travel",
		"places":   "in segment 1 at 0 where the host asked for it in the message",
	} {
		_, err := p.Run(t.Context(), kernel, vector)
		var reply *ReplyError
		require.ErrorAs(t, err, &reply, kernel)
		assert.ErrorContains(t, err, "plugin acme/liar: kernel "+kernel+": bad reply: ")
		assert.ErrorContains(t, err, want, kernel)
		assert.NotContains(t, err.Error(), "\n")
	}
	_, err := p.Run(t.Context(), "asks")
	var reply *ReplyError
	require.ErrorAs(t, err, &reply)
	assert.ErrorContains(t, err, "negative size")
	require.NoError(t, p.Health(t.Context()))
}

func TestCallsRunTogether(t *testing.T) {
	p := load(t, "good", Options{})
	begin := time.Now()
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() { _, errs[i] = p.Run(t.Context(), "slow", vector) })
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	assert.Less(t, time.Since(begin), 8*150*time.Millisecond)
}

func TestOutputBesideTheProtocol(t *testing.T) {
	p := load(t, "good", Options{})
	_, err := p.Run(t.Context(), "longline", vector)
	require.NoError(t, err, "200 KiB without a line break, on descriptor 1 and on os.Stdout")
	_, err = p.Run(t.Context(), "square", vector)
	require.NoError(t, err)
}

func TestFloodOfStandardError(t *testing.T) {
	reg, self := open(t, "flooding", Options{})
	flooded, err := reg.LoadFile(t.Context(), self)
	require.NoError(t, err, "40 MiB on standard error")
	kept := &flooded.current.Load().runner.tail
	kept.mu.Lock()
	defer kept.mu.Unlock()
	assert.LessOrEqual(t, len(kept.buf), tailBytes)
}

func TestDeadlines(t *testing.T) {
	p := load(t, "good", Options{})
	before := processOf(t, p)

	_, err := runFor(t, p, "waits", 100*time.Millisecond)
	var late *TimeoutError
	require.ErrorAs(t, err, &late)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.False(t, late.Killed)
	assert.ErrorContains(t, err, "plugin acme/test: kernel waits: no result after 1")
	assert.Equal(t, before, processOf(t, p), "a kernel that stops when asked keeps its process")

	begin := time.Now()
	_, err = runFor(t, p, "hangs", 100*time.Millisecond)
	require.ErrorAs(t, err, &late)
	assert.True(t, late.Killed)
	assert.ErrorContains(t, err, "it did not stop when asked and was killed")
	assert.Less(t, time.Since(begin), time.Second)
	assert.NotEqual(t, before, processOf(t, p), "a kernel that hangs does not")

	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	_, err = p.Run(ctx, "waits", vector)
	require.ErrorAs(t, err, &late)
	require.ErrorIs(t, err, context.Canceled)
	assert.ErrorContains(t, err, "cancelled after")

	_, err = p.Run(ctx, "square", vector)
	require.ErrorIs(t, err, context.Canceled, "a context that has ended already")
}

func TestCallTimeout(t *testing.T) {
	p := load(t, "good", Options{CallTimeout: 300 * time.Millisecond})
	_, err := p.Run(t.Context(), "waits", vector)
	var late *TimeoutError
	require.ErrorAs(t, err, &late)
	assert.GreaterOrEqual(t, late.After, 300*time.Millisecond)
}

func runFor(t *testing.T, p *Plugin, kernel string, limit time.Duration) ([]Tensor, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	return p.Run(ctx, kernel, vector)
}

// processOf returns the number of the plugin's process, asking itself.
func processOf(t *testing.T, p *Plugin) int {
	t.Helper()
	out, err := p.Run(t.Context(), "pid", vector)
	require.NoError(t, err)
	v, err := spec.Values[float32](out[0])
	require.NoError(t, err)
	return int(v[0])
}

func TestUncheckedCallsReachThePlugin(t *testing.T) {
	p := load(t, "good", Options{})
	assert.True(t, alive(p.PID()))
	x := spec.Of([]int{2}, float32(3), -1)
	out, err := p.RunUnchecked(t.Context(), "square", nil, []Tensor{x}, []Type{x.Type})
	require.NoError(t, err)
	assert.Equal(t, []Tensor{spec.Of([]int{2}, float32(9), 1)}, out)
	for name, call := range map[string]struct {
		in   []Tensor
		want Type
	}{
		"another dtype":  {[]Tensor{spec.Of([]int{2}, int32(3), -1)}, x.Type},
		"too few inputs": {nil, x.Type},
		"another output": {[]Tensor{x}, Type{DType: spec.Float32, Shape: []int{3}}},
	} {
		var refused *KernelError
		_, err := p.RunUnchecked(t.Context(), "square", nil, call.in, []Type{call.want})
		require.ErrorAs(t, err, &refused, name)
		assert.True(t, refused.Refused, name)
	}
	var arg *spec.ArgumentError
	_, err = p.RunUnchecked(t.Context(), "square", map[string]any{"none": 1}, []Tensor{x}, []Type{x.Type})
	require.ErrorAs(t, err, &arg)
	require.NoError(t, p.Stop())
	assert.Zero(t, p.PID())
}
