package plugins

import (
	"bytes"
	"slices"
	"strings"
	"sync"
)

const (
	tailBytes = 16 << 10
	tailLines = 20
)

// tail remembers the end of what was written to it, and the last line that says
// why a program ended, in bounded memory: such a line is followed by a stack
// that may be longer than the end that is kept.
type tail struct {
	mu    sync.Mutex
	buf   []byte
	line  []byte // the beginning of the line that is not complete
	cause string
}

// lineStart is how much of a line is looked at for a cause.
const lineStart = 512

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.look(p)
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

func (t *tail) look(p []byte) {
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		part := p
		if end >= 0 {
			part = p[:end]
		}
		t.line = append(t.line, part[:min(len(part), lineStart-len(t.line))]...)
		if end < 0 {
			return
		}
		if isCause(string(t.line)) {
			t.cause = strings.ToValidUTF8(string(t.line), "?")
		}
		t.line, p = t.line[:0], p[end+1:]
	}
}

// isCause knows the lines with which Go's runtime begins its last words.
func isCause(line string) bool {
	for _, start := range []string{"panic: ", "fatal error: ", "SIGSEGV: ", "SIGABRT: ", "SIGBUS: ", "SIGFPE: ", "SIGILL: ", "SIGQUIT: "} {
		if strings.HasPrefix(line, start) {
			return true
		}
	}
	return false
}

// lines returns the last lines, the oldest first; the cause is before them if it
// is not among them.
func (t *tail) lines() []string {
	t.mu.Lock()
	text, cause := strings.ToValidUTF8(string(t.buf), "?"), t.cause
	t.mu.Unlock()
	text = strings.TrimRight(text, "\r\n")
	if text == "" {
		return nil
	}
	lines := strings.Split(text, "\n")
	if len(lines) > tailLines {
		lines = lines[len(lines)-tailLines:]
	}
	if cause != "" && !slices.ContainsFunc(lines, isCause) {
		lines = append([]string{cause}, lines...)
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
