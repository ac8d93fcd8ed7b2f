package store

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/adrg/xdg"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/plugins/trust"
)

func TestVersionsAreOrderedAsSemverSays(t *testing.T) {
	order := []string{
		"0.9.9", "1.0.0-1", "1.0.0-2", "1.0.0-10", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2",
		"1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.2.0", "1.10.0", "10.0.0",
	}
	for i := range order {
		for j := range order {
			got := CompareVersions(order[i], order[j])
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

func TestDirs(t *testing.T) {
	user := t.TempDir()
	t.Setenv("XDG_DATA_HOME", user)
	xdg.Reload()
	t.Cleanup(xdg.Reload)
	t.Setenv(PathEnv, "/p/one"+string(os.PathListSeparator)+string(os.PathListSeparator)+"/p/two/")
	assert.Equal(t, []string{"first", "/p/one", "/p/two", ".adjoint/plugins", filepath.Join(user, "adjoint", "plugins")}, Dirs("first", "", "/p/one"))
}

func TestRefs(t *testing.T) {
	for _, good := range []string{"acme/sq", "acme/sq@1.0.0", "a-b/c_d@1.0.0-rc.1"} {
		r, err := ParseRef(good)
		require.NoError(t, err)
		assert.Equal(t, good, r.String())
	}
	for _, bad := range []string{"", "sq", "../sq", "acme/..", "acme/sq@", "acme/sq@1", "acme/sq@1.0.0/..", "Acme/sq", "acme/sq/x", "acme/s q", "acme/sq@1.0.0@1.0.0"} {
		_, err := ParseRef(bad)
		assert.ErrorContains(t, err, "is not of the form org/name", bad)
	}
}

func TestFind(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	dirs := []string{one, filepath.Join(two, "missing"), two, one + "/."}
	installed(t, one, "acme/sq", "1.9.0")
	installed(t, one, "acme/sq", "1.10.0")
	installed(t, one, "acme/sq", "1.10.0-rc.1")
	installed(t, two, "acme/other", "1.0.0")
	for _, noise := range []string{"readme", ".installing-1/x", "acme/sq/latest", "acme/Sq/1.0.0", "acme/sq/2.0.0/plan9_arm", "acme/sq/v3.0.0", "Acme/sq/1.0.0/" + Platform()} {
		require.NoError(t, os.MkdirAll(filepath.Join(one, noise), 0o755))
	}
	all, err := List(dirs)
	require.NoError(t, err)
	var got []string
	for _, f := range all {
		got = append(got, f.ID+" "+f.Version)
	}
	assert.Equal(t, []string{"acme/other 1.0.0", "acme/sq 1.10.0", "acme/sq 1.10.0-rc.1", "acme/sq 1.9.0"}, got)

	find := func(ref Ref, lock *trust.Lock) string {
		f, err := Find(dirs, ref, lock)
		require.NoError(t, err)
		return f.Version
	}
	assert.Equal(t, "1.10.0", find(Ref{ID: "acme/sq"}, nil), "the highest")
	assert.Equal(t, "1.9.0", find(Ref{ID: "acme/sq", Version: "1.9.0"}, nil))
	lock, err := trust.ReadLock(filepath.Join(two, trust.LockName))
	require.NoError(t, err)
	assert.Equal(t, "1.10.0", find(Ref{ID: "acme/sq"}, lock), "the lock pins nothing of it")
	lock.Set("acme/sq", "1.9.0", nil)
	assert.Equal(t, "1.9.0", find(Ref{ID: "acme/sq"}, lock), "the highest of those that are pinned")
	assert.Equal(t, "1.10.0", find(Ref{ID: "acme/sq", Version: "1.10.0"}, lock), "asked for")
	lock.Delete("acme/sq", "1.9.0")
	lock.Set("acme/sq", "5.0.0", nil)
	_, err = Find(dirs, Ref{ID: "acme/sq"}, lock)
	require.ErrorIs(t, err, ErrNotFound)
	assert.ErrorContains(t, err, "pins other versions")

	for _, ref := range []Ref{{ID: "acme/none"}, {ID: "acme/sq", Version: "2.0.0"}} {
		_, err = Find(dirs, ref, nil)
		require.ErrorIs(t, err, ErrNotFound)
		assert.ErrorContains(t, err, Platform())
		assert.ErrorContains(t, err, one)
	}
	_, err = Find([]string{one, two}, Ref{ID: "acme/other"}, nil)
	require.NoError(t, err)
}

// A folder cannot slip its own plugin under another one's name, by the same or a
// higher version.
func TestTwoProvidersAreAnError(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	a := installed(t, one, "acme/sq", "1.0.0")
	b := installed(t, two, "acme/sq", "9.0.0")
	_, err := Find([]string{one, two}, Ref{ID: "acme/sq"}, nil)
	require.ErrorIs(t, err, ErrAmbiguous)
	assert.ErrorContains(t, err, a.Dir)
	assert.ErrorContains(t, err, b.Dir)
	f, err := Find([]string{one, two}, Ref{ID: "acme/sq", Version: "1.0.0"}, nil)
	require.NoError(t, err)
	assert.Equal(t, a.Dir, f.Dir)
	c := installed(t, two, "acme/sq", "1.0.0")
	_, err = Find([]string{one, two}, Ref{ID: "acme/sq", Version: "1.0.0"}, nil)
	require.ErrorIs(t, err, ErrAmbiguous)
	assert.ErrorContains(t, err, c.Dir)
}
