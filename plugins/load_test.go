package plugins

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestProgramsThatAreNoPlugins(t *testing.T) {
	for role, c := range map[string]struct {
		reason error
		text   string
	}{
		"banner":   {ErrBanner, `"Welcome to the plugin!"`},
		"silent":   {ErrStartTimeout, "it had 1s"},
		"exits":    {ErrNoHandshake, `(exit status 7); it said "cannot find my licence"`},
		"cookie":   {ErrNoHandshake, `(exit status 1); it said`},
		"future":   {ErrProtocol, "the plugin speaks [7], the host [1]"},
		"nameless": {ErrDescribe, "not of the form org/name"},
		"huge":     {ErrDescribe, "larger than max"},
		"twice":    {ErrDescribe, "kernel square: declared twice"},
	} {
		t.Run(role, func(t *testing.T) {
			limit := 30 * time.Second
			if role == "silent" {
				limit = time.Second
			}
			reg, self := open(t, role, Options{StartTimeout: limit})
			_, err := reg.LoadFile(t.Context(), self)
			var start *StartError
			require.ErrorAs(t, err, &start)
			assert.Equal(t, self, start.Path)
			assert.ErrorIs(t, err, c.reason)
			assert.ErrorContains(t, err, c.text)
			assert.NotContains(t, err.Error(), "\n")
			assert.Empty(t, reg.Loaded())
		})
	}
}

func TestPathsThatAreNoPrograms(t *testing.T) {
	reg, self := open(t, "good", Options{})
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	require.NoError(t, os.WriteFile(text, []byte("hello"), 0o600))
	notProgram := filepath.Join(dir, "not-a-program")
	require.NoError(t, os.WriteFile(notProgram, []byte{0, 1, 2}, 0o700))
	open := filepath.Join(dir, "open")
	require.NoError(t, os.Link(self, open), "the test's program and its copy are in one file system")
	for path, want := range map[string]string{
		"":                             "no regular file",
		dir:                            "no regular file",
		filepath.Join(dir, "missing"):  "no such file",
		text:                           "not executable",
		notProgram:                     "exec format error",
		filepath.Join(text, "further"): "not a directory",
	} {
		_, err := reg.LoadFile(t.Context(), path)
		var start *StartError
		require.ErrorAs(t, err, &start, path)
		assert.ErrorContains(t, err, want)
	}
}

func TestWorldWritableProgramIsRefused(t *testing.T) {
	reg, _ := open(t, "good", Options{})
	path := filepath.Join(t.TempDir(), "p")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"), 0o700))
	require.NoError(t, os.Chmod(path, 0o777))
	_, err := reg.LoadFile(t.Context(), path)
	assert.ErrorIs(t, err, os.ErrPermission)
	assert.ErrorContains(t, err, "everybody may write")
}

func TestLoadIsCancelled(t *testing.T) {
	reg, self := open(t, "silent", Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begin := time.Now()
	_, err := reg.LoadFile(ctx, self)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Less(t, time.Since(begin), 2*time.Second)
}

func TestCloseEndsALoad(t *testing.T) {
	reg, self := open(t, "silent", Options{})
	loaded := make(chan error)
	go func() {
		_, err := reg.LoadFile(t.Context(), self)
		loaded <- err
	}()
	require.Eventually(t, func() bool { return len(children(t)) == 1 }, 2*time.Second, time.Millisecond)
	begin := time.Now()
	require.NoError(t, reg.Close())
	assert.Less(t, time.Since(begin), 2*time.Second)
	require.ErrorIs(t, <-loaded, ErrClosed)
	_, err := reg.LoadFile(t.Context(), self)
	require.ErrorIs(t, err, ErrClosed)
	require.NoError(t, reg.Close(), "again")
}

func TestLoadTwiceIsOnePlugin(t *testing.T) {
	reg, self := open(t, "good", Options{})
	var wg sync.WaitGroup
	got := make([]*Plugin, 4)
	for i := range got {
		wg.Go(func() { got[i], _ = reg.LoadFile(t.Context(), self) })
	}
	wg.Wait()
	for _, p := range got {
		require.NotNil(t, p)
		require.Same(t, got[0], p)
	}
	require.NoError(t, got[0].Stop())
	assert.Empty(t, reg.Loaded())
	again, err := reg.LoadFile(t.Context(), self)
	require.NoError(t, err)
	require.NotSame(t, got[0], again)
}

func TestReplacedProgramIsStale(t *testing.T) {
	p := load(t, "good", Options{})
	p.launch.env = append(p.launch.env, modeEnv+"=liar")
	_, err := p.Run(t.Context(), "exits", vector)
	require.Error(t, err)
	_, err = p.Run(t.Context(), "square", vector)
	require.ErrorIs(t, err, ErrStale)
}

func TestOptionsAreChecked(t *testing.T) {
	for _, env := range []string{"", "=x", "A\x00B"} {
		_, err := Open(Options{Env: []string{env}})
		assert.ErrorContains(t, err, "Options.Env")
	}
}

func TestEnvironmentIsShort(t *testing.T) {
	t.Setenv("ADJOINT_TEST_SECRET", "s")
	env := Options{Env: []string{"ADJOINT_TEST_MISSING", "A=b"}}.environment()
	assert.Contains(t, env, "A=b")
	for _, entry := range env {
		assert.NotContains(t, entry, "ADJOINT_TEST_")
		assert.NotContains(t, entry, "HOME=")
	}
}

func TestByHand(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), modeEnv+"=good")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 1, exit.ExitCode())
	assert.Contains(t, string(out), "is a kernel plugin (acme/test 1.0.0)")
	assert.Contains(t, string(out), "manifest")
}
