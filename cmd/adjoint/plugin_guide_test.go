package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every command of docs/plugins.md is run, in one shell and in order, and every
// file that it shows is written before the command that follows it.
func TestPluginGuide(t *testing.T) {
	text, err := os.ReadFile("../../docs/plugins.md")
	require.NoError(t, err)
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	out, err := exec.Command("go", "build", "-o", filepath.Join(bin, "adjoint"), ".").CombinedOutput()
	require.NoError(t, err, string(out))

	script := "set -euo pipefail\n"
	commands := 0
	for _, m := range regexp.MustCompile("(?s)```(sh|go)\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		if m[1] == "sh" {
			script += m[2]
			commands += strings.Count(m[2], "\n")
			continue
		}
		name, source, ok := strings.Cut(strings.TrimPrefix(m[2], "// "), "\n")
		require.True(t, ok && strings.HasSuffix(name, ".go"), "a piece of Go begins with the name of its file")
		script += "mkdir -p " + filepath.Dir(name) + "\ncat > " + name + " <<'END OF FILE'\n" + source + "END OF FILE\n"
	}
	script += "go vet ./...\n" // the pieces that no command runs
	require.Greater(t, commands, 15)
	cmd := exec.Command("bash", "-c", script)
	cmd.Dir = dir
	plugin := packPlugin(t)
	cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "XDG_DATA_HOME="+filepath.Join(dir, "data"),
		"ADJOINT="+plugin["REPO"], "NPY="+plugin["NPY"], "GOPROXY=off", "GOFLAGS=-mod=mod")
	out, err = cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	for _, want := range []string{
		"kernel    square(x float32) -> y dtype(x) shape(x)", "y.npy: float32[3]", "dx = [  2.  16. -54.]", "[ 2.  4. -6.]",
		"acme/demo 0.1.0: ok, locked", "checks passed, 0 failed", "signed acme/demo 0.1.0", "y = [1. 4. 9.]", "removed acme/demo 0.1.0",
	} {
		assert.Contains(t, string(out), want)
	}
}
