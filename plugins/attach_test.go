package plugins

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReattach(t *testing.T) {
	leavesNothing(t)
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self, "-debug")
	cmd.Env = append(os.Environ(), modeEnv+"=good", "TMPDIR="+t.TempDir())
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := bufio.NewScanner(out)
	var setting string
	for setting == "" && lines.Scan() {
		if v, ok := strings.CutPrefix(lines.Text(), ReattachEnv+"='"); ok {
			setting = strings.TrimSuffix(v, "'")
		}
	}
	require.NotEmpty(t, setting)
	t.Setenv(ReattachEnv, setting)

	closed, err := Open(Options{})
	require.NoError(t, err)
	_, err = closed.Load(t.Context(), "acme/test")
	require.ErrorIs(t, err, ErrNotFound, "the variable alone does nothing")
	require.NoError(t, closed.Close())

	log := new(strings.Builder)
	logger := hclog.New(&hclog.LoggerOptions{Level: hclog.Warn, Output: log})
	for range 2 {
		reg, err := Open(Options{Reattach: true, Logger: logger})
		require.NoError(t, err)
		p, err := reg.Load(t.Context(), "acme/test")
		require.NoError(t, err)
		assert.Equal(t, cmd.Process.Pid, processOf(t, p))
		large, err := p.Run(t.Context(), "square", large(1<<16))
		require.NoError(t, err, "shared memory")
		assert.Len(t, large[0].Data, 4<<16)
		require.NoError(t, p.Health(t.Context()))
		require.NoError(t, reg.Close())
		assert.True(t, alive(cmd.Process.Pid), "it is not ours to end")
	}

	assert.Contains(t, log.String(), "using a plugin that somebody runs, unverified and without encryption")

	reg, err := Open(Options{Reattach: true})
	require.NoError(t, err)
	p, err := reg.Load(t.Context(), "acme/test")
	require.NoError(t, err)
	require.NoError(t, cmd.Process.Signal(syscall.SIGKILL))
	_ = cmd.Wait()
	_, err = p.Run(t.Context(), "square", vector)
	var crash *CrashError
	require.ErrorAs(t, err, &crash)
	_, err = p.Run(t.Context(), "square", vector)
	var start *StartError
	require.ErrorAs(t, err, &start)
	require.NoError(t, reg.Close())
}

func TestReattachRefusesNonsense(t *testing.T) {
	reg, err := Open(Options{Reattach: true})
	require.NoError(t, err)
	defer reg.Close()
	for _, text := range []string{"x", `{"acme/test":{}}`, `{"acme/test":{"network":"tcp","address":"a","pid":1,"version":1}}`} {
		t.Setenv(ReattachEnv, text)
		_, err := reg.Load(t.Context(), "acme/test")
		assert.ErrorContains(t, err, ReattachEnv)
	}
}
