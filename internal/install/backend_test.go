package install

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/internal/engine/native"
)

func TestPick(t *testing.T) {
	linux := func(driver string, cuda bool) Host {
		return Host{GOOS: "linux", GOARCH: "amd64", Driver: driver, CUDA: cuda}
	}
	tests := []struct {
		name string
		host Host
		want string
		why  string
	}{
		{"a Mac", Host{GOOS: "darwin", GOARCH: "arm64"}, native.Metal, "Apple silicon"},
		{"no driver", linux("", false), native.CPU, "no NVIDIA driver"},
		{"a new driver", linux("580.82.07", true), native.CUDA13, "580.82.07"},
		{"a later one", linux("612.10", true), native.CUDA13, "612.10"},
		{"a driver for CUDA 12", linux("570.86.15", true), native.CUDA12, "older than 580"},
		{"the oldest for CUDA 12", linux("525.60.13", true), native.CUDA12, "older than 580"},
		{"too old", linux("470.57.02", true), native.CPU, "older than 525"},
		{"a container without the library", linux("580.82.07", false), native.CPU, "no libcuda.so.1"},
		{"a library of unknown version", linux("", true), native.CPU, "cannot be read"},
		{"arm64", Host{GOOS: "linux", GOARCH: "arm64", Driver: "590.1", CUDA: true}, native.CUDA13, "590.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, why, err := Pick(tt.host)
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
			assert.Contains(t, why, tt.why)
		})
	}
}

func TestPickRefusesOtherPlatforms(t *testing.T) {
	for _, h := range []Host{{GOOS: "windows", GOARCH: "amd64"}, {GOOS: "darwin", GOARCH: "amd64"}, {}} {
		_, _, err := Pick(h)
		var unsupported *native.UnsupportedError
		assert.ErrorAs(t, err, &unsupported)
	}
}

func TestDriverPattern(t *testing.T) {
	for text, want := range map[string]string{
		"NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.15  Thu Jan 23 2025\nGCC version:  gcc version 12.3.0": "570.86.15",
		"NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build":                            "580.95.05",
		"560.35\n":              "560.35",
		"NVIDIA-SMI has failed": "",
	} {
		assert.Equal(t, want, driverPattern.FindString(text))
	}
}
