package install

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/internal/cxx"
	"github.com/adjoint-go/adjoint/internal/engine/native"
)

func TestReadBLASNeeds(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the fake packages are ELF libraries")
	}
	site := t.TempDir()
	require.NoError(t, fakeSite(site))
	libmlx, bundled := filepath.Join(site, "mlx", "lib", "libmlx.so"), filepath.Join(site, "mlx_cpu.libs")
	n, err := readBLASNeeds(libmlx, bundled)
	require.NoError(t, err)
	assert.Equal(t, &blasNeeds{BLAS: fakeBLAS, LAPACK: fakeLAPACK, Functions: []string{"cblas_sgemm", "spotrf_"}}, n)

	var layout *LayoutError
	_, err = readBLASNeeds(filepath.Join(bundled, fakeBLAS), bundled)
	require.ErrorAs(t, err, &layout, "a library that needs no BLAS")
	_, err = readBLASNeeds(filepath.Join(site, "absent"), bundled)
	require.ErrorAs(t, err, &layout)
	text := filepath.Join(site, "text")
	require.NoError(t, os.WriteFile(text, []byte("not ELF"), 0o644))
	_, err = readBLASNeeds(text, bundled)
	require.ErrorAs(t, err, &layout)
}

func TestIsLibrary(t *testing.T) {
	for soname, want := range map[string]bool{
		"libblas.so.3": true, "libblas-bd8a282c.so.3.10.0": true, "libblas": false, "libblastoise.so": false, "liblapack.so.3": false,
	} {
		assert.Equal(t, want, isLibrary(soname, "blas"), soname)
	}
}

// A program that asks for the reference names is answered by OpenBLAS's functions.
func TestForwardersAnswerUnderTheReferenceNames(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("macOS has its own BLAS")
	}
	site, stage := t.TempDir(), t.TempDir()
	require.NoError(t, fakeSite(site))
	b := &builder{
		backend: native.CPU, stage: stage, lib: filepath.Join(stage, "mlx", "lib"), log: filepath.Join(stage, "log"),
		src: filepath.Join(stage, "src"), cxx: &cxx.Compiler{Command: []string{"c++"}}, progress: newProgress(io.Discard),
	}
	require.NoError(t, unpack(b.src))
	require.NoError(t, b.arrange(site))
	require.NoError(t, b.forwardBLAS(t.Context()))

	main := filepath.Join(stage, "main.c")
	require.NoError(t, os.WriteFile(main, []byte("int mlx(int); int main(void) { return mlx(0) != 102; }"), 0o644))
	exe := filepath.Join(stage, "main")
	out, err := exec.Command("cc", main, "-o", exe, "-L", b.lib, "-lmlx", "-Wl,-rpath,"+b.lib, "-Wl,-rpath-link,"+b.lib).CombinedOutput()
	require.NoError(t, err, string(out))
	// libmlx gives 100 sgemm(0) + potrf(0): 708 by the reference libraries, 102 by the forwarders.
	out, err = exec.Command(exe).CombinedOutput()
	assert.NoError(t, err, string(out))
}

func TestForwardingNeedsEveryFunction(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the fake packages are ELF libraries")
	}
	site, stage := t.TempDir(), t.TempDir()
	require.NoError(t, fakeSite(site))
	b := &builder{backend: native.CPU, stage: stage, lib: filepath.Join(stage, "mlx", "lib"), src: filepath.Join(stage, "src")}
	require.NoError(t, b.arrange(site))
	b.needs.Functions = append(b.needs.Functions, "zherk_")
	var layout *LayoutError
	err := b.forwardBLAS(t.Context())
	require.ErrorAs(t, err, &layout)
	assert.Contains(t, err.Error(), "zherk_")
}
