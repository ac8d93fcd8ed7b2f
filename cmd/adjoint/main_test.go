package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/internal/engine/native"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"adjoint": func() { os.Exit(run()) }})
}

// Scripts work in an empty home; $REAL_HOME has the user's engine.
func TestScripts(t *testing.T) {
	home, backend := native.Home(), os.Getenv("ADJOINT_BACKEND")
	program, err := filepath.Abs("../../transforms/compile/ir/testdata/network.json")
	require.NoError(t, err)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("ADJOINT_HOME", env.WorkDir+"/home")
			env.Setenv("ADJOINT_BACKEND", "")
			env.Setenv("PROGRAM", program) // one that compile wrote
			env.Setenv("REAL_HOME", home)
			env.Setenv("REAL_BACKEND", backend)
			return nil
		},
	})
}
