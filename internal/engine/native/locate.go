package native

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Locate finds the engine for this program: the one of the backend in $ADJOINT_BACKEND, else the one installed last.
// It reads a manifest and asks for the size and time of each file, no more, unless a file was touched.
//
// The error is a [*MissingError], [*StaleError], [*DamagedError] or [*UnsupportedError]; each is one sentence that
// holds the command to run.
func Locate() (dir string, m *Manifest, err error) {
	return LocateIn(Home(), os.Getenv("ADJOINT_BACKEND"))
}

// LocateIn is [Locate] for a home folder and a backend, where "" is any.
func LocateIn(home, backend string) (dir string, m *Manifest, err error) {
	candidates := Supported(runtime.GOOS, runtime.GOARCH)
	if backend != "" || len(candidates) == 0 {
		if err := Usable(backend); err != nil {
			return "", nil, err
		}
		candidates = []string{backend}
	}
	found, err := newest(home, candidates)
	if err != nil {
		return "", nil, err
	}
	if found == "" {
		return "", nil, absent(home, backend)
	}
	dir = Dir(home, found)
	m, err = Check(dir, false)
	if err == nil && (m.Key != Key(found) || m.Backend != found) {
		err = &DamagedError{Dir: dir, File: ManifestName, Err: errors.New("it is another engine's")}
	}
	if d := (*DamagedError)(nil); errors.As(err, &d) {
		d.Backend = found
	}
	if errors.Is(err, fs.ErrNotExist) { // it was removed since newest saw it
		err = absent(home, backend)
	}
	if err != nil {
		return "", nil, err
	}
	return dir, m, nil
}

// newest returns which of the backends was installed last for this program, or "". An engine whose manifest cannot be
// read counts as the oldest, so that it is reported only when there is no other.
func newest(home string, backends []string) (string, error) {
	type engine struct {
		backend   string
		installed int64
	}
	var found []engine
	for _, b := range backends {
		m, err := ReadManifest(Dir(home, b))
		switch {
		case err == nil:
			found = append(found, engine{b, m.Installed.UnixNano()})
		case !errors.Is(err, fs.ErrNotExist):
			found = append(found, engine{b, -1 << 63})
		}
	}
	if len(found) == 0 {
		return "", nil
	}
	// Of equals the first is taken: backends come in the order of preference.
	best := slices.MaxFunc(found, func(x, y engine) int { return cmp.Compare(x.installed, y.installed) })
	return best.backend, nil
}

// absent says why there is no engine for this program: none at all, or only others.
func absent(home, backend string) error {
	for _, e := range Engines(home) {
		if !e.Current && (backend == "" || e.Backend == backend) {
			stale := &StaleError{Home: home, Backend: backend, Found: e.Dir}
			if e.Manifest != nil {
				stale.MLX = e.Manifest.MLX
			}
			return stale
		}
	}
	return &MissingError{Home: home, Backend: backend}
}

// An Engine is a folder that holds an engine, whole or not.
type Engine struct {
	Dir      string
	Backend  string
	Key      string
	Current  bool      // it is made for this program
	Manifest *Manifest // nil when Err says why it could not be read
	Err      error
}

// Engines lists the engines below home, the newest first.
func Engines(home string) []Engine {
	entries, err := os.ReadDir(EnginesDir(home))
	if err != nil {
		return nil
	}
	var list []Engine
	for _, entry := range entries {
		backend, key, ok := strings.Cut(entry.Name(), "-")
		if !ok || !entry.IsDir() || !knownBackend(backend) {
			continue
		}
		e := Engine{Dir: filepath.Join(EnginesDir(home), entry.Name()), Backend: backend, Key: key}
		e.Current = key == Key(backend)
		e.Manifest, e.Err = ReadManifest(e.Dir)
		if errors.Is(e.Err, fs.ErrNotExist) {
			e.Err = &DamagedError{Dir: e.Dir, Backend: backend, File: ManifestName, Err: errors.New("it is missing")}
		}
		list = append(list, e)
	}
	slices.SortStableFunc(list, func(x, y Engine) int { return cmp.Compare(y.installed(), x.installed()) })
	return list
}

func (e Engine) installed() int64 {
	if e.Manifest == nil {
		return -1 << 63
	}
	return e.Manifest.Installed.UnixNano()
}
