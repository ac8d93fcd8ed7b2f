package native

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestKeysTellBackendsApart(t *testing.T) {
	seen := map[string]string{}
	for _, b := range Backends() {
		key := Key(b)
		assert.Regexp(t, keyPattern, key)
		assert.Equal(t, key, Key(b), "a key is the same every time")
		assert.Empty(t, seen[key], "two backends share a key")
		seen[key] = b
	}
}

func TestSourcesHoldEveryLibrary(t *testing.T) {
	for _, pattern := range []string{MLXC + "/*.cpp", Ext + "/*.cpp", BLAS + "/forward.c", CheckUnit, CheckNames} {
		found, err := fs.Glob(Sources(), pattern)
		require.NoError(t, err)
		assert.NotEmpty(t, found, pattern)
	}
}

func TestPackagesArePinned(t *testing.T) {
	line := regexp.MustCompile(`^[a-z0-9-]+==[0-9.]+( --hash=sha256:[0-9a-f]{64})+$`)
	for _, b := range Backends() {
		list := Packages(b)
		require.NotEmpty(t, list, b)
		assert.True(t, strings.HasPrefix(list[0].Name, "mlx-"), "the first package of %s is %s", b, list[0].Name)
		names := map[string]bool{}
		for _, p := range list {
			assert.Regexp(t, line, p.String())
			assert.False(t, names[p.Name], "%s lists %s twice", b, p.Name)
			names[p.Name] = true
		}
		assert.Equal(t, b != Metal, names["scipy-openblas32"], "OpenBLAS goes with Linux: %s", b)
	}
	assert.Nil(t, Packages("tpu"))
}

func TestDigestsAreUsedOnce(t *testing.T) {
	owner := map[string]string{}
	for _, b := range Backends() {
		for _, p := range Packages(b) {
			for _, h := range p.SHA256 {
				if before := owner[h]; before != "" {
					assert.Equal(t, before, p.Name, "a digest of two packages: %s", h)
				}
				owner[h] = p.Name
			}
		}
	}
}

func TestUsable(t *testing.T) {
	var unsupported *UnsupportedError
	err := Usable("tpu")
	require.ErrorAs(t, err, &unsupported)
	assert.Contains(t, err.Error(), `no backend "tpu"`)

	err = &UnsupportedError{Backend: Metal, Platform: "linux/amd64"}
	assert.Contains(t, err.Error(), "setup --backend cpu")
	err = &UnsupportedError{Platform: "plan9/amd64"}
	assert.Contains(t, err.Error(), "no packages for plan9/amd64")
}
