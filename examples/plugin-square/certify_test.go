package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/examples/internal/certified"
)

// Every kernel is what it says it is.
func TestCertificate(t *testing.T) {
	path, err := build(t.TempDir())
	require.NoError(t, err)
	certified.Program(t, path, 4, 1)
}
