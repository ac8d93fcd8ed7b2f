package cxx

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFind(t *testing.T) {
	dir := t.TempDir()
	c, err := Find(t.Context(), dir)
	require.NoError(t, err)
	assert.NotEmpty(t, c.Version)

	source := filepath.Join(dir, "broken.cpp")
	require.NoError(t, os.WriteFile(source, []byte("int f() { return x; }\n"), 0o644))
	said, err := c.Run(t.Context(), "-std=c++20", "-fsyntax-only", source)
	require.Error(t, err)
	assert.Contains(t, FirstError(said), "error: ")
	assert.NotContains(t, FirstError(said), "\n")
}

func TestThereIsNone(t *testing.T) {
	for _, name := range []string{"/bin/false", "/nowhere/c++"} {
		t.Setenv("CXX", name)
		_, err := Find(t.Context(), t.TempDir())
		var none *NotFoundError
		require.ErrorAs(t, err, &none)
		assert.Contains(t, err.Error(), "no C++20 compiler: tried "+name)
	}
}

func TestFirstErrorIsShort(t *testing.T) {
	assert.Equal(t, "a: error: b", FirstError("note\na: error: b\nc: error: d\n"))
	assert.Equal(t, "last", FirstError("first\nlast\n"))
	assert.Equal(t, "nothing", FirstError(""))
	assert.Less(t, len(FirstError("error: "+strings.Repeat("x", 5000))), 500)
}
