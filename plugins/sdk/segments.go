package sdk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/adjoint-go/adjoint/plugins/internal/shm"
	"github.com/adjoint-go/adjoint/plugins/kernelpb"
)

// segments are the shared memory that a host has given this process.
type segments struct {
	mu      sync.Mutex
	arrived map[uint64]*os.File // over the link, and not attached yet
	mapped  map[uint64]*mapping
	changed chan struct{} // closed, and replaced, when one arrives
	lost    bool          // the link has ended
}

type mapping struct {
	*shm.Segment
	writable bool
	users    int
	detached bool
}

func newSegments() *segments {
	return &segments{arrived: make(map[uint64]*os.File), mapped: make(map[uint64]*mapping), changed: make(chan struct{})}
}

// follow takes descriptors from the link until it ends.
func (s *segments) follow(link *shm.Link) {
	for {
		id, f, err := link.Receive()
		s.mu.Lock()
		if err != nil {
			s.lost = true
		} else if old := s.arrived[id]; old != nil {
			_ = f.Close()
		} else {
			s.arrived[id] = f
		}
		close(s.changed)
		s.changed = make(chan struct{})
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// take waits for the descriptor of a segment.
func (s *segments) take(ctx context.Context, id uint64) (*os.File, error) {
	for {
		s.mu.Lock()
		f, lost, changed := s.arrived[id], s.lost, s.changed
		delete(s.arrived, id)
		s.mu.Unlock()
		if f != nil {
			return f, nil
		}
		if lost {
			return nil, errors.New("the link to the host has ended")
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (s *segments) attach(ctx context.Context, id, size uint64, writable bool) error {
	if id == 0 || size == 0 || size > 1<<40 {
		return fmt.Errorf("segment %d of %d bytes", id, size)
	}
	f, err := s.take(ctx, id)
	if err != nil {
		return fmt.Errorf("segment %d: its descriptor did not come: %w", id, err)
	}
	access := shm.ReadOnly
	if writable {
		access = shm.ReadWrite
	}
	m, err := shm.Map(f, int(size), access)
	if err != nil {
		return fmt.Errorf("segment %d: %w", id, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mapped[id] != nil {
		_ = m.Close()
		return fmt.Errorf("segment %d is attached already", id)
	}
	s.mapped[id] = &mapping{Segment: m, writable: writable}
	return nil
}

// detach forgets a segment. Its memory stays until the last call is done with it.
func (s *segments) detach(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.mapped[id]; m != nil {
		delete(s.mapped, id)
		m.detached = true
		m.end()
	}
}

// end frees what nobody uses. The lock is held.
func (m *mapping) end() {
	if m.detached && m.users == 0 {
		_ = m.Close()
	}
}

// clear forgets all segments.
func (s *segments) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, f := range s.arrived {
		_ = f.Close()
		delete(s.arrived, id)
	}
	for id, m := range s.mapped {
		delete(s.mapped, id)
		m.detached = true
		m.end()
	}
}

// use returns the memory of a place, and what to call when it is done with.
func (s *segments) use(at kernelpb.Place, write bool) ([]byte, func(), error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.mapped[at.Segment]
	switch {
	case m == nil:
		return nil, nil, fmt.Errorf("there is no segment %d", at.Segment)
	case at.Offset > uint64(len(m.Mem)) || at.Length > uint64(len(m.Mem))-at.Offset:
		return nil, nil, fmt.Errorf("%d bytes at %d are past the end of segment %d, which has %d", at.Length, at.Offset, at.Segment, len(m.Mem))
	case at.Offset%kernelpb.Alignment != 0:
		return nil, nil, fmt.Errorf("the offset %d is no multiple of %d", at.Offset, kernelpb.Alignment)
	case write && !m.writable:
		return nil, nil, fmt.Errorf("segment %d is for inputs only", at.Segment)
	}
	m.users++
	done := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		m.users--
		m.end()
	}
	return m.Mem[at.Offset : at.Offset+at.Length : at.Offset+at.Length], done, nil
}
