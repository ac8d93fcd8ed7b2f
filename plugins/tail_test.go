package plugins

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTailKeepsTheEnd(t *testing.T) {
	var x tail
	assert.Empty(t, x.lines())
	for i := range 10000 {
		_, _ = fmt.Fprintf(&x, "line %d\n", i)
	}
	lines := x.lines()
	require.Len(t, lines, tailLines)
	assert.Equal(t, "line 9999", lines[tailLines-1])
	_, _ = x.Write([]byte(strings.Repeat("y", 3*tailBytes)))
	assert.Len(t, x.buf, tailBytes)
	assert.LessOrEqual(t, len(x.line), lineStart)
}

func TestTailKeepsTheCause(t *testing.T) {
	var x tail
	_, _ = x.Write([]byte("before\npan"))
	_, _ = x.Write([]byte("ic: broken\xff\n"))
	for range 5000 {
		_, _ = x.Write([]byte("\tat some.go:1\n"))
	}
	lines := x.lines()
	assert.Equal(t, "panic: broken?", lines[0])
	assert.Len(t, lines, tailLines+1)
	assert.Equal(t, "panic: broken?", telling(lines))
	assert.Equal(t, "last", telling([]string{"first", "last", "  "}))
}

func TestHeadKeepsTheFirstLine(t *testing.T) {
	var h head
	_, _ = h.Write([]byte("wel"))
	_, _ = h.Write([]byte("come\nto all\n"))
	assert.Equal(t, "welcome", h.line())
	var long head
	_, _ = long.Write(make([]byte, 10*tailBytes))
	assert.Len(t, long.line(), tailBytes)
}
