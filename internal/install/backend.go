package install

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/adjoint-go/adjoint/internal/engine/native"
)

// A Host is what the choice of a backend depends on.
type Host struct {
	GOOS, GOARCH string
	// Driver is the version of the NVIDIA driver, such as "580.82.07", or "" without one.
	Driver string
	// CUDA tells whether the driver's library (libcuda.so.1) is there; a container may show the driver without it.
	CUDA bool
}

// ThisHost looks at the machine.
func ThisHost(ctx context.Context) Host {
	h := Host{GOOS: runtime.GOOS, GOARCH: runtime.GOARCH}
	if h.GOOS == "linux" {
		h.CUDA = hasCUDALibrary()
		h.Driver = driverVersion(ctx)
	}
	return h
}

// The oldest drivers that run CUDA 13 and CUDA 12, from NVIDIA's table of minor-version compatibility.
const (
	driverForCUDA13 = 580
	driverForCUDA12 = 525
)

// Pick returns the backend for a host and why it is the one.
func Pick(h Host) (backend, why string, err error) {
	usable := native.Supported(h.GOOS, h.GOARCH)
	if len(usable) == 0 {
		return "", "", &native.UnsupportedError{Platform: h.GOOS + "/" + h.GOARCH}
	}
	if slices.Contains(usable, native.Metal) {
		return native.Metal, "this is a Mac with Apple silicon", nil
	}
	if h.Driver == "" && !h.CUDA {
		return native.CPU, "there is no NVIDIA driver", nil
	}
	if !h.CUDA {
		return native.CPU, fmt.Sprintf("there is an NVIDIA driver %s, but no libcuda.so.1", h.Driver), nil
	}
	major, _, _ := strings.Cut(h.Driver, ".")
	version, _ := strconv.Atoi(major)
	switch {
	case version >= driverForCUDA13:
		return native.CUDA13, "the NVIDIA driver is " + h.Driver, nil
	case version >= driverForCUDA12:
		return native.CUDA12, fmt.Sprintf("the NVIDIA driver %s is older than %d", h.Driver, driverForCUDA13), nil
	case version > 0:
		return native.CPU, fmt.Sprintf("the NVIDIA driver %s is older than %d", h.Driver, driverForCUDA12), nil
	}
	return native.CPU, "the version of the NVIDIA driver cannot be read; --backend cuda12 or cuda13 overrides this", nil
}

var driverPattern = regexp.MustCompile(`\b([0-9]{3,4}\.[0-9]+(?:\.[0-9]+)?)\b`)

// driverVersion asks the kernel's driver, then nvidia-smi, which is what there is under WSL.
func driverVersion(ctx context.Context) string {
	if text, err := os.ReadFile("/proc/driver/nvidia/version"); err == nil {
		if v := driverPattern.FindString(string(text)); v != "" {
			return v
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader").Output()
	if err != nil {
		return ""
	}
	return driverPattern.FindString(string(out))
}

func hasCUDALibrary() bool {
	dirs := []string{
		"/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/lib/wsl/lib",
		"/usr/local/nvidia/lib64", "/usr/local/cuda/compat", "/run/opengl-driver/lib",
	}
	dirs = append(filepath.SplitList(os.Getenv("LD_LIBRARY_PATH")), dirs...)
	return slices.ContainsFunc(dirs, func(dir string) bool {
		_, err := os.Stat(filepath.Join(dir, "libcuda.so.1"))
		return err == nil
	})
}
