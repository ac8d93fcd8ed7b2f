package guide_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// lines returns the lines of Go source without their indentation, and with one
// space where there are more.
func lines(src string) string {
	var out []string
	for line := range strings.Lines(src) {
		// gofmt aligns by what stands around a line.
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			out = append(out, line)
		}
	}
	return "\n" + strings.Join(out, "\n") + "\n"
}

// Every piece of Go in the guides is part of an Example, and so has run.
func TestGuidesRun(t *testing.T) {
	sources, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	var all string
	for _, name := range sources {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		all += lines(string(text))
	}
	guides, err := filepath.Glob("*.md")
	require.NoError(t, err)
	require.NotEmpty(t, guides)
	piece := regexp.MustCompile("(?s)```go\n(.*?)```")
	for _, name := range guides {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		found := piece.FindAllStringSubmatch(string(text), -1)
		require.NotEmpty(t, found, name)
		for _, m := range found {
			if !strings.Contains(all, lines(m[1])) {
				t.Errorf("%s: in no Example:\n%s", name, m[1])
			}
		}
	}
}
