package plugins

import (
	"bytes"
	"math"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/plugins/internal/shm"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

// large returns a tensor that travels in shared memory.
func large(n int) Tensor {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(i%1000) - 500
	}
	return spec.Of([]int{n}, v...)
}

func squares(t *testing.T, in Tensor) []float32 {
	t.Helper()
	v, err := spec.Values[float32](in)
	require.NoError(t, err)
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = x * x
	}
	return out
}

func TestTensorsOfEverySize(t *testing.T) {
	p := load(t, "good", Options{})
	for _, n := range []int{4095, 4096, 4097, 1 << 14, 1<<14 + 1, 1 << 20, 3<<20 + 5} {
		in := large(n)
		out, err := p.Run(t.Context(), "square", in)
		require.NoError(t, err, n)
		got, err := spec.Values[float32](out[0])
		require.NoError(t, err)
		assert.Equal(t, squares(t, in), got, n)
		assert.Equal(t, large(n).Data, in.Data, "the input is not changed")
	}
	x, d := large(5000), large(5000)
	out, err := p.Run(t.Context(), "curve", x, d, large(5000))
	require.NoError(t, err, "several tensors in each segment")
	require.Len(t, out, 2)
	want := squares(t, x)
	for i, v := range want {
		want[i] = 2 * v
	}
	for _, o := range out {
		got, err := spec.Values[float32](o)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}

func TestBitsPassThroughSharedMemory(t *testing.T) {
	p := load(t, "good", Options{})
	in := large(10000)
	v, err := spec.Values[float32](in)
	require.NoError(t, err)
	odd := []float32{
		math.Float32frombits(0x7fa12345), math.Float32frombits(0xffffffff), float32(math.Inf(1)), float32(math.Inf(-1)),
		float32(math.Copysign(0, -1)), 1e-45,
	}
	for i := range v {
		v[i] = odd[i%len(odd)]
	}
	out, err := p.Run(t.Context(), "same", in)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(in.Data, out[0].Data))
}

func TestSegmentsAreUsedAgain(t *testing.T) {
	p := load(t, "good", Options{})
	for range 20 {
		_, err := p.Run(t.Context(), "square", large(1<<16))
		require.NoError(t, err)
	}
	a := p.current.Load().arena
	assert.Equal(t, 2, a.all, "one for inputs, one for outputs")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			in := large(1<<16 + i)
			out, err := p.Run(t.Context(), "square", in)
			if assert.NoError(t, err) {
				got, _ := spec.Values[float32](out[0])
				assert.Equal(t, squares(t, in), got)
			}
		})
	}
	wg.Wait()
	assert.LessOrEqual(t, a.all, 2+16)
}

func TestIdleMemoryIsBounded(t *testing.T) {
	p := load(t, "good", Options{})
	proc := p.current.Load()
	var taken []*segment
	for range 5 {
		s, err := proc.arena.take(t.Context(), keepIdle/4, shm.ReadOnly)
		require.NoError(t, err)
		taken = append(taken, s)
	}
	for _, s := range taken {
		proc.arena.give(s, true)
	}
	assert.Equal(t, keepIdle, proc.arena.held)
	assert.Equal(t, 4, proc.arena.all)
	assert.Equal(t, 4, segmentsMapped(t))
}

func TestMemoryOfAHungCallIsNotUsedAgain(t *testing.T) {
	p := load(t, "good", Options{})
	_, err := p.Run(t.Context(), "square", large(1<<16))
	require.NoError(t, err)
	old := p.current.Load().arena
	p.options.CallTimeout = 200 * time.Millisecond
	_, err = p.Run(t.Context(), "hangs", large(1<<16))
	var late *TimeoutError
	require.ErrorAs(t, err, &late)
	require.True(t, late.Killed)
	p.options.CallTimeout = time.Minute
	_, err = p.Run(t.Context(), "square", large(1<<16))
	require.NoError(t, err)
	assert.NotSame(t, old, p.current.Load().arena)
	assert.Zero(t, old.all, "all of it is given up")
	assert.Equal(t, 2, segmentsMapped(t))
	_, err = old.take(t.Context(), 1, shm.ReadOnly)
	assert.ErrorIs(t, err, errArenaClosed)
}

func TestMemoryAfterABadReplyIsNotUsedAgain(t *testing.T) {
	p := load(t, "liar", Options{})
	_, err := p.Run(t.Context(), "right", large(1<<16))
	require.NoError(t, err)
	a := p.current.Load().arena
	assert.Equal(t, 2, a.all)
	_, err = p.Run(t.Context(), "past", large(1<<16))
	require.Error(t, err)
	assert.Zero(t, a.all)
}

func TestPlacesThatAreNone(t *testing.T) {
	p := load(t, "liar", Options{})
	in := large(1 << 16)
	for kernel, want := range map[string]string{
		"past":      "past its end of 262144 bytes",
		"wrap":      "past its end of 262144 bytes",
		"elsewhere": "in segment 1099511627776 at 0 where the host asked for it in segment",
		"moved":     "at 64, past its end of 262144 bytes, where the host asked",
		"inline":    "in the message where the host asked for it in segment",
		"half":      "needs 262144 bytes, its region",
	} {
		_, err := p.Run(t.Context(), kernel, in)
		var reply *ReplyError
		require.ErrorAs(t, err, &reply, kernel)
		assert.Equal(t, kernel, reply.Kernel)
		assert.ErrorContains(t, err, want, kernel)
	}
	_, err := p.Run(t.Context(), "notbool", Tensor{Type: Type{DType: spec.Bool, Shape: []int{1 << 17}}, Data: make([]byte, 1<<17)})
	var reply *ReplyError
	require.ErrorAs(t, err, &reply)
	assert.ErrorContains(t, err, "element 5 of bool[131072] is 9")
	out, err := p.Run(t.Context(), "right", in)
	require.NoError(t, err)
	assert.Equal(t, in.Data, out[0].Data)
}

func TestSealsHold(t *testing.T) {
	if runtime.GOOS != "linux" {
		return
	}
	p := load(t, "liar", Options{})
	out, err := p.Run(t.Context(), "shrink", large(1<<16))
	require.NoError(t, err)
	v, err := spec.Values[float32](out[0])
	require.NoError(t, err)
	assert.Empty(t, string(out[0].Data[4:4+int(v[0])]), "what a plugin could do to shared memory")
}

func TestOutputsAreTheHostsOwn(t *testing.T) {
	p := load(t, "liar", Options{})
	out, err := p.Run(t.Context(), "scribble", large(1<<20))
	require.NoError(t, err)
	before := bytes.Clone(out[0].Data)
	a := p.current.Load().arena
	i := slices.IndexFunc(a.idle, func(s *segment) bool { return s.access == shm.ReadWrite })
	first := a.idle[i].Mem[100]
	soon(t, "the old contents", func() bool { return a.idle[i].Mem[100] != first })
	for range 10 {
		require.True(t, bytes.Equal(before, out[0].Data), "the plugin still writes, but not here")
		time.Sleep(5 * time.Millisecond)
	}
}

func TestSharedMemoryIsRefused(t *testing.T) {
	p := load(t, "refuser", Options{})
	_, err := p.Run(t.Context(), "right", large(1<<16))
	var reply *ReplyError
	require.ErrorAs(t, err, &reply)
	assert.ErrorContains(t, err, "shared memory: no room for that")
}

func TestSharedMemoryIsNotAttached(t *testing.T) {
	p := load(t, "deaf", Options{CallTimeout: 300 * time.Millisecond})
	begin := time.Now()
	_, err := p.Run(t.Context(), "right", large(1<<16))
	var late *TimeoutError
	require.ErrorAs(t, err, &late)
	assert.Less(t, time.Since(begin), 3*time.Second)
}

func TestVastRepliesTakeNoMemory(t *testing.T) {
	p := load(t, "liar", Options{})
	before := resident(t)
	_, err := p.Run(t.Context(), "flood", vector)
	assert.ErrorContains(t, err, "larger than the protocol allows")
	_, err = p.Run(t.Context(), "vast")
	assert.ErrorContains(t, err, "larger than the protocol allows")
	assert.Less(t, resident(t), before+64<<20)
	// To end a process of that size takes the system a while.
	proc := p.current.Load()
	proc.kill("the test is over")
	<-proc.gone
}

func TestVastDescriptionTakesNoMemory(t *testing.T) {
	reg, self := open(t, "vast", Options{StartTimeout: time.Minute})
	before := resident(t)
	_, err := reg.LoadFile(t.Context(), self)
	require.ErrorIs(t, err, ErrDescribe)
	assert.Less(t, resident(t), before+64<<20)
}

// resident returns the most memory that Go has ever had from the system.
func resident(t *testing.T) int {
	t.Helper()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapSys)
}

func TestWritingToAnInputIsAnError(t *testing.T) {
	p := load(t, "good", Options{})
	before := processOf(t, p)
	_, err := p.Run(t.Context(), "greedy", large(1<<16))
	var failed *KernelError
	require.ErrorAs(t, err, &failed)
	assert.True(t, failed.Panicked)
	assert.Contains(t, failed.Message, "it wrote to its input 0; inputs can only be read")
	assert.Equal(t, before, processOf(t, p), "the process lives on")
}

func TestCopyBytes(t *testing.T) {
	src := make([]byte, 3*parallelCopy+4097)
	for i := range src {
		src[i] = byte(i * 31 >> 3)
	}
	for _, n := range []int{0, 1, parallelCopy - 1, parallelCopy, parallelCopy + 1, len(src)} {
		dst := make([]byte, n+1)
		copyBytes(dst, src[:n])
		assert.True(t, bytes.Equal(src[:n], dst[:n]), n)
		assert.Zero(t, dst[n])
	}
}
