package install

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/adjoint-go/adjoint/internal/engine/native"
)

// arrange moves what the engine needs from pip's target folder to the stage, in the layout of the wheels, because MLX
// looks for its CUDA headers and libraries relative to its own. On Linux the reference BLAS stays behind, so that
// nothing can fall back on it.
func (b *builder) arrange(site string) error {
	if err := os.Rename(filepath.Join(site, "mlx"), filepath.Join(b.stage, "mlx")); err != nil {
		return &LayoutError{File: "mlx", Why: err.Error()}
	}
	if nvidia := filepath.Join(site, "nvidia"); exists(nvidia) {
		if err := os.Rename(nvidia, filepath.Join(b.stage, "nvidia")); err != nil {
			return err
		}
	}
	for _, junk := range []string{"mlx/share", "mlx/lib/cmake"} {
		if err := os.RemoveAll(filepath.Join(b.stage, junk)); err != nil {
			return err
		}
	}
	libmlx := filepath.Join(b.lib, native.LibraryName(runtime.GOOS, "mlx"))
	if !exists(libmlx) {
		return &LayoutError{File: "mlx/lib", Why: "it has no libmlx"}
	}
	if runtime.GOOS != "linux" {
		return nil
	}
	bundled, err := filepath.Glob(filepath.Join(site, "mlx_*.libs"))
	if err != nil || len(bundled) != 1 {
		return &LayoutError{File: "mlx_*.libs", Why: "there is not one folder of that name"}
	}
	if b.needs, err = readBLASNeeds(libmlx, bundled[0]); err != nil {
		return err
	}
	libs, err := filepath.Glob(filepath.Join(site, "scipy_openblas32", "lib", "*.so*"))
	if err != nil || len(libs) == 0 {
		return &LayoutError{File: "scipy_openblas32/lib", Why: "it has no libraries"}
	}
	for _, lib := range libs {
		if err := os.Rename(lib, filepath.Join(b.lib, filepath.Base(lib))); err != nil {
			return err
		}
	}
	return nil
}

// prune removes what only the build needed. CUDA keeps MLX's headers: it compiles kernels with them at run time.
func (b *builder) prune() error {
	junk := []string{b.scratch}
	if !isCUDA(b.backend) {
		junk = append(junk, filepath.Join(b.stage, "mlx", "include"))
	}
	for _, dir := range junk {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}

func isCUDA(backend string) bool { return strings.HasPrefix(backend, "cuda") }
