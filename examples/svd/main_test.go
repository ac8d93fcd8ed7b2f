package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFindsTheSingularValues(t *testing.T) {
	worst, err := run(60, 40, 4, 25)
	require.NoError(t, err)
	require.Less(t, worst, 1e-3)
}
