package sdk

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/plugins/internal/shm"
	"github.com/adjoint-go/adjoint/plugins/kernelpb"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

// linked returns a server with a link to it.
func linked(t *testing.T, f func(*Call) error) (*server, *shm.Link) {
	t.Helper()
	b, err := one(f).bind()
	require.NoError(t, err)
	s := newServer(b)
	host, end, err := shm.NewLink()
	require.NoError(t, err)
	link, err := shm.OpenLink(end)
	require.NoError(t, err)
	done := make(chan struct{})
	go func() { defer close(done); s.segments.follow(link) }()
	t.Cleanup(func() { _ = host.Close(); <-done; _ = link.Close(); s.segments.clear() })
	return s, host
}

func give(t *testing.T, s *server, host *shm.Link, id uint64, access shm.Access) *shm.Segment {
	t.Helper()
	m, err := shm.Create(8192, access)
	require.NoError(t, err)
	t.Cleanup(func() { _ = m.Close() })
	// The request may come before the descriptor.
	sent := make(chan error)
	go func() {
		time.Sleep(time.Millisecond)
		sent <- host.Send(id, m.File())
	}()
	reply, err := s.AttachSegment(t.Context(), &kernelpb.AttachSegmentRequest{Segment: id, Size: 8192, Writable: access == shm.ReadWrite})
	require.NoError(t, err)
	require.Nil(t, reply.GetError())
	require.NoError(t, <-sent)
	return m
}

func placed(segment, offset uint64) []*kernelpb.Tensor {
	return kernelpb.RefsToWire([]kernelpb.Ref{{Type: x.Type, Place: kernelpb.Place{Segment: segment, Offset: offset, Length: 8}}})
}

func TestTensorsInSharedMemory(t *testing.T) {
	s, host := linked(t, func(c *Call) error { copy(c.F32Out(0), c.F32In(0)); return c.Err() })
	in, out := give(t, s, host, 1, shm.ReadOnly), give(t, s, host, 2, shm.ReadWrite)
	copy(in.Mem[64:], x.Data)
	copy(out.Mem[128:], "stale contents")
	run := func(in, out []*kernelpb.Tensor) *kernelpb.RunResponse {
		r, err := s.Run(t.Context(), &kernelpb.RunRequest{Kernel: "k", Inputs: in, Outputs: out})
		require.NoError(t, err)
		return r
	}
	r := run(placed(1, 64), placed(2, 128))
	require.Nil(t, r.GetError(), r.GetError().GetMessage())
	assert.Equal(t, x.Data, out.Mem[128:136])
	assert.Equal(t, "ntents", string(out.Mem[136:142]), "no more than the tensor is written")
	refs, err := kernelpb.RefsFromWire(r.GetOutputs(), false)
	require.NoError(t, err)
	assert.Equal(t, kernelpb.Place{Segment: 2, Offset: 128, Length: 8}, refs[0].Place)
	assert.Equal(t, x.Data, run(placed(1, 64), wanted(x.Type)).GetOutputs()[0].GetInline())

	for want, bad := range map[string][2][]*kernelpb.Tensor{
		"there is no segment 9":              {placed(9, 0), placed(2, 0)},
		"past the end of segment 1":          {placed(1, 8192), placed(2, 0)},
		"8 bytes at 18446744073709551552":    {placed(1, math.MaxUint64-63), placed(2, 0)},
		"the offset 4 is no multiple of 64":  {placed(1, 4), placed(2, 0)},
		"segment 1 is for inputs only":       {placed(1, 64), placed(1, 0)},
		"neither inline nor in a region":     {wanted(x.Type), placed(2, 0)},
		"past the end of segment 2, which h": {placed(1, 0), placed(2, 1<<20)},
	} {
		e := run(bad[0], bad[1]).GetError()
		assert.Equal(t, kernelpb.Code_REFUSED, e.GetCode(), want)
		assert.Contains(t, e.GetMessage(), want)
	}
	for _, id := range []uint64{1, 1, 77} {
		_, err = s.DetachSegment(t.Context(), &kernelpb.DetachSegmentRequest{Segment: id})
		require.NoError(t, err)
	}
	assert.Contains(t, run(placed(1, 64), placed(2, 0)).GetError().GetMessage(), "there is no segment 1")
}

func TestOutputsAreZeroAtFirst(t *testing.T) {
	s, host := linked(t, nothing)
	out := give(t, s, host, 2, shm.ReadWrite)
	copy(out.Mem, "stale contents")
	r, err := s.Run(t.Context(), &kernelpb.RunRequest{Kernel: "k", Inputs: inline(x), Outputs: placed(2, 0)})
	require.NoError(t, err)
	require.Nil(t, r.GetError())
	assert.Equal(t, make([]byte, 8), out.Mem[:8])
}

func TestMemoryStaysWhileACallUsesIt(t *testing.T) {
	started, goOn := make(chan struct{}), make(chan struct{})
	s, host := linked(t, func(c *Call) error {
		close(started)
		<-goOn
		copy(c.F32Out(0), c.F32In(0))
		return c.Err()
	})
	in, out := give(t, s, host, 1, shm.ReadOnly), give(t, s, host, 2, shm.ReadWrite)
	copy(in.Mem, x.Data)
	done := make(chan *kernelpb.RunResponse)
	go func() {
		r, _ := s.Run(context.Background(), &kernelpb.RunRequest{Kernel: "k", Inputs: placed(1, 0), Outputs: placed(2, 0)})
		done <- r
	}()
	<-started
	s.segments.detach(1)
	s.segments.detach(2)
	close(goOn)
	assert.Nil(t, (<-done).GetError())
	assert.Equal(t, x.Data, out.Mem[:8])
	assert.Empty(t, s.segments.mapped)
}

func TestSegmentsThatAreRefused(t *testing.T) {
	s, host := linked(t, nothing)
	m := give(t, s, host, 5, shm.ReadOnly)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	attach := func(id, size uint64, writable bool) string {
		r, err := s.AttachSegment(ctx, &kernelpb.AttachSegmentRequest{Segment: id, Size: size, Writable: writable})
		require.NoError(t, err)
		return r.GetError().GetMessage()
	}
	require.NoError(t, host.Send(5, m.File()))
	assert.Contains(t, attach(5, 8192, false), "attached already")
	require.NoError(t, host.Send(6, m.File()))
	assert.Contains(t, attach(6, 8193, false), "a segment of 8192 bytes where 8193 were announced")
	require.NoError(t, host.Send(7, m.File()))
	assert.Contains(t, attach(7, 8192, true), "segment 7: ", "what is sealed cannot be mapped for writing")
	assert.Contains(t, attach(0, 10, false), "segment 0")
	assert.Contains(t, attach(8, 0, false), "of 0 bytes")
	assert.Contains(t, attach(8, math.MaxUint64, false), "segment 8 of")
	assert.Contains(t, attach(8, 10, false), "its descriptor did not come: context deadline exceeded")
	require.NoError(t, host.Close())
	assert.Contains(t, attach(9, 10, false), "segment 9: its descriptor did not come")
}

func TestAttributesOfACall(t *testing.T) {
	p := New("acme/test", "1.0.0")
	var seen []any
	p.Kernel("k").In("x", Float32).Attr("n", 2).Attr("f", 0.5).Attr("b", true).Attr("s", "abc").Out("y", "shape(x)", "dtype(x)").
		CPU(func(c *Call) error {
			seen = []any{c.Int("n"), c.Float("f"), c.Bool("b"), c.Text("s")}
			return c.Err()
		})
	p.Kernel("bad").In("x", Float32).Out("y", "shape(x)", "dtype(x)").CPU(func(c *Call) error { _ = c.Int("n"); return nil })
	_, err := p.Run(t.Context(), "k", x)
	require.NoError(t, err)
	assert.Equal(t, []any{2, 0.5, true, "abc"}, seen)
	_, err = p.RunWith(t.Context(), "k", map[string]any{"n": 7, "f": 2, "s": ""}, x)
	require.NoError(t, err)
	assert.Equal(t, []any{7, 2.0, true, ""}, seen)
	_, err = p.Run(t.Context(), "bad", x)
	assert.ErrorContains(t, err, "there is no attribute n of type int64")
	_, err = p.RunWith(t.Context(), "k", map[string]any{"m": 1}, x)
	var arg *spec.ArgumentError
	require.ErrorAs(t, err, &arg)

	p.Kernel("odd").Attr("a", []int{1}).Out("y", "[1]", "bool").CPU(nothing)
	_, err = p.Manifest()
	assert.ErrorContains(t, err, `kernel odd: attribute a: kind "[]int" is none of int, float, bool and string`)
}
