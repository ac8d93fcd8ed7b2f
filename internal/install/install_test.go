package install

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/adjoint-go/adjoint/internal/engine/native"
)

// A test of a killed setup runs this binary again, as that setup.
const killedHome = "ADJOINT_TEST_KILLED_HOME"

func TestMain(m *testing.M) {
	if home := os.Getenv(killedHome); home != "" {
		_, err := Run(context.Background(), Config{Home: home, Backend: native.CPU, install: new(fakeInstalls).install})
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

func leftovers(t *testing.T, home string) []string {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(native.EnginesDir(home), temporary+"*"))
	require.NoError(t, err)
	return left
}

func TestRunMakesAnEngineOnce(t *testing.T) {
	c, installs := fakeConfig(t)
	var out bytes.Buffer
	c.Out = &out
	var checked string
	c.Check = func(_ context.Context, dir string) error {
		checked = dir
		_, err := native.Check(dir, true)
		return err
	}
	r, err := Run(t.Context(), c)
	require.NoError(t, err)
	assert.False(t, r.Already)
	assert.Equal(t, native.Dir(c.Home, native.CPU), r.Dir)
	assert.NotEqual(t, r.Dir, checked, "the check comes before the engine is in place")
	assert.Contains(t, out.String(), "compiling the native sources")

	dir, m, err := native.LocateIn(c.Home, "")
	require.NoError(t, err)
	assert.Equal(t, r.Dir, dir)
	assert.Equal(t, "fake c++ 1.0", m.Compiler)
	assert.Equal(t, native.LibDir+"/"+fakeBLAS, m.Library(native.RoleBLAS))
	assert.Equal(t, native.LibDir+"/"+fakeLAPACK, m.Library(native.RoleLAPACK))
	assert.NoDirExists(t, filepath.Join(dir, "build"))
	assert.NoDirExists(t, filepath.Join(dir, "mlx", "include"))
	var roles []string
	for _, l := range m.Load {
		roles = append(roles, l.Role)
	}
	assert.Equal(t, []string{"openblas", "blas", "lapack", "mlx", "mlxc", "ext"}, roles)

	start := time.Now()
	r, err = Run(t.Context(), c)
	require.NoError(t, err)
	assert.True(t, r.Already)
	assert.Less(t, time.Since(start), 200*time.Millisecond)
	assert.Equal(t, 1, installs.count)

	c.Force = true
	r, err = Run(t.Context(), c)
	require.NoError(t, err)
	assert.False(t, r.Already)
	assert.Equal(t, 2, installs.count)
	assert.Empty(t, leftovers(t, c.Home))
}

func TestRunMendsADamagedEngine(t *testing.T) {
	c, installs := fakeConfig(t)
	r, err := Run(t.Context(), c)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(filepath.Join(r.Dir, "mlx", "lib", "libmlx.so"), 10))
	r, err = Run(t.Context(), c)
	require.NoError(t, err)
	assert.False(t, r.Already)
	assert.Equal(t, 2, installs.count)
	_, _, err = native.LocateIn(c.Home, "")
	assert.NoError(t, err)
}

func TestRunsAtOnceMakeOneEngine(t *testing.T) {
	c, installs := fakeConfig(t)
	const n = 4
	results, errs := make([]*Result, n), make(chan error, n)
	for i := range n {
		go func() {
			var err error
			results[i], err = Run(context.Background(), c)
			errs <- err
		}()
	}
	for range n {
		require.NoError(t, <-errs)
	}
	made := 0
	for _, r := range results {
		if !r.Already {
			made++
		}
	}
	assert.Equal(t, 1, made)
	assert.Equal(t, 1, installs.count)
}

func TestAFailedRunLeavesTheOldEngine(t *testing.T) {
	c, _ := fakeConfig(t)
	before, err := Run(t.Context(), c)
	require.NoError(t, err)
	c.Force = true
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	boom := errors.New("it computes nonsense")
	tests := []struct {
		name   string
		change func(*Config)
		want   error
	}{
		{"the check fails", func(c *Config) { c.Check = func(context.Context, string) error { return boom } }, boom},
		{"pip fails", func(c *Config) {
			c.install = func(context.Context, string, string, string, string) error { return boom }
		}, boom},
		{"the user interrupts", func(c *Config) {
			c.Check = func(context.Context, string) error { cancel(); return ctx.Err() }
		}, context.Canceled},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := c
			tt.change(&c)
			_, err := Run(ctx, c)
			require.ErrorIs(t, err, tt.want)
			assert.Empty(t, leftovers(t, c.Home))
			_, m, err := native.LocateIn(c.Home, "")
			require.NoError(t, err)
			assert.True(t, before.Manifest.Installed.Equal(m.Installed))
		})
	}
}

func TestAKilledRunIsCleanedUp(t *testing.T) {
	c, _ := fakeConfig(t)
	mark := filepath.Join(t.TempDir(), "mark")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), killedHome+"="+c.Home, "FAKE_HANG=mlxc.cpp", "FAKE_MARK="+mark)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its compilers die with it
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool { return exists(mark) }, 20*time.Second, 10*time.Millisecond)
	require.NoError(t, syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL))
	require.Error(t, cmd.Wait())

	assert.Len(t, leftovers(t, c.Home), 1, "what the killed setup was making")
	_, _, err := native.LocateIn(c.Home, "")
	var missing *native.MissingError
	require.ErrorAs(t, err, &missing, "an unfinished engine is none")

	_, err = Run(t.Context(), c)
	require.NoError(t, err)
	assert.Empty(t, leftovers(t, c.Home))
	_, _, err = native.LocateIn(c.Home, "")
	assert.NoError(t, err)
}

func TestAWaitingRunCanBeInterrupted(t *testing.T) {
	c, _ := fakeConfig(t)
	release, err := lock(t.Context(), native.EnginesDir(c.Home), func() {})
	require.NoError(t, err)
	defer release()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var out bytes.Buffer
	c.Out = &out
	_, err = Run(ctx, c)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Contains(t, out.String(), "another setup is at work")
}

func TestRunSaysWhatDoesNotCompile(t *testing.T) {
	c, _ := fakeConfig(t)
	t.Setenv("FAKE_FAIL", "mlxc.cpp")
	_, err := Run(t.Context(), c)
	var failed *CompileError
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, "mlxc/mlxc.cpp", failed.Unit)
	assert.Contains(t, failed.Line, "nothing works here")
	log, err := os.ReadFile(failed.Log)
	require.NoError(t, err)
	assert.Contains(t, string(log), "-std=c++20")
	assert.Empty(t, leftovers(t, c.Home))
}

func TestRunRefuses(t *testing.T) {
	c, _ := fakeConfig(t)
	tests := []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"an unknown backend", func(c *Config) { c.Backend = "tpu" }, `no backend "tpu"`},
		{"another platform's backend", func(c *Config) { c.Backend = native.Metal }, "metal does not run"},
		{"no such folder of wheels", func(c *Config) { c.Offline = "/nowhere" }, "no folder /nowhere"},
		{"no such prefix", func(c *Config) { c.MLXC = "/nowhere" }, "no folder /nowhere"},
		{"an empty prefix", func(c *Config) { c.MLXC = c.Home }, "include/mlx/c/mlx.h"},
		{"a home that is a file", func(c *Config) { c.Home = os.Args[0] }, "ADJOINT_HOME"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := c
			tt.change(&c)
			_, err := Run(t.Context(), c)
			require.ErrorContains(t, err, tt.want)
			assert.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestRunNeedsACompiler(t *testing.T) {
	c, _ := fakeConfig(t)
	for _, cxx := range []string{"/bin/false", "/nowhere/c++"} {
		t.Setenv("CXX", cxx)
		_, err := Run(t.Context(), c)
		var none *CompilerError
		require.ErrorAs(t, err, &none)
		assert.Contains(t, err.Error(), cxx)
		assert.Contains(t, err.Error(), "install g++")
	}
}

func TestPruneKeepsWhatIsUsed(t *testing.T) {
	c, _ := fakeConfig(t)
	r, err := Run(t.Context(), c)
	require.NoError(t, err)
	old := filepath.Join(native.EnginesDir(c.Home), native.CPU+"-"+strings.Repeat("d", 24))
	require.NoError(t, os.MkdirAll(old, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(old, "lib"), make([]byte, 1000), 0o644))
	removed, freed, err := Prune(t.Context(), c.Home)
	require.NoError(t, err)
	assert.Equal(t, []string{old}, removed)
	assert.Equal(t, int64(1000), freed)
	assert.NoDirExists(t, old)
	assert.DirExists(t, r.Dir)
}
