package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/adjoint-go/adjoint/examples/internal/certified"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Every kernel is what it says it is.
func TestCertificate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gemm")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	text, err := cmd.CombinedOutput()
	require.NoError(t, err, string(text))
	certified.Program(t, path, 6, 6)
}
