package native

import (
	"runtime"
	"slices"
	"strings"
)

// The backends that an engine can be made for.
const (
	CPU    = "cpu"
	CUDA12 = "cuda12"
	CUDA13 = "cuda13"
	Metal  = "metal"
)

// Backends lists every backend, the preferred one first.
func Backends() []string { return []string{Metal, CUDA13, CUDA12, CPU} }

// Supported lists the backends that MLX has packages for on a platform, the preferred one first. It is empty where
// Adjoint does not run.
func Supported(goos, goarch string) []string {
	switch goos + "/" + goarch {
	case "darwin/arm64":
		return []string{Metal}
	case "linux/amd64", "linux/arm64":
		return []string{CUDA13, CUDA12, CPU}
	}
	return nil
}

// Usable returns an [*UnsupportedError] unless an engine of the backend can exist on this platform.
func Usable(backend string) error {
	if slices.Contains(Supported(runtime.GOOS, runtime.GOARCH), backend) {
		return nil
	}
	return &UnsupportedError{Backend: backend, Platform: runtime.GOOS + "/" + runtime.GOARCH}
}

// LibraryName returns the file name of a library on an operating system: "mlx" is libmlx.so or libmlx.dylib.
func LibraryName(goos, name string) string {
	if goos == "darwin" {
		return "lib" + name + ".dylib"
	}
	return "lib" + name + ".so"
}

func knownBackend(name string) bool { return slices.Contains(Backends(), name) }

func backendList(names []string) string { return strings.Join(names, ", ") }

func splitPlatform(platform string) (goos, goarch string) {
	goos, goarch, _ = strings.Cut(platform, "/")
	return goos, goarch
}
