package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRun(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run("", &out))
	assert.Equal(t, `x                 [1 2 3]
square            [1 4 9]
gradient          [2 4 6]
second derivative [2 2 2]
sum of each row   [14 77]
compiled gradient [2 4 6]
`, out.String())
}

func TestMissingPlugin(t *testing.T) {
	assert.ErrorContains(t, run("no-such-program", &bytes.Buffer{}), "plugin no-such-program did not start: no such file or directory")
}
