package main

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/examples/internal/certified"
	"github.com/adjoint-go/adjoint/plugins"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

// Every kernel is what it says it is, with the samples and numbers that it declares.
func TestCertificate(t *testing.T) {
	reg, path := open(t)
	require.NoError(t, build(t.Context(), path))
	load := func(ctx context.Context) (*plugins.Plugin, error) { return reg.LoadFile(ctx, path) }
	cert := certified.Quick(t, load)
	for _, c := range cert.Checks {
		if c.Name == "run" {
			assert.Equal(t, "2 samples declared", c.Reason, c.Kernel)
		}
	}
	assert.Len(t, cert.Checked(), 3)
	p, err := load(t.Context())
	require.NoError(t, err)
	k, err := p.Kernel("haversine")
	require.NoError(t, err)
	about := k.Spec()
	assert.Equal(t, "-80..80", about.Inputs[0].Values)
	assert.Equal(t, spec.Sample{Shapes: [][]int{{3, 4, 2}, {3, 4, 2}}, Attrs: map[string]string{"radius_km": "1737.4"}}, about.Samples[3])
}
