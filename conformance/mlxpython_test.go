//go:build mlxpython

package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/conformance/internal/sample"
	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/mlxio"
	"github.com/adjoint-go/adjoint/transforms/compile"
)

// TestMLXPythonRunsEveryOp has MLX Python, which `make mlx-check` installs, run
// every op, as it is exported, on other inputs.
func TestMLXPythonRunsEveryOp(t *testing.T) {
	folder, n := t.TempDir(), 0
	for _, c := range Cases(false) {
		if c.Kind != Export {
			continue
		}
		s := newSubject(c, 1, nil)
		name := strings.NewReplacer("/", "-", ":", "-").Replace(c.Name())
		var file bytes.Buffer
		f := compile.Of((func([]*core.Array) []*core.Array)(s.fn))
		err := func() (err error) {
			defer core.Catch(&err)
			return compile.ExportTo(&file, f.Lower(sample.Arrays(s.inputs(0))))
		}()
		if errors.Is(err, core.ErrNoExport) || c.row.GPU {
			continue
		}
		require.NoError(t, err, name)
		calls := map[string]*core.Array{}
		in := sample.Arrays(s.inputs(1))
		for k, a := range in {
			calls[fmt.Sprintf("0.in.%d", k)] = a
		}
		for k, a := range s.fn(in) {
			calls[fmt.Sprintf("0.out.%d", k)] = a
		}
		require.NoError(t, os.WriteFile(filepath.Join(folder, name+".mlxfn"), file.Bytes(), 0o600))
		require.NoError(t, mlxio.SaveSafetensors(filepath.Join(folder, name+".safetensors"), calls, nil), name)
		n++
	}
	require.Greater(t, n, 3500)
	out, err := exec.Command(os.Getenv("MLX_PYTHON"), "-B", "../transforms/compile/testdata/make.py", "check", folder).CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Logf("%s", out)
}
