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
	} {
		t.Run(role, func(t *testing.T) {
			reg, self := open(t, role, Options{StartTimeout: time.Second})
			begin := time.Now()
			_, err := reg.LoadFile(t.Context(), self)
			var start *StartError
			require.ErrorAs(t, err, &start)
			assert.Equal(t, self, start.Path)
			assert.ErrorIs(t, err, c.reason)
			assert.ErrorContains(t, err, c.text)
			assert.NotContains(t, err.Error(), "\n")
			assert.Less(t, time.Since(begin), 2*time.Second)
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

// install puts a plugin into a folder as Load expects it.
func install(t *testing.T, dir, id, version string) string {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(id), version, platform(), filepath.Base(id))
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	self, err := os.Executable()
	require.NoError(t, err)
	require.NoError(t, exec.Command("cp", self, path).Run())
	return path
}

func TestDiscovery(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	install(t, one, "acme/test", "1.0.0")
	older := filepath.Join(one, "acme", "test", "0.9.0", platform(), "test")
	require.NoError(t, os.MkdirAll(filepath.Dir(older), 0o700))
	require.NoError(t, os.WriteFile(older, nil, 0o700))
	reg, _ := open(t, "good", Options{Dirs: []string{one, two, filepath.Join(two, "missing")}})

	all, err := reg.List()
	require.NoError(t, err)
	require.Len(t, all, 2)
	assert.Equal(t, "1.0.0", all[0].Version)
	p, err := reg.Load(t.Context(), "acme/test")
	require.NoError(t, err)
	assert.Equal(t, all[0].Path, p.Path())
	same, err := reg.Load(t.Context(), "acme/test@1.0.0")
	require.NoError(t, err)
	assert.Same(t, p, same)

	_, err = reg.Load(t.Context(), "acme/none")
	require.ErrorIs(t, err, ErrNotFound)
	_, err = reg.Load(t.Context(), "acme/test@2.0.0")
	require.ErrorIs(t, err, ErrNotFound)
	for _, bad := range []string{"", "test", "../test/x", "acme/..", "acme/test@", "Acme/test"} {
		_, err = reg.Load(t.Context(), bad)
		assert.ErrorContains(t, err, "is not of the form", bad)
	}

	other := install(t, two, "acme/test", "1.0.0")
	_, err = reg.Load(t.Context(), "acme/test")
	require.ErrorIs(t, err, ErrAmbiguous)
	assert.ErrorContains(t, err, other)
	assert.ErrorContains(t, err, all[0].Path)
}

func TestFolderAndProgramDisagree(t *testing.T) {
	dir := t.TempDir()
	install(t, dir, "acme/test", "3.0.0")
	reg, _ := open(t, "good", Options{Dirs: []string{dir}})
	_, err := reg.Load(t.Context(), "acme/test")
	require.ErrorIs(t, err, ErrDescribe)
	assert.ErrorContains(t, err, "the folder says acme/test 3.0.0, the program acme/test 1.0.0")
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

func TestVersionsAreOrdered(t *testing.T) {
	order := []string{"0.9.9", "1.0.0-rc1", "1.0.0", "1.2.0", "1.10.0", "10.0.0"}
	for i := range order {
		for j := range order {
			got := compareVersions(order[i], order[j])
			switch {
			case i < j:
				assert.Negative(t, got, "%s %s", order[i], order[j])
			case i > j:
				assert.Positive(t, got, "%s %s", order[i], order[j])
			default:
				assert.Zero(t, got)
			}
		}
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
