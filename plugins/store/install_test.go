package store

import (
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/plugins/manifest"
	"github.com/adjoint-go/adjoint/plugins/trust"
)

func TestInstallAndRemove(t *testing.T) {
	closesFiles(t)
	ctx := t.Context()
	dir := pack(t, "acme/sq", "1.0.0", files{"share/table": "1 2 3", "plan9_arm/sq": "other machine", "plugin.json.sig": "sig\n"})
	place := t.TempDir()
	top, lock := filepath.Join(place, "new", "plugins"), filepath.Join(place, trust.LockName)
	i := Installation{Source: dir, Dir: top, Lock: lock}
	done, err := Install(ctx, i)
	require.NoError(t, err)
	assert.False(t, done.Already)
	here := filepath.Join("acme/sq/1.0.0", Platform())
	assert.Equal(t, []string{
		"acme", "acme/sq", "acme/sq/1.0.0", here, filepath.Join(here, Platform()), filepath.Join(here, Platform(), "sq"),
		filepath.Join(here, "plugin.json"), filepath.Join(here, "plugin.json.sig"), filepath.Join(here, "share"), filepath.Join(here, "share/table"),
	}, names(t, top), "what other machines need is left out")
	l, err := trust.ReadLock(lock)
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(done.Dir, manifest.Name))
	require.NoError(t, err)
	require.NoError(t, l.Check("acme/sq", "1.0.0", text))
	require.NoError(t, copyOf(t, top))

	again, err := Install(ctx, i)
	require.NoError(t, err)
	assert.True(t, again.Already)
	require.NoError(t, os.WriteFile(filepath.Join(done.Dir, "share/table"), []byte("evil!"), 0o644))
	again, err = Install(ctx, i)
	require.NoError(t, err)
	assert.False(t, again.Already, "what is damaged is mended")
	require.NoError(t, copyOf(t, top))

	other := pack(t, "acme/sq", "1.0.0", files{"share/table": "9 9 9"})
	_, err = Install(ctx, Installation{Source: other, Dir: top})
	require.ErrorIs(t, err, ErrInstalled)
	require.NoError(t, copyOf(t, top), "and the old one is still there")
	_, err = Install(ctx, Installation{Source: other, Dir: filepath.Join(place, "elsewhere"), Lock: lock})
	require.ErrorIs(t, err, trust.ErrLockMismatch)
	assert.NoDirExists(t, filepath.Join(place, "elsewhere"))

	next := pack(t, "acme/sq", "1.1.0", nil)
	_, err = Install(ctx, Installation{Source: next, Dir: top, Policy: trust.Policy{RequireLock: true}, Lock: lock})
	require.ErrorIs(t, err, trust.ErrNotLocked)
	two, err := Install(ctx, Installation{Source: next, Dir: top})
	require.NoError(t, err)
	require.NoError(t, Remove(ctx, done.Found))
	assert.NoDirExists(t, filepath.Dir(done.Dir))
	assert.DirExists(t, two.Dir)
	require.NoError(t, Remove(ctx, two.Found))
	assert.Empty(t, names(t, top))
	require.ErrorIs(t, Remove(ctx, two.Found), os.ErrNotExist)
}

func TestWhatKilledProcessesLeftIsClearedUp(t *testing.T) {
	top := t.TempDir()
	leave := func() {
		put(t, top, tempPrefix+"1/plugin.json", "{", 0o644)
		put(t, top, oldPrefix+"1/x/plugin.json", "{", 0o644)
	}
	leave()
	done, err := Install(t.Context(), Installation{Source: pack(t, "acme/sq", "1.0.0", nil), Dir: top})
	require.NoError(t, err)
	assert.NotContains(t, strings.Join(names(t, top), " "), "-1")
	leave()
	require.NoError(t, Remove(t.Context(), done.Found))
	assert.Empty(t, names(t, top))
}

func TestRemoveDoesNotFollowLinks(t *testing.T) {
	top, elsewhere := t.TempDir(), t.TempDir()
	installed(t, elsewhere, "acme/sq", "1.0.0")
	require.NoError(t, os.Symlink(filepath.Join(elsewhere, "acme"), filepath.Join(top, "acme")))
	f, err := Find([]string{top}, Ref{ID: "acme/sq"}, nil)
	require.NoError(t, err)
	require.ErrorIs(t, Remove(t.Context(), f), ErrUnsafe)
	require.NoError(t, copyOf(t, elsewhere))
}

func TestInstallRefuses(t *testing.T) {
	closesFiles(t)
	ctx, top := t.Context(), t.TempDir()
	dir := pack(t, "acme/sq", "1.0.0", nil)
	_, err := Install(ctx, Installation{Source: filepath.Join(top, "none"), Dir: top})
	assert.ErrorIs(t, err, os.ErrNotExist)
	_, err = Install(ctx, Installation{Source: t.TempDir(), Dir: top})
	assert.ErrorContains(t, err, "plugin.json: no such file")
	_, err = Install(ctx, Installation{Source: dir, Dir: filepath.Join(dir, "plugin.json", "x")})
	assert.ErrorContains(t, err, "not a directory")
	bad := put(t, t.TempDir(), trust.LockName, "garbage", 0o600)
	_, err = Install(ctx, Installation{Source: dir, Dir: top, Lock: bad})
	assert.ErrorContains(t, err, "plugins.lock:1: must be")
	_, err = Install(ctx, Installation{Source: dir, Dir: top, Lock: filepath.Join(top, "no", "folder", trust.LockName)})
	assert.ErrorContains(t, err, "no such file")
	assert.Empty(t, names(t, top), "what cannot be pinned is not installed")
	require.NoError(t, os.Chmod(top, 0o777))
	_, err = Install(ctx, Installation{Source: dir, Dir: top})
	assert.ErrorIs(t, err, ErrUnsafe)
	require.NoError(t, os.Chmod(top, 0o755))
	require.NoError(t, os.Symlink(t.TempDir(), filepath.Join(top, "acme")))
	_, err = Install(ctx, Installation{Source: dir, Dir: top})
	assert.ErrorIs(t, err, ErrUnsafe, "a link in the folder leads elsewhere")
	assert.Equal(t, []string{"acme"}, names(t, top))
	key, err := trust.NewKey()
	require.NoError(t, err)
	_, err = Install(ctx, Installation{Source: dir, Dir: top, Policy: trust.Policy{Keys: []trust.PublicKey{key.Public()}}})
	assert.ErrorIs(t, err, trust.ErrUnsigned)
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	require.NoError(t, os.Remove(filepath.Join(top, "acme")))
	_, err = Install(cancelled, Installation{Source: dir, Dir: top})
	assert.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, names(t, top))
}

func TestInstallsAtTheSameTime(t *testing.T) {
	top := filepath.Join(t.TempDir(), "plugins")
	lock := filepath.Join(t.TempDir(), trust.LockName)
	one, two := pack(t, "acme/sq", "1.0.0", nil), pack(t, "acme/sq", "2.0.0", nil)
	var wg sync.WaitGroup
	for i := range 8 {
		source := one
		if i%2 == 1 {
			source = two
		}
		wg.Go(func() {
			_, err := Install(t.Context(), Installation{Source: source, Dir: top, Lock: lock})
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	all, err := List([]string{top})
	require.NoError(t, err)
	assert.Len(t, all, 2)
	l, err := trust.ReadLock(lock)
	require.NoError(t, err)
	assert.Len(t, l.Pins(), 2)
}

// An installation that is killed at any moment leaves all or nothing in place,
// and the next one works and clears up.
func TestInstallIsKilled(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	source := archiveFile(t, gzipped(t, tarOf(t, pack(t, "acme/sq", "1.0.0", files{"share/table": strings.Repeat("1 2 3 4 5 ", 1<<20)}))))
	base := t.TempDir()
	top, lock := filepath.Join(base, "plugins"), filepath.Join(base, trust.LockName)
	random := rand.New(rand.NewPCG(1, 2))
	begin := time.Now()
	run := func(after time.Duration) {
		cmd := exec.Command(self, top, lock)
		cmd.Env = append(os.Environ(), installEnv+"="+source)
		require.NoError(t, cmd.Start())
		kill := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
		defer kill.Stop()
		_ = cmd.Wait()
	}
	run(time.Minute)
	whole := time.Since(begin)
	before, after := 0, 0
	for range 20 {
		require.NoError(t, os.RemoveAll(top))
		require.NoError(t, os.RemoveAll(lock))
		run(time.Duration(random.Int64N(int64(whole))))
		if _, err := os.Stat(top); err != nil {
			continue
		}
		all, err := List([]string{top})
		require.NoError(t, err)
		if len(all) == 0 {
			before++
			assert.NoFileExists(t, lock, "nothing is pinned that is not there")
			continue
		}
		after++
		require.NoError(t, copyOf(t, top))
	}
	t.Logf("killed %d times before the end and %d times after it", before, after)
	run(time.Minute)
	require.NoError(t, copyOf(t, top))
	for _, name := range names(t, top) {
		assert.False(t, strings.HasPrefix(name, "."), "%s was not cleared up", name)
	}
	assert.FileExists(t, lock)
}
