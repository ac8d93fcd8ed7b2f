//go:build asan

package engine

import (
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

const faultEnv = "ADJOINT_TEST_FAULT"

// A program that commits a fault in the engine's code ends with a report of it.
func TestFaultsAreReported(t *testing.T) {
	if which, err := strconv.Atoi(os.Getenv(faultEnv)); err == nil {
		require.NoError(t, Enter())
		Fault(which)
		Leave()
		return
	}
	for which, report := range map[int]string{
		-1:              "",
		FaultOverflow:   "heap-buffer-overflow",
		FaultFreed:      "heap-use-after-free",
		FaultArithmetic: "signed integer overflow",
		FaultLeak:       "detected memory leaks",
	} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestFaultsAreReported$")
		cmd.Env = append(os.Environ(), faultEnv+"="+strconv.Itoa(which), "ASAN_OPTIONS=detect_leaks=1")
		out, err := cmd.CombinedOutput()
		if report == "" {
			require.NoError(t, err, string(out))
			continue
		}
		require.Error(t, err, report)
		require.Contains(t, string(out), report)
		require.Contains(t, string(out), "faults.cpp")
	}
}
