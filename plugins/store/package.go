package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/adjoint-go/adjoint/plugins/manifest"
	"github.com/adjoint-go/adjoint/plugins/trust"
)

// Package is a plugin's package, in a folder or in an archive. Its manifest was
// read, and nothing else.
type Package struct {
	Path       string // of the folder or the archive
	Manifest   *manifest.Manifest
	Text       []byte // of the manifest
	Signatures []byte // nil: there are none
	source     source
}

// source gives out the files of a package.
type source interface {
	// each calls visit for those of the wanted files that there are.
	each(ctx context.Context, want map[string]manifest.File, visit func(f manifest.File, size int64, r io.Reader) error) error
	close() error
}

// Open opens an installed package. The folders that lead to it must be safe, and
// the manifest must be that of this plugin and version.
func (f Found) Open() (*Package, error) {
	below, err := filepath.Rel(f.Root, f.Dir)
	if err == nil {
		err = descend(f.Root, below)
	}
	if err != nil {
		return nil, err
	}
	p, err := openFolder(f.Dir)
	if err != nil {
		return nil, err
	}
	if p.Manifest.ID != f.ID || p.Manifest.Version != f.Version {
		_ = p.Close()
		return nil, fail(f.Dir, ErrContent, "the folder is that of %s %s, the manifest that of %s %s", f.ID, f.Version, p.Manifest.ID, p.Manifest.Version)
	}
	return p, nil
}

// Open opens a package that is not installed: a folder, a tar or a tar.gz file.
func Open(ctx context.Context, path string) (*Package, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, system(path, err)
	}
	if !info.IsDir() {
		return openArchive(ctx, path)
	}
	full, err := resolve(path)
	if err != nil {
		return nil, err
	}
	return openFolder(full)
}

func openFolder(dir string) (*Package, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, system(dir, err)
	}
	text, err := readSmall(root, manifest.Name, manifest.MaxBytes)
	if err != nil {
		_ = root.Close()
		return nil, err
	}
	signatures, err := readSmall(root, manifest.SignatureName, trust.MaxSignatures)
	if errors.Is(err, fs.ErrNotExist) {
		signatures, err = nil, nil
	}
	if err != nil {
		_ = root.Close()
		return nil, err
	}
	return newPackage(dir, text, signatures, folder{root})
}

func newPackage(path string, text, signatures []byte, s source) (*Package, error) {
	m, err := manifest.Decode(text)
	if err != nil {
		_ = s.close()
		return nil, &Error{Path: path, Err: err}
	}
	return &Package{Path: path, Manifest: m, Text: text, Signatures: signatures, source: s}, nil
}

func readSmall(root *os.Root, name string, limit int) ([]byte, error) {
	f, err := open(root, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(filepath.Join(root.Name(), name), f, limit)
}

func readAll(path string, r io.Reader, limit int) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err != nil {
		return nil, system(path, err)
	}
	if len(text) > limit {
		return nil, fail(path, ErrLimit, "more than %d bytes", limit)
	}
	return text, nil
}

// Close ends the use of the package's folder or archive.
func (p *Package) Close() error { return p.source.close() }

// Claim returns what a policy judges.
func (p *Package) Claim() trust.Claim {
	return trust.Claim{ID: p.Manifest.ID, Version: p.Manifest.Version, Manifest: p.Text, Signatures: p.Signatures}
}

// wanted returns the files that a platform needs, by their paths.
func (p *Package) wanted(platform string) (map[string]manifest.File, error) {
	files := p.Manifest.For(platform)
	if files == nil {
		return nil, fail(p.Path, ErrPlatform, "%s; there are programs for %v", platform, p.Manifest.Platforms())
	}
	want := make(map[string]manifest.File, len(files))
	for _, f := range files {
		want[f.Path] = f
	}
	return want, nil
}

// Verify reads every file that the platform needs and compares it with the
// manifest. Nothing is kept.
func (p *Package) Verify(ctx context.Context, platform string) error {
	return p.visit(ctx, platform, func(f manifest.File, size int64, r io.Reader) error {
		h := sha256.New()
		if err := copyExactly(h, r, f, size, p.Path); err != nil {
			return err
		}
		return compare(f, hex.EncodeToString(h.Sum(nil)), p.Path)
	})
}

// visit calls visit for every file that the platform needs.
func (p *Package) visit(ctx context.Context, platform string, visit func(f manifest.File, size int64, r io.Reader) error) error {
	want, err := p.wanted(platform)
	if err != nil {
		return err
	}
	missing := make(map[string]bool, len(want))
	for name := range want {
		missing[name] = true
	}
	err = p.source.each(ctx, want, func(f manifest.File, size int64, r io.Reader) error {
		delete(missing, f.Path)
		return visit(f, size, r)
	})
	if err != nil {
		return err
	}
	for name := range missing {
		return fail(filepath.Join(p.Path, filepath.FromSlash(name)), ErrContent, "the file is missing")
	}
	return nil
}

// folder is a package in a folder.
type folder struct{ root *os.Root }

func (d folder) close() error { return d.root.Close() }

func (d folder) each(ctx context.Context, want map[string]manifest.File, visit func(manifest.File, int64, io.Reader) error) error {
	for _, w := range want {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := d.one(w, visit); err != nil {
			return err
		}
	}
	return nil
}

func (d folder) one(want manifest.File, visit func(manifest.File, int64, io.Reader) error) error {
	f, err := open(d.root, want.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // missed by the caller
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return system(filepath.Join(d.root.Name(), want.Path), err)
	}
	return visit(want, info.Size(), f)
}
