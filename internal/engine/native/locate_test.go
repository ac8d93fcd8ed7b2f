package native

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// makeEngine lays an engine of three small files below home.
func makeEngine(t *testing.T, home, backend, key string, installed time.Time) string {
	t.Helper()
	dir := filepath.Join(EnginesDir(home), backend+"-"+key)
	m := validManifest()
	m.Backend, m.Key, m.Installed = backend, key, installed.UTC()
	for i, f := range m.Files {
		path := Abs(dir, f.Path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte("library "+f.Path), 0o644))
		var err error
		m.Files[i], err = Describe(dir, f.Path)
		require.NoError(t, err)
	}
	data, err := m.Encode()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, ManifestName), data, 0o644))
	return dir
}

// anyBackend is one that this platform has.
func anyBackend(t *testing.T) string {
	t.Helper()
	usable := Supported(runtime.GOOS, runtime.GOARCH)
	if len(usable) == 0 {
		t.Skip("no backend on this platform")
	}
	return usable[len(usable)-1]
}

func oneSentenceWithCommand(t *testing.T, err error) {
	t.Helper()
	assert.NotContains(t, err.Error(), "\n")
	assert.Contains(t, err.Error(), SetupCommand)
}

func TestLocateFindsAWholeEngine(t *testing.T) {
	home, b := t.TempDir(), anyBackend(t)
	want := makeEngine(t, home, b, Key(b), time.Now())
	dir, m, err := LocateIn(home, "")
	require.NoError(t, err)
	assert.Equal(t, want, dir)
	assert.Equal(t, b, m.Backend)
}

func TestLocateReadsTheEnvironment(t *testing.T) {
	home, b := t.TempDir(), anyBackend(t)
	want := makeEngine(t, home, b, Key(b), time.Now())
	t.Setenv("ADJOINT_HOME", home)
	t.Setenv("ADJOINT_BACKEND", b)
	dir, _, err := Locate()
	require.NoError(t, err)
	assert.Equal(t, want, dir)

	t.Setenv("ADJOINT_BACKEND", "tpu")
	_, _, err = Locate()
	var unsupported *UnsupportedError
	require.ErrorAs(t, err, &unsupported)
	oneSentenceWithCommand(t, err)
}

func TestLocateMissing(t *testing.T) {
	b := anyBackend(t)
	for name, home := range map[string]string{"no home": filepath.Join(t.TempDir(), "none"), "empty home": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			_, _, err := LocateIn(home, "")
			var missing *MissingError
			require.ErrorAs(t, err, &missing)
			assert.Equal(t, home, missing.Home)
			oneSentenceWithCommand(t, err)

			_, _, err = LocateIn(home, b)
			require.ErrorAs(t, err, &missing)
			assert.Contains(t, err.Error(), "--backend "+b)
		})
	}
}

func TestLocateIgnoresUnfinishedEngines(t *testing.T) {
	home, b := t.TempDir(), anyBackend(t)
	dir := makeEngine(t, home, b, Key(b), time.Now())
	require.NoError(t, os.Rename(dir, filepath.Join(EnginesDir(home), ".tmp-1")))
	_, _, err := LocateIn(home, "")
	var missing *MissingError
	require.ErrorAs(t, err, &missing)
}

func TestLocateStale(t *testing.T) {
	home, b := t.TempDir(), anyBackend(t)
	old := makeEngine(t, home, b, strings.Repeat("a", keyLength), time.Now())
	_, _, err := LocateIn(home, "")
	var stale *StaleError
	require.ErrorAs(t, err, &stale)
	assert.Equal(t, old, stale.Found)
	assert.Equal(t, MLXVersion, stale.MLX)
	oneSentenceWithCommand(t, err)
}

func TestLocateDamaged(t *testing.T) {
	b := anyBackend(t)
	lib := LibDir + "/libmlx.so"
	flip := func(path string) {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		data[len(data)/2] ^= 1
		require.NoError(t, os.WriteFile(path, data, 0o644))
	}
	tests := []struct {
		name   string
		file   string
		damage func(path string)
		want   string
	}{
		{"a flipped bit", lib, flip, "contents changed"},
		{"truncated", lib, func(p string) { require.NoError(t, os.Truncate(p, 2)) }, "it has 2 bytes"},
		{"removed", lib, func(p string) { require.NoError(t, os.Remove(p)) }, "missing"},
		{"a folder", lib, func(p string) { require.NoError(t, os.Remove(p)); require.NoError(t, os.Mkdir(p, 0o755)) }, "no regular file"},
		{"manifest truncated", ManifestName, func(p string) { require.NoError(t, os.Truncate(p, 40)) }, "cut short"},
		{"manifest empty", ManifestName, func(p string) { require.NoError(t, os.Truncate(p, 0)) }, "cut short"},
		{"manifest a folder", ManifestName, func(p string) { require.NoError(t, os.Remove(p)); require.NoError(t, os.Mkdir(p, 0o755)) }, "directory"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			home := t.TempDir()
			dir := makeEngine(t, home, b, Key(b), time.Now())
			path := Abs(dir, tt.file)
			tt.damage(path)
			later := time.Now().Add(time.Hour)
			_ = os.Chtimes(path, later, later)
			_, _, err := LocateIn(home, "")
			var damaged *DamagedError
			require.ErrorAs(t, err, &damaged)
			assert.Equal(t, tt.file, damaged.File)
			assert.Equal(t, dir, damaged.Dir)
			assert.ErrorContains(t, err, tt.want)
			assert.ErrorContains(t, err, "setup --backend "+b)
			oneSentenceWithCommand(t, err)
		})
	}
}

func TestLocateRefusesAnotherEnginesManifest(t *testing.T) {
	home, b := t.TempDir(), anyBackend(t)
	other := makeEngine(t, home, b, strings.Repeat("b", keyLength), time.Now())
	require.NoError(t, os.Rename(other, Dir(home, b)))
	_, _, err := LocateIn(home, "")
	var damaged *DamagedError
	require.ErrorAs(t, err, &damaged)
	assert.ErrorContains(t, err, "another engine's")
}

func TestCheckReadsAFileThatWasOnlyTouched(t *testing.T) {
	home, b := t.TempDir(), anyBackend(t)
	dir := makeEngine(t, home, b, Key(b), time.Now())
	lib := Abs(dir, LibDir+"/libmlx.so")
	before, err := os.Stat(lib)
	require.NoError(t, err)
	later := time.Now().Add(time.Hour)
	require.NoError(t, os.Chtimes(lib, later, later))

	_, err = Check(dir, false)
	require.NoError(t, err)
	after, err := os.Stat(lib)
	require.NoError(t, err)
	assert.True(t, before.ModTime().Equal(after.ModTime()), "the recorded time is set again")
}

func TestCheckAllSeesWhatTimesHide(t *testing.T) {
	home, b := t.TempDir(), anyBackend(t)
	dir := makeEngine(t, home, b, Key(b), time.Now())
	lib := Abs(dir, LibDir+"/libmlx.so")
	info, err := os.Stat(lib)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(lib, []byte(strings.Repeat("x", int(info.Size()))), 0o644))
	require.NoError(t, os.Chtimes(lib, info.ModTime(), info.ModTime()))

	_, err = Check(dir, false)
	require.NoError(t, err, "size and time are the recorded ones")
	_, err = Check(dir, true)
	var damaged *DamagedError
	require.ErrorAs(t, err, &damaged)
}

func TestLocateTakesTheEngineInstalledLast(t *testing.T) {
	usable := Supported(runtime.GOOS, runtime.GOARCH)
	if len(usable) < 2 {
		t.Skip("this platform has fewer than two backends")
	}
	now := time.Now()
	tests := []struct {
		name  string
		asked string
		ages  [2]time.Duration // of usable[0] and usable[1]
		want  string
	}{
		{"the newer", "", [2]time.Duration{time.Hour, 0}, usable[1]},
		{"of equals the preferred", "", [2]time.Duration{0, 0}, usable[0]},
		{"the one asked for", usable[0], [2]time.Duration{time.Hour, 0}, usable[0]},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			home := t.TempDir()
			for i, age := range tt.ages {
				makeEngine(t, home, usable[i], Key(usable[i]), now.Add(-age))
			}
			_, m, err := LocateIn(home, tt.asked)
			require.NoError(t, err)
			assert.Equal(t, tt.want, m.Backend)
		})
	}
}

func TestLocatePrefersAWholeEngineToADamagedManifest(t *testing.T) {
	usable := Supported(runtime.GOOS, runtime.GOARCH)
	if len(usable) < 2 {
		t.Skip("this platform has fewer than two backends")
	}
	home := t.TempDir()
	broken := makeEngine(t, home, usable[0], Key(usable[0]), time.Now())
	require.NoError(t, os.Truncate(filepath.Join(broken, ManifestName), 3))
	makeEngine(t, home, usable[1], Key(usable[1]), time.Now().Add(-time.Hour))
	_, m, err := LocateIn(home, "")
	require.NoError(t, err)
	assert.Equal(t, usable[1], m.Backend)
}

func TestEnginesListsTheNewestFirst(t *testing.T) {
	home, b := t.TempDir(), anyBackend(t)
	makeEngine(t, home, b, strings.Repeat("c", keyLength), time.Now().Add(-time.Hour))
	makeEngine(t, home, b, Key(b), time.Now())
	require.NoError(t, os.MkdirAll(filepath.Join(EnginesDir(home), b+"-empty"), 0o755))
	require.NoError(t, os.MkdirAll(filepath.Join(EnginesDir(home), "unrelated"), 0o755))
	list := Engines(home)
	require.Len(t, list, 3)
	assert.True(t, list[0].Current)
	assert.False(t, list[1].Current)
	assert.Error(t, list[2].Err)
}

func BenchmarkLocate(b *testing.B) {
	for b.Loop() {
		if _, _, err := Locate(); err != nil {
			b.Skip(err)
		}
	}
}
