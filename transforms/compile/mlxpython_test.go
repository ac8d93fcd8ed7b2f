//go:build mlxpython

package compile_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// python runs make.py.
func python(t *testing.T, args ...string) {
	out, err := exec.Command(os.Getenv("MLX_PYTHON"), append([]string{"-B", "testdata/make.py"}, args...)...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Logf("%s", out)
}

// TestMLXPythonWritesWhatWeRead imports files that it writes now.
func TestMLXPythonWritesWhatWeRead(t *testing.T) {
	folder := t.TempDir()
	python(t, "make", folder)
	checkFiles(t, folder)
}

// TestMLXPythonReadsOurFiles has MLX Python, which `make mlx-check` installs, run
// what is exported.
func TestMLXPythonReadsOurFiles(t *testing.T) {
	folder := t.TempDir()
	for _, s := range exportables() {
		s.save(t, folder)
	}
	python(t, "check", folder)
}
