package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSuiteThatDies stands in for a suite that a case takes down; the command's
// test runs it in a process of its own.
func TestSuiteThatDies(t *testing.T) {
	how := os.Getenv("ADJOINT_TEST_SUITE_DIES")
	if how == "" {
		t.Skip("it is run by TestTheCaseThatTakesTheProcessDownIsNamed")
	}
	trail := os.Args[len(os.Args)-1]
	require.NoError(t, os.WriteFile(trail, []byte("exp/0/float32/eager   \n"), 0o600))
	if how == "exit" {
		os.Exit(2)
	}
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGKILL))
	time.Sleep(time.Minute)
}

func TestTheCaseThatTakesTheProcessDownIsNamed(t *testing.T) {
	for how, said := range map[string]string{"exit": "exit status 2", "signal": "signal: killed"} {
		t.Setenv("ADJOINT_TEST_SUITE_DIES", how)
		var out, errs bytes.Buffer
		cmd := &cobra.Command{}
		cmd.SetContext(t.Context())
		cmd.SetOut(&out)
		cmd.SetErr(&errs)
		err := superviseConformance(cmd, []string{"-test.run=^TestSuiteThatDies$", "--"}, 3)
		assert.EqualError(t, err, "conformance: the case exp/0/float32/eager took the process down ("+said+"); run it alone with: adjoint conformance --run '^exp/0/float32/eager$' --seed 3")
	}
}

func TestWatchEndsACaseThatStays(t *testing.T) {
	trail := filepath.Join(t.TempDir(), "case")
	require.NoError(t, os.WriteFile(trail, []byte("exp/0/float32/eager\n"), 0o600))
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	done := make(chan struct{})
	go func() { watch(ctx, cancel, trail, 20*time.Millisecond); close(done) }()
	select {
	case <-done:
		assert.ErrorIs(t, context.Cause(ctx), errStuck)
	case <-time.After(30 * time.Second):
		require.Fail(t, "the watch did not end")
	}
}
