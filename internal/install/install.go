package install

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/adjoint-go/adjoint/internal/cxx"
	"github.com/adjoint-go/adjoint/internal/engine/native"
)

// A Config says what to install. The zero value installs the backend that fits the machine, silently.
type Config struct {
	Home    string    // where engines live; "": native.Home()
	Backend string    // "": the one that Pick chooses
	Offline string    // a folder of wheels to install from; "": the package index
	MLXC    string    // the prefix of an official mlx-c to use; "": Adjoint's own
	Force   bool      // build even when the engine is whole
	Out     io.Writer // where progress goes; nil: nowhere

	// Check tries the engine in dir before it is put in place; nil tries nothing.
	Check func(ctx context.Context, dir string) error

	// install stands in for pip in tests.
	install func(ctx context.Context, backend, offline, reqs, target string) error
}

// A Result says what there is now.
type Result struct {
	Dir      string
	Manifest *native.Manifest
	Already  bool   // the engine was whole, nothing was done
	Why      string // why this backend; "" when it was asked for
}

// A builder makes one engine in a folder with a temporary name.
type builder struct {
	backend  string
	stage    string // becomes the engine's folder
	scratch  string // below stage: what only the build needs
	src      string // below scratch: the native sources
	lib      string // below stage: the libraries
	log      string
	cxx      *cxx.Compiler
	needs    *blasNeeds // nil on macOS, whose BLAS is the system's
	official *native.Official
	progress *progress
}

// Run makes the engine that c asks for, unless it is there already.
func Run(ctx context.Context, c Config) (*Result, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	backend, why, err := c.backend(ctx)
	if err != nil {
		return nil, err
	}
	dir := native.Dir(c.Home, backend)
	whole := func() *Result {
		m, err := native.Check(dir, false)
		if c.Force || err != nil || m.Key != native.Key(backend) || officialPrefix(m) != c.MLXC {
			return nil
		}
		return &Result{Dir: dir, Manifest: m, Already: true, Why: why}
	}
	if r := whole(); r != nil {
		return r, nil
	}
	p := newProgress(c.Out)
	release, err := lock(ctx, native.EnginesDir(c.Home), func() { p.say("another setup is at work: waiting for it") })
	if err != nil {
		return nil, err
	}
	defer release()
	if r := whole(); r != nil { // the other setup made it
		return r, nil
	}
	sweep(c.Home)
	m, err := c.build(ctx, backend, dir, p)
	if err != nil {
		return nil, err
	}
	return &Result{Dir: dir, Manifest: m, Why: why}, nil
}

// Download fetches the wheels of a backend into a folder, for a setup with Config.Offline on a machine of the same
// kind.
func Download(ctx context.Context, c Config, dir string) error {
	c, err := c.withDefaults()
	if err != nil {
		return err
	}
	backend, _, err := c.backend(ctx)
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "adjoint-download-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	reqs, err := requirements(scratch, backend)
	if err != nil {
		return err
	}
	return newProgress(c.Out).step("downloading the "+backend+" packages", 0, func() error {
		return pipDownload(ctx, backend, reqs, dir)
	})
}

func (c Config) withDefaults() (Config, error) {
	if c.Home == "" {
		c.Home = native.Home()
	}
	if c.Out == nil {
		c.Out = io.Discard
	}
	if c.install == nil {
		c.install = pip
	}
	for _, folder := range []*string{&c.Offline, &c.MLXC} {
		if *folder == "" {
			continue
		}
		abs, err := filepath.Abs(*folder)
		if err != nil {
			return c, err
		}
		if info, err := os.Stat(abs); err != nil || !info.IsDir() {
			return c, fmt.Errorf("adjoint setup: there is no folder %s", abs)
		}
		*folder = abs
	}
	return c, nil
}

func (c Config) backend(ctx context.Context) (backend, why string, err error) {
	if c.Backend != "" {
		return c.Backend, "", native.Usable(c.Backend)
	}
	return Pick(ThisHost(ctx))
}

// temporary is how the names of unfinished and replaced engines start.
const temporary = ".tmp-"

// sweep removes what killed setups left. The caller has the lock, so nobody works there.
func sweep(home string) {
	left, _ := filepath.Glob(filepath.Join(native.EnginesDir(home), temporary+"*"))
	for _, dir := range left {
		// An orphan of the killed setup may still write there; then the next setup removes the rest.
		_ = os.RemoveAll(dir)
	}
}

// build makes the engine in a temporary folder and renames it to dir.
func (c Config) build(ctx context.Context, backend, dir string, p *progress) (_ *native.Manifest, err error) {
	stage, err := os.MkdirTemp(native.EnginesDir(c.Home), temporary)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(stage) // after the rename there is nothing there
	if err := os.Chmod(stage, 0o755); err != nil {
		return nil, err
	}
	b := &builder{
		backend:  backend,
		stage:    stage,
		scratch:  filepath.Join(stage, "build"),
		lib:      filepath.Join(stage, filepath.FromSlash(native.LibDir)),
		log:      filepath.Join(c.Home, "setup.log"),
		progress: p,
	}
	b.src = filepath.Join(b.scratch, "src")
	if err := unpack(b.src); err != nil {
		return nil, err
	}
	// The compiler is asked first: it fails fast, the packages are the long part.
	if b.cxx, err = findCompiler(ctx, b.scratch); err != nil {
		return nil, err
	}
	if c.MLXC != "" {
		err := p.step("comparing the official mlx-c", 0, func() error { return b.useOfficial(ctx, c.MLXC) })
		if err != nil {
			return nil, err
		}
	}
	if err := c.packages(ctx, b); err != nil {
		return nil, err
	}
	if b.needs != nil {
		if err := p.step("forwarding BLAS to OpenBLAS", 0, func() error { return b.forwardBLAS(ctx) }); err != nil {
			return nil, err
		}
	}
	if err := b.compileLibraries(ctx); err != nil {
		return nil, err
	}
	if err := b.prune(); err != nil {
		return nil, err
	}
	m, err := b.manifest()
	if err != nil {
		return nil, err
	}
	if err := b.writeManifest(m); err != nil {
		return nil, err
	}
	if c.Check != nil {
		if err := p.step("checking the engine", 0, func() error { return c.Check(ctx, stage) }); err != nil {
			return nil, err
		}
	}
	return m, replace(stage, dir)
}

// packages installs the pinned packages and takes what the engine needs of them.
func (c Config) packages(ctx context.Context, b *builder) error {
	text := "installing MLX " + native.MLXVersion + " (" + b.backend + ")"
	if isCUDA(b.backend) {
		text += ", about 2 GB"
	}
	return b.progress.step(text, 0, func() error {
		reqs, err := requirements(b.scratch, b.backend)
		if err != nil {
			return err
		}
		site := filepath.Join(b.scratch, "site")
		if err := c.install(ctx, b.backend, c.Offline, reqs, site); err != nil {
			return err
		}
		return b.arrange(site)
	})
}

// replace renames stage to dir. An engine that is there makes room first and is then removed: a program that has it
// open keeps its files.
func replace(stage, dir string) error {
	parent := filepath.Dir(dir)
	old := filepath.Join(parent, fmt.Sprintf("%sold-%d", temporary, time.Now().UnixNano()))
	err := os.Rename(dir, old)
	switch {
	case err == nil:
		defer os.RemoveAll(old)
	case !errors.Is(err, os.ErrNotExist):
		return err
	}
	if err := os.Rename(stage, dir); err != nil {
		_ = os.Rename(old, dir)
		return err
	}
	return syncPath(parent)
}

func officialPrefix(m *native.Manifest) string {
	if m.Official == nil {
		return ""
	}
	return m.Official.Prefix
}
