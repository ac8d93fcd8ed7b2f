package main

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/plugins"
	"github.com/adjoint-go/adjoint/plugins/certify"
)

// Every kernel is what it says it is.
func TestCertificate(t *testing.T) {
	path, err := build(t.TempDir())
	require.NoError(t, err)
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
	assert.Len(t, cert.Checked(), 4)
	assert.Equal(t, 1, metal, "kernels whose Metal source was run")
}
