package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/adjoint-go/adjoint/plugins/manifest"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

// installEnv makes the test's program install a package: SOURCE, then DIR.
const installEnv = "ADJOINT_TEST_INSTALL"

func TestMain(m *testing.M) {
	if source := os.Getenv(installEnv); source != "" {
		_, err := Install(context.Background(), Installation{Source: source, Dir: os.Args[1], Lock: os.Args[2]})
		fmt.Println(err)
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// closesFiles fails the test if, at its end, more descriptors are open than at
// its beginning. Where there is no /proc it sees nothing.
func closesFiles(t *testing.T) {
	t.Helper()
	count := func() int {
		entries, _ := os.ReadDir("/proc/self/fd")
		return len(entries)
	}
	// The first pipe has Go's runtime open what it watches pipes by, which stays open.
	r, w, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, errors.Join(r.Close(), w.Close()))
	before := count()
	t.Cleanup(func() { require.LessOrEqual(t, count(), before, "files are left open") })
}

func about(id, version string) *spec.Plugin {
	return &spec.Plugin{ID: id, Version: version, Kernels: []spec.Kernel{{
		Name: "ones", Outputs: []spec.Output{{Name: "y", Shape: "[3]", DType: "float32"}},
	}}}
}

// files of a package, without its manifest.
type files map[string]string

// pack writes a package into a new folder.
func pack(t testing.TB, id, version string, more files) string {
	t.Helper()
	dir := t.TempDir()
	fill(t, dir, id, version, more)
	return dir
}

func fill(t testing.TB, dir, id, version string, more files) {
	t.Helper()
	put(t, dir, filepath.Join(Platform(), filepath.Base(id)), "#!/bin/sh\nexit 7\n", 0o755)
	for name, text := range more {
		put(t, dir, name, text, 0o644)
	}
	m, err := manifest.Package(about(id, version), 1, dir)
	require.NoError(t, err)
	text, err := m.Encode()
	require.NoError(t, err)
	put(t, dir, manifest.Name, string(text), 0o644)
}

func put(t testing.TB, dir, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), mode))
	require.NoError(t, os.Chmod(path, mode))
	return path
}

// installed packs a plugin straight into a folder of plugins.
func installed(t testing.TB, dir, id, version string) Found {
	t.Helper()
	at := filepath.Join(dir, filepath.FromSlash(id), version, Platform())
	fill(t, at, id, version, files{"share/table": "1 2 3"})
	f, err := Find([]string{dir}, Ref{ID: id, Version: version}, nil)
	require.NoError(t, err)
	return f
}

// names lists what a folder holds, by paths below it.
func names(t testing.TB, dir string) []string {
	t.Helper()
	var out []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if rel, _ := filepath.Rel(dir, path); rel != "." && rel != lockName {
			out = append(out, rel)
		}
		return err
	}))
	return out
}
