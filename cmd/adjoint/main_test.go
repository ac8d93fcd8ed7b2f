package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/adjoint-go/adjoint/internal/engine/native"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"adjoint": func() { os.Exit(run()) }})
}

// Scripts work in an empty home; $REAL_HOME has the user's engine.
func TestScripts(t *testing.T) {
	home, backend := native.Home(), os.Getenv("ADJOINT_BACKEND")
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("ADJOINT_HOME", env.WorkDir+"/home")
			env.Setenv("ADJOINT_BACKEND", "")
			env.Setenv("REAL_HOME", home)
			env.Setenv("REAL_BACKEND", backend)
			return nil
		},
	})
}
