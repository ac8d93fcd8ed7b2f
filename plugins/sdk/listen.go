package sdk

import (
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/adjoint-go/adjoint/plugins/internal/shm"
)

// listener waits for hosts that attach to a plugin which none of them started. It
// stands for the link that a host leaves open in the plugins it starts.
type listener struct {
	path string
	*net.UnixListener
}

func listen(s *segments) (*listener, error) {
	dir, err := os.MkdirTemp("", "plugin-link")
	if err != nil {
		return nil, fmt.Errorf("sdk: %w", err)
	}
	path := filepath.Join(dir, "link")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, fmt.Errorf("sdk: %w", err)
	}
	out := &listener{path: path, UnixListener: l}
	go out.accept(s)
	return out, nil
}

// accept serves one host after the other.
func (l *listener) accept(s *segments) {
	for {
		conn, err := l.AcceptUnix()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.lost = false
		s.mu.Unlock()
		s.follow(shm.LinkOf(conn))
		_ = conn.Close()
		s.clear()
	}
}

func (l *listener) close() {
	_ = l.Close()
	_ = os.RemoveAll(filepath.Dir(l.path))
}
