package plugins

import (
	"strings"
	"sync"
)

const (
	tailBytes = 16 << 10
	tailLines = 20
)

// tail remembers the end of what was written to it, in bounded memory.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(p) > tailBytes {
		t.buf = append(t.buf[:0], p[len(p)-tailBytes:]...)
		return len(p), nil
	}
	if over := len(t.buf) + len(p) - tailBytes; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	t.buf = append(t.buf, p...)
	return len(p), nil
}

// lines returns the last lines, the oldest first.
func (t *tail) lines() []string {
	t.mu.Lock()
	text := strings.ToValidUTF8(string(t.buf), "?")
	t.mu.Unlock()
	text = strings.TrimRight(text, "\r\n")
	if text == "" {
		return nil
	}
	lines := strings.Split(text, "\n")
	if len(lines) > tailLines {
		lines = lines[len(lines)-tailLines:]
	}
	return lines
}

// head remembers the first line that passes through it, in bounded memory.
type head struct {
	mu   sync.Mutex
	buf  []byte
	done bool
}

func (h *head) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range p {
		if h.done {
			break
		}
		if h.done = c == '\n' || len(h.buf) == tailBytes; !h.done {
			h.buf = append(h.buf, c)
		}
	}
	return len(p), nil
}

func (h *head) line() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.ToValidUTF8(string(h.buf), "?")
}
