package plugins

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStaleFoldersAreSwept(t *testing.T) {
	base := t.TempDir()
	folder := func(name string, lock bool) string {
		dir := filepath.Join(base, socketPrefix+name)
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "p1"), 0o700))
		if lock {
			require.NoError(t, os.WriteFile(filepath.Join(dir, lockName), nil, 0o600))
		}
		return dir
	}
	stale, used, fresh, old, other := folder("stale", true), folder("used", true), folder("fresh", false), folder("old", false), filepath.Join(base, "other")
	require.NoError(t, os.Mkdir(other, 0o700))
	long := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(old, long, long))
	link := filepath.Join(base, socketPrefix+"link")
	require.NoError(t, os.Symlink(other, link))
	lock, err := os.OpenFile(filepath.Join(used, lockName), os.O_RDWR, 0)
	require.NoError(t, err)
	defer lock.Close()
	require.NoError(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))

	sweep(base)
	assert.NoDirExists(t, stale, "its host is gone")
	assert.NoDirExists(t, old, "its host died before it had a lock")
	_, err = os.Lstat(link)
	require.NoError(t, err)
	for _, dir := range []string{used, fresh, other} {
		assert.DirExists(t, dir)
	}
}

func TestFolderIsPrivate(t *testing.T) {
	leavesNothing(t)
	reg, err := Open(Options{})
	require.NoError(t, err)
	info, err := os.Stat(reg.dir.path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	require.NoError(t, reg.Close())
	assert.NoDirExists(t, reg.dir.path)
}

func TestSocketsHaveShortPaths(t *testing.T) {
	leavesNothing(t)
	base := filepath.Join(t.TempDir(), strings.Repeat("long", 20))
	require.NoError(t, os.Mkdir(base, 0o700))
	t.Setenv("TMPDIR", base)
	reg, err := Open(Options{Env: []string{modeEnv + "=good"}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, reg.Close()) })
	assert.LessOrEqual(t, len(reg.dir.path)+belowNames, maxSocket)
	self, err := os.Executable()
	require.NoError(t, err)
	p, err := reg.LoadFile(t.Context(), self)
	require.NoError(t, err)
	processOf(t, p)
}
