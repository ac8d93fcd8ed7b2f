package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/adjoint-go/adjoint/plugins"
	"github.com/adjoint-go/adjoint/plugins/certify"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Every kernel is what it says it is.
func TestCertificate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gemm")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	text, err := cmd.CombinedOutput()
	require.NoError(t, err, string(text))
	reg, err := plugins.Open(plugins.Options{})
	require.NoError(t, err)
	defer func() { assert.NoError(t, reg.Close()) }()
	load := func(ctx context.Context) (*plugins.Plugin, error) { return reg.LoadFile(ctx, path) }
	cert, err := certify.Run(t.Context(), load, certify.Options{Seed: 11, Quick: true, EmulateMetal: true})
	require.NoError(t, err)
	metal := 0
	for _, c := range cert.Checks {
		if c.Verdict == certify.Failed || c.Verdict == certify.Error {
			assert.Fail(t, string(c.Verdict), "%s %s: %s, with %s", c.Kernel, c.Name, c.Reason, c.Input)
		}
		if c.Name == "metal" && c.Verdict == certify.Passed {
			metal++
		}
	}
	assert.Len(t, cert.Checked(), 6)
	assert.Equal(t, 6, metal, "kernels whose Metal source was run")
}
