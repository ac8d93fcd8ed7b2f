package certified

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/plugins"
	"github.com/adjoint-go/adjoint/plugins/certify"
)

// Quick runs a quick certification of what load gives, also of Metal sources, and
// fails the test for every check that failed. It returns the certificate.
func Quick(t *testing.T, load func(context.Context) (*plugins.Plugin, error)) *certify.Certificate {
	t.Helper()
	cert, err := certify.Run(t.Context(), load, certify.Options{Seed: 11, Quick: true, EmulateMetal: true})
	require.NoError(t, err)
	for _, c := range cert.Checks {
		if c.Verdict == certify.Failed || c.Verdict == certify.Error {
			assert.Fail(t, string(c.Verdict), "%s %s: %s, with %s", c.Kernel, c.Name, c.Reason, c.Input)
		}
	}
	return cert
}

// Program certifies the plugin in the file path, of so many kernels, of which so
// many have a Metal source that was run.
func Program(t *testing.T, path string, kernels, metal int) {
	t.Helper()
	reg, err := plugins.Open(plugins.Options{})
	require.NoError(t, err)
	defer func() { assert.NoError(t, reg.Close()) }()
	cert := Quick(t, func(ctx context.Context) (*plugins.Plugin, error) { return reg.LoadFile(ctx, path) })
	ran := 0
	for _, c := range cert.Checks {
		if c.Name == "metal" && c.Verdict == certify.Passed {
			ran++
		}
	}
	assert.Len(t, cert.Checked(), kernels)
	assert.Equal(t, metal, ran, "kernels whose Metal source was run")
}
