package native

import (
	"os"
	"path/filepath"

	"github.com/adrg/xdg"
)

// LibDir is the folder of an engine that holds its libraries.
const LibDir = "mlx/lib"

// SetupCommand is what a user runs to make the engine of this version of Adjoint.
const SetupCommand = "go run " + buildFlag + "github.com/adjoint-go/adjoint/cmd/adjoint setup"

// Home returns the folder that holds this user's engines: $ADJOINT_HOME, or "adjoint" in the user's cache folder.
func Home() string {
	home := os.Getenv("ADJOINT_HOME")
	if home == "" {
		home = filepath.Join(xdg.CacheHome, "adjoint")
	}
	if abs, err := filepath.Abs(home); err == nil {
		return abs
	}
	return home
}

// EnginesDir returns the folder of home that holds the engines.
func EnginesDir(home string) string { return filepath.Join(home, "engines") }

// Dir returns where the engine of a backend for this program lives below home, whether it is there or not.
func Dir(home, backend string) string {
	return filepath.Join(EnginesDir(home), backend+"-"+Key(backend))
}
