package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/internal/engine/native"
	"github.com/adjoint-go/adjoint/plugins/store"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"adjoint": func() { os.Exit(run()) }})
}

// packPlugin builds the package of the plugin in examples/plugin-square, and returns what
// scripts about plugins find in their environment: the package, the three numbers of an
// npy file, and what the go command needs away from home.
func packPlugin(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	dist := filepath.Join(dir, "dist")
	program := filepath.Join(dist, store.Platform(), "sq")
	for _, args := range [][]string{
		{"go", "build", "-o", program, "github.com/adjoint-go/adjoint/examples/plugin-square/square-plugin"},
		{program, "manifest", dist},
	} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
	}
	npy := filepath.Join(dir, "x.npy")
	text := "\x93NUMPY\x01\x00\x76\x00" + fmt.Sprintf("%-117s\n", "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }")
	for _, x := range []float32{1, 2, -3} {
		text += string(binary.LittleEndian.AppendUint32(nil, math.Float32bits(x)))
	}
	require.NoError(t, os.WriteFile(npy, []byte(text), 0o600))
	env := map[string]string{"DIST": dist, "NPY": npy, "REPO": root, "PLATFORM": store.Platform(), "GOPROXY": "off"}
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOROOT"} {
		out, err := exec.Command("go", "env", name).Output()
		require.NoError(t, err)
		env[name] = strings.TrimSpace(string(out))
	}
	return env
}

// Scripts work in an empty home; $REAL_HOME has the user's engine.
func TestScripts(t *testing.T) {
	home, backend := native.Home(), os.Getenv("ADJOINT_BACKEND")
	program, err := filepath.Abs("../../transforms/compile/ir/testdata/network.json")
	require.NoError(t, err)
	plugin := packPlugin(t)
	function, err := filepath.Abs("../../transforms/compile/testdata/mlxfn/several.mlxfn")
	require.NoError(t, err)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("ADJOINT_HOME", env.WorkDir+"/home")
			env.Setenv("ADJOINT_BACKEND", "")
			env.Setenv("PROGRAM", program)   // one that compile wrote
			env.Setenv("FUNCTION", function) // one that MLX Python wrote
			env.Setenv("REAL_HOME", home)
			env.Setenv("REAL_BACKEND", backend)
			env.Setenv("XDG_DATA_HOME", env.WorkDir+"/data")
			for name, value := range plugin {
				env.Setenv(name, value)
			}
			return nil
		},
	})
}
