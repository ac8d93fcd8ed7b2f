package native

import (
	"fmt"
	"path/filepath"
)

// setup returns the command that makes the engine of a backend, or of the one that setup picks when it is "".
func setup(backend string) string {
	if backend == "" {
		return SetupCommand
	}
	return SetupCommand + " --backend " + backend
}

// MissingError says that no engine is there yet.
type MissingError struct {
	Home    string // where it was looked for
	Backend string // the backend asked for; "" when any would do
}

func (e *MissingError) Error() string {
	what := "engine"
	if e.Backend != "" {
		what = e.Backend + " engine"
	}
	return fmt.Sprintf("adjoint: there is no %s in %s; to make it, run: %s", what, e.Home, setup(e.Backend))
}

// StaleError says that an engine is there, but for other sources, versions or flags than this program's.
type StaleError struct {
	Home    string
	Backend string // the backend asked for; "" when any would do
	Found   string // the folder of the newest engine that is there
	MLX     string // its MLX version, where it could be read
}

func (e *StaleError) Error() string {
	found := filepath.Base(e.Found)
	if e.MLX != "" {
		found += " of MLX " + e.MLX
	}
	return fmt.Sprintf("adjoint: the engine in %s (%s) was made for another version of Adjoint; to make this one's, run: %s",
		e.Home, found, setup(e.Backend))
}

// DamagedError says that a file of the engine is not what setup left there.
type DamagedError struct {
	Dir     string
	Backend string
	File    string // relative to Dir, except for a library from outside the engine
	Err     error  // what is wrong with the file
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("adjoint: the engine in %s is damaged (%s: %v); to make it anew, run: %s",
		e.Dir, e.File, e.Err, setup(e.Backend))
}

func (e *DamagedError) Unwrap() error { return e.Err }

// UnsupportedError says that a backend cannot work on this platform, or is none.
type UnsupportedError struct {
	Backend  string
	Platform string // GOOS/GOARCH
}

func (e *UnsupportedError) Error() string {
	usable := Supported(splitPlatform(e.Platform))
	switch {
	case len(usable) == 0:
		return fmt.Sprintf("adjoint: MLX has no packages for %s; Adjoint runs on linux/amd64, linux/arm64 and darwin/arm64", e.Platform)
	case !knownBackend(e.Backend):
		return fmt.Sprintf("adjoint: there is no backend %q; on %s choose %s, for example with: %s",
			e.Backend, e.Platform, backendList(usable), setup(usable[len(usable)-1]))
	}
	return fmt.Sprintf("adjoint: the backend %s does not run on %s; choose %s, for example with: %s",
		e.Backend, e.Platform, backendList(usable), setup(usable[len(usable)-1]))
}

// SettingError says that an environment variable has a value with which the engine does not open.
type SettingError struct {
	Setting string // NAME=value
	Why     string
}

func (e *SettingError) Error() string { return fmt.Sprintf("adjoint: %s: %s", e.Setting, e.Why) }
