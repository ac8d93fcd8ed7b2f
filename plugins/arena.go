package plugins

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"runtime"
	"sync"

	"github.com/adjoint-go/adjoint/plugins/internal/shm"
	"github.com/adjoint-go/adjoint/plugins/kernelpb"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

const (
	smallestSegment = 64 << 10
	// keepIdle is how much shared memory a process keeps for later calls: a first
	// use costs a page fault per 4 KiB, several times the copy itself.
	keepIdle = 512 << 20
)

// arena is the shared memory between the host and one process of a plugin. A
// call has the segments that it uses for itself. They are used again by later
// calls, but never by another process, nor after a call that did not end well:
// who knows whether the plugin still writes there.
type arena struct {
	link    sender
	kernels kernelpb.KernelsClient

	mu     sync.Mutex
	idle   []*segment // the one that was used last at the end
	held   int        // bytes of idle ones
	next   uint64
	all    int // segments that are mapped
	closed bool
}

// sender is a link.
type sender interface {
	Send(id uint64, f *os.File) error
}

// segment is shared memory that the plugin has attached.
type segment struct {
	*shm.Segment
	id     uint64
	access shm.Access // the plugin's
}

// take returns a segment of at least n bytes.
func (a *arena) take(ctx context.Context, n int, access shm.Access) (*segment, error) {
	size := max(smallestSegment, 1<<bits.Len(uint(n-1)))
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return nil, errArenaClosed
	}
	for i := len(a.idle) - 1; i >= 0; i-- {
		if s := a.idle[i]; s.access == access && len(s.Mem) == size {
			a.idle = append(a.idle[:i], a.idle[i+1:]...)
			a.held -= size
			a.mu.Unlock()
			return s, nil
		}
	}
	a.next++
	id := a.next
	a.all++
	a.mu.Unlock()
	s, err := a.attach(ctx, id, size, access)
	if err != nil {
		a.mu.Lock()
		a.all--
		a.mu.Unlock()
		return nil, err
	}
	return s, nil
}

var errArenaClosed = errors.New("plugins: the process is gone")

// attachError is a segment that the plugin did not take.
type attachError struct{ error }

func (a *arena) attach(ctx context.Context, id uint64, size int, access shm.Access) (*segment, error) {
	mem, err := shm.Create(size, access)
	if err != nil {
		return nil, fmt.Errorf("plugins: shared memory: %w", err)
	}
	defer mem.Release()
	if err = a.link.Send(id, mem.File()); err == nil {
		var reply *kernelpb.AttachSegmentResponse
		request := &kernelpb.AttachSegmentRequest{Segment: id, Size: uint64(size), Writable: access == shm.ReadWrite}
		if reply, err = a.kernels.AttachSegment(ctx, request); err == nil {
			if e := reply.GetError(); e != nil {
				err = attachError{errors.New("shared memory: " + oneLine(e.GetMessage()))}
			}
		}
	}
	if err != nil {
		_ = mem.Close()
		return nil, err
	}
	return &segment{Segment: mem, id: id, access: access}, nil
}

// give ends the use of a segment, which later calls may use if the call ended
// well.
func (a *arena) give(s *segment, well bool) {
	var gone []*segment
	a.mu.Lock()
	if a.closed || !well {
		gone = append(gone, s)
	} else {
		a.idle = append(a.idle, s)
		a.held += len(s.Mem)
		for a.held > keepIdle {
			gone = append(gone, a.idle[0])
			a.held -= len(a.idle[0].Mem)
			a.idle = a.idle[1:]
		}
	}
	a.all -= len(gone)
	detach := !a.closed && well
	a.mu.Unlock()
	for _, s := range gone {
		_ = s.Close()
		if detach {
			// Whether it worked does not matter: the number is not used again.
			go a.detach(s.id)
		}
	}
}

func (a *arena) detach(id uint64) {
	ctx, cancel := context.WithTimeout(context.Background(), killAfter)
	defer cancel()
	_, _ = a.kernels.DetachSegment(ctx, &kernelpb.DetachSegmentRequest{Segment: id})
}

// close gives up what no call uses. What one uses is given up with it.
func (a *arena) close() {
	a.mu.Lock()
	idle := a.idle
	a.idle, a.held, a.closed = nil, 0, true
	a.all -= len(idle)
	a.mu.Unlock()
	for _, s := range idle {
		_ = s.Close()
	}
}

// layout places tensors of the types behind one another in a segment; what is
// small travels in the messages. It returns where they are, in segment number 1,
// and the size of the segment, 0 if none is needed.
func layout(types []Type) (refs []kernelpb.Ref, size int, err error) {
	if _, err := spec.Total(types); err != nil {
		return nil, 0, err
	}
	refs = make([]kernelpb.Ref, len(types))
	for i, t := range types {
		refs[i].Type = t
		n, err := t.Bytes()
		if err != nil {
			return nil, 0, err
		}
		if n > kernelpb.InlineLimit {
			refs[i].Place = kernelpb.Place{Segment: 1, Offset: uint64(size), Length: uint64(n)}
			size = (size + n + kernelpb.Alignment - 1) &^ (kernelpb.Alignment - 1)
		}
	}
	return refs, size, nil
}

// parallelCopy is worth its goroutines above this many bytes.
const parallelCopy = 4 << 20

// copyBytes is copy, on up to four cores where it is long.
func copyBytes(dst, src []byte) {
	parts := min(runtime.GOMAXPROCS(0), 4)
	if len(src) < parallelCopy || parts == 1 {
		copy(dst, src)
		return
	}
	step := (len(src)/parts + 4095) &^ 4095
	var wg sync.WaitGroup
	for at := step; at < len(src); at += step {
		end := min(at+step, len(src))
		wg.Go(func() { copy(dst[at:end], src[at:end]) })
	}
	copy(dst, src[:step])
	wg.Wait()
}
