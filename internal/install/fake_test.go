package install

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/internal/engine/native"
)

// The names that the fake packages use for the reference BLAS, with a digest as wheels have it.
const (
	fakeBLAS   = "libblas-0a1b2c3d.so.3.10.0"
	fakeLAPACK = "liblapack-4e5f6a7b.so.3.10.0"
)

// fakeCompiler writes a compiler script that makes files out of nothing. It hangs before the source whose name is in
// $FAKE_HANG, after writing the file $FAKE_MARK, and fails on the one in $FAKE_FAIL.
func fakeCompiler(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c++")
	script := `#!/bin/sh
out=
for arg in "$@"; do
	case "$arg" in
	--version) echo "fake c++ 1.0"; exit 0 ;;
	*/"${FAKE_FAIL:-none}") echo "$arg:7:1: error: nothing works here" >&2; exit 1 ;;
	*/"${FAKE_HANG:-none}") : >"$FAKE_MARK"; exec sleep 60 ;;
	esac
	[ "$last" = -o ] && out=$arg
	last=$arg
done
[ -z "$out" ] || echo made >"$out"
`
	require.NoError(t, os.WriteFile(path, []byte(script), 0o755))
	return path
}

// cc compiles C text to a shared library with the machine's compiler, which setup needs as well.
func cc(out, text string, flags ...string) error {
	args := append([]string{"-shared", "-fPIC", "-x", "c", "-", "-x", "none", "-o", out, "-Wl,-soname," + filepath.Base(out)}, flags...)
	cmd := exec.Command("cc", args...)
	cmd.Stdin = strings.NewReader(text)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("cc: %w: %s", err, said.String())
	}
	return nil
}

// fakeSite lays out what pip would: small libraries with the imports and exports of the real ones.
func fakeSite(site string) error {
	lib, bundled, openblas := filepath.Join(site, "mlx", "lib"), filepath.Join(site, "mlx_cpu.libs"), filepath.Join(site, "scipy_openblas32", "lib")
	for _, dir := range []string{lib, bundled, openblas, filepath.Join(site, "mlx", "include"), filepath.Join(site, "mlx", "share")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	blas, lapack := filepath.Join(bundled, fakeBLAS), filepath.Join(bundled, fakeLAPACK)
	if err := cc(blas, "int cblas_sgemm(int x) { return 7; } int unused_(void) { return 0; }"); err != nil {
		return err
	}
	if err := cc(lapack, "int spotrf_(int x) { return 8; }"); err != nil {
		return err
	}
	err := cc(filepath.Join(lib, "libmlx.so"),
		"int cblas_sgemm(int); int spotrf_(int); int mlx(int x) { return 100 * cblas_sgemm(x) + spotrf_(x); }",
		blas, lapack, "-Wl,-rpath,$ORIGIN")
	if err != nil {
		return err
	}
	return cc(filepath.Join(openblas, "libscipy_openblas.so"),
		"int scipy_cblas_sgemm(int x) { return x + 1; } int scipy_spotrf_(int x) { return x + 2; }")
}

// fakeInstalls counts how often the fake pip ran.
type fakeInstalls struct {
	mu    sync.Mutex
	count int
}

func (f *fakeInstalls) install(_ context.Context, _, _, reqs, target string) error {
	f.mu.Lock()
	f.count++
	f.mu.Unlock()
	if _, err := os.Stat(reqs); err != nil {
		return err
	}
	return fakeSite(target)
}

// fakeConfig is a setup of a CPU engine that needs neither network nor MLX.
func fakeConfig(t *testing.T) (Config, *fakeInstalls) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the fake packages are ELF libraries")
	}
	t.Setenv("CXX", fakeCompiler(t))
	f := new(fakeInstalls)
	return Config{Home: t.TempDir(), Backend: native.CPU, install: f.install}, f
}
