package install

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/adjoint-go/adjoint/internal/engine/native"
)

// manifest describes the staged engine.
func (b *builder) manifest() (*native.Manifest, error) {
	m := &native.Manifest{
		Format:    native.Format,
		Key:       native.Key(b.backend),
		Backend:   b.backend,
		MLX:       native.MLXVersion,
		Compiler:  b.cxx.Version,
		Flags:     native.CompileFlags(),
		Installed: time.Now().UTC(),
		Official:  b.official,
	}
	own := func(name string) string { return native.LibDir + "/" + native.LibraryName(runtime.GOOS, name) }
	add := func(role, path string) { m.Load = append(m.Load, native.Library{Role: role, Path: path}) }
	if b.needs != nil {
		m.OpenBLAS = native.OpenBLASVersion
		add(native.RoleOpenBLAS, own("scipy_openblas"))
		add(native.RoleBLAS, native.LibDir+"/"+b.needs.BLAS)
		add(native.RoleLAPACK, native.LibDir+"/"+b.needs.LAPACK)
	}
	add(native.RoleMLX, own("mlx"))
	if b.official == nil {
		add(native.RoleMLXC, own("adjoint_"+native.MLXC))
	} else {
		add(native.RoleMLXC, b.official.Library)
		add(native.RoleFallback, own("adjoint_"+native.MLXC))
	}
	add(native.RoleExt, own("adjoint_"+native.Ext))

	paths, err := b.runtimeFiles()
	if err != nil {
		return nil, err
	}
	m.Files = make([]native.File, len(paths))
	for i, path := range paths {
		if m.Files[i], err = native.Describe(b.stage, path); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// runtimeFiles lists what opening the engine maps: everything in the library folder, and NVIDIA's libraries. The
// headers that CUDA compiles at run time are left out, for there are thousands.
func (b *builder) runtimeFiles() ([]string, error) {
	var paths []string
	err := filepath.WalkDir(b.stage, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(b.stage, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if strings.HasPrefix(rel, native.LibDir+"/") || strings.HasPrefix(rel, "nvidia/") && strings.Contains(rel, ".so") {
			paths = append(paths, rel)
		}
		return nil
	})
	if b.official != nil {
		paths = append(paths, b.official.Library)
	}
	slices.Sort(paths)
	return paths, err
}

// writeManifest writes engine.json last, when everything it speaks of is on the disk.
func (b *builder) writeManifest(m *native.Manifest) error {
	data, err := m.Encode()
	if err != nil {
		return err
	}
	for _, f := range m.Files {
		if err := syncPath(native.Abs(b.stage, f.Path)); err != nil && !filepath.IsAbs(f.Path) {
			return err
		}
	}
	path := filepath.Join(b.stage, native.ManifestName)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		return err
	}
	for _, p := range []string{path, b.lib, filepath.Dir(b.lib), b.stage} {
		if err := syncPath(p); err != nil {
			return err
		}
	}
	return nil
}

// syncPath brings a file or folder to the disk.
func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
