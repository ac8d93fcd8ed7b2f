package scaffold

import (
	"go/format"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// That the module builds and passes its tests is shown by the adjoint command's
// script plugin_new.
func TestWrite(t *testing.T) {
	c := Config{ID: "acme/demo", Dir: filepath.Join(t.TempDir(), "a", "demo"), Version: "v1.2.3", Replace: "../.."}
	require.NoError(t, Write(c))
	text := func(name string) string {
		b, err := os.ReadFile(filepath.Join(c.Dir, name))
		require.NoError(t, err)
		return string(b)
	}
	assert.Contains(t, text("go.mod"), "module example.com/acme/demo\n")
	assert.Contains(t, text("go.mod"), "require github.com/adjoint-go/adjoint v1.2.3\n")
	assert.Contains(t, text("go.mod"), "\tgoogle.golang.org/grpc v")
	assert.Contains(t, text("main.go"), `sdk.New("acme/demo", "0.1.0")`)
	assert.FileExists(t, filepath.Join(c.Dir, ".gitignore"))
	for _, name := range []string{"main.go", "main_test.go"} {
		formatted, err := format.Source([]byte(text(name)))
		require.NoError(t, err)
		assert.Equal(t, string(formatted), text(name), name)
	}
	assert.ErrorContains(t, Write(c), "is not empty")
}

func TestWriteRefuses(t *testing.T) {
	dir := t.TempDir()
	for want, c := range map[string]Config{
		"not of the form org/name":   {ID: "demo", Dir: dir},
		"does not hold the source":   {ID: "acme/demo", Dir: dir, Replace: dir},
		"not a directory":            {ID: "acme/demo", Dir: filepath.Join("doc.go", "x")},
		"does not hold the source o": {ID: "acme/demo", Dir: dir, Replace: filepath.Join(dir, "none")},
	} {
		assert.ErrorContains(t, Write(c), want)
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)
}
