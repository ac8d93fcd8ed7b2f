//go:build mlxpython

package compile_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMLXPythonReadsOurFiles has MLX Python, which `make mlx-check` installs, run
// what is exported.
func TestMLXPythonReadsOurFiles(t *testing.T) {
	folder := t.TempDir()
	for _, s := range exportables() {
		s.save(t, folder)
	}
	out, err := exec.Command(os.Getenv("MLX_PYTHON"), "-B", "testdata/make.py", "check", folder).CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Logf("%s", out)
}
