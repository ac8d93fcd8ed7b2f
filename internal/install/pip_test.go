package install

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/internal/engine/native"
)

// closed is a package index that nobody serves: the discard port of this machine.
const closed = "http://127.0.0.1:9/simple"

func needPip(t *testing.T) {
	t.Helper()
	if exec.Command("python3", "-m", "pip", "--version").Run() != nil {
		t.Skip("no python3 with pip on this machine")
	}
}

func TestPipWithoutNetwork(t *testing.T) {
	needPip(t)
	t.Setenv("PIP_INDEX_URL", closed)
	t.Setenv("PIP_FIND_LINKS", "")
	t.Setenv("PIP_CONFIG_FILE", "/dev/null")
	dir := t.TempDir()
	reqs, err := requirements(dir, native.CPU)
	require.NoError(t, err)
	start := time.Now()
	err = pip(t.Context(), native.CPU, "", reqs, filepath.Join(dir, "site"))
	var failed *PipError
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, NoNetwork, failed.Reason)
	assert.Contains(t, err.Error(), "--offline DIR")
	assert.Less(t, time.Since(start), 20*time.Second)
}

func TestPipOfflineWithoutWheels(t *testing.T) {
	needPip(t)
	dir := t.TempDir()
	reqs, err := requirements(dir, native.CPU)
	require.NoError(t, err)
	t.Setenv("PIP_FIND_LINKS", "")
	err = pip(t.Context(), native.CPU, t.TempDir(), reqs, filepath.Join(dir, "site"))
	var failed *PipError
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, NoWheel, failed.Reason)
	assert.Contains(t, err.Error(), "mlx-cpu "+native.MLXVersion)
}

func TestPipError(t *testing.T) {
	tests := []struct {
		name, said, reason, last string
	}{
		{"a dead network", "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError'\nERROR: No matching distribution found for mlx-cpu==1\n",
			NoNetwork, "ERROR: No matching distribution found for mlx-cpu==1"},
		{"no wheel for this machine", "ERROR: Could not find a version that satisfies the requirement mlx-cpu==1\nERROR: No matching distribution found for mlx-cpu==1",
			NoWheel, "ERROR: No matching distribution found for mlx-cpu==1"},
		{"a changed wheel", "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n    Expected sha256 00\n         Got        11\n",
			BadHash, "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE."},
		{"a full disk", "Collecting mlx-cpu\nERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n\nnotice: a new pip\n",
			Failed, "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"},
		{"silence", "", Failed, "nothing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := pipError(native.CPU, "", tt.said)
			assert.Equal(t, tt.reason, e.Reason)
			assert.Equal(t, tt.last, e.Last)
			assert.NotContains(t, e.Error(), "\n")
		})
	}
}

func TestNoPython(t *testing.T) {
	t.Setenv("PYTHON", "/nowhere/python")
	_, err := findPython(t.Context())
	var none *PythonError
	require.ErrorAs(t, err, &none)
	assert.Contains(t, err.Error(), "/nowhere/python")

	t.Setenv("PYTHON", "/bin/false")
	_, err = findPython(t.Context())
	require.ErrorAs(t, err, &none)
}
