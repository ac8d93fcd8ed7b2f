package manifest

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/adjoint-go/adjoint/plugins/spec"
)

// Alone makes the manifest of a package that holds nothing but a program for
// one platform.
func Alone(about *spec.Plugin, protocol int, platform, program string) (*Manifest, error) {
	f, err := os.Open(program)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m := start(about, protocol)
	entry, err := hash(f, filepath.Base(program))
	if err != nil {
		return nil, err
	}
	m.Executables[platform] = entry
	return m, m.Validate()
}

// Package makes the manifest of the package in a folder. DIR/os_arch/NAME, where
// NAME is what follows the slash in the plugin's id, are its executables, and
// every other file belongs to it too. An existing manifest and its signatures
// do not count. Links and what is neither file nor folder are errors.
func Package(about *spec.Plugin, protocol int, dir string) (*Manifest, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	m := start(about, protocol)
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || d.IsDir() || name == Name || name == SignatureName:
			return err
		case !d.Type().IsRegular():
			return fmt.Errorf("%s is a link or a device; a package holds plain files", filepath.Join(dir, name))
		case len(m.Files) >= MaxFiles:
			return fmt.Errorf("%s holds more than %d files", dir, MaxFiles)
		}
		f, err := root.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		entry, err := hash(f, name)
		if err != nil {
			return err
		}
		if platform := path.Dir(name); ValidPlatform(platform) && path.Base(name) == path.Base(about.ID) {
			m.Executables[platform] = entry
		} else {
			m.Files = append(m.Files, entry)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(m.Executables) == 0 {
		return nil, errors.New(dir + " holds no program; it is looked for in " + filepath.Join(dir, "GOOS_GOARCH", path.Base(about.ID)))
	}
	slices.SortFunc(m.Files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	return m, m.Validate()
}

func start(about *spec.Plugin, protocol int) *Manifest {
	return &Manifest{
		Format: Format, ID: about.ID, Version: about.Version, Build: about.Build, Protocols: []int{protocol},
		Executables: make(map[string]File), Kernels: about.Kernels, Sources: sources(about.Kernels),
	}
}

func hash(r io.Reader, name string) (File, error) {
	h := sha256.New()
	n, err := io.Copy(h, r)
	return File{Path: name, Size: n, SHA256: hex.EncodeToString(h.Sum(nil))}, err
}
