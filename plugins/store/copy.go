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
	"syscall"

	"github.com/adjoint-go/adjoint/plugins/manifest"
)

// Copy is a checked copy of a package that nobody else can change.
type Copy struct {
	Dir     string // a private folder
	Program string // the path of the program in it
}

// Copy copies the files that this machine needs into a new private folder below
// dir and hashes the copies. After an error nothing is left.
func (p *Package) Copy(ctx context.Context, dir string) (*Copy, error) {
	private, err := os.MkdirTemp(dir, "copy-")
	if err != nil {
		return nil, system(dir, err)
	}
	if err := p.extract(ctx, Platform(), private, 0o400, 0o500); err != nil {
		return nil, errors.Join(err, os.RemoveAll(private))
	}
	program := filepath.FromSlash(p.Manifest.Executables[Platform()].Path)
	return &Copy{Dir: private, Program: filepath.Join(private, program)}, nil
}

// Remove deletes the copy.
func (c *Copy) Remove() error { return os.RemoveAll(c.Dir) }

// extract writes the files that the platform needs below dir, which is private,
// and hashes what it wrote.
func (p *Package) extract(ctx context.Context, platform, dir string, files, programs fs.FileMode) error {
	program := p.Manifest.Executables[platform].Path
	return p.visit(ctx, platform, func(f manifest.File, size int64, r io.Reader) error {
		path := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return system(path, err)
		}
		mode := files
		if f.Path == program {
			mode = programs
		}
		if err := write(path, mode, func(w io.Writer) error { return copyExactly(w, r, f, size, p.Path) }); err != nil {
			return err
		}
		digest, err := hashFile(path)
		if err != nil {
			return err
		}
		return compare(f, digest, p.Path)
	})
}

// write makes a new file. No process is started while a program is open for
// writing: a child would inherit the descriptor for a moment, in which the
// program could not be run.
func write(path string, mode fs.FileMode, content func(io.Writer) error) error {
	if mode&0o100 != 0 {
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return system(path, err)
	}
	err = content(f)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return system(path, err)
	}
	return nil
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", system(path, err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", system(path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// copyExactly copies a file of the size that the manifest says, and not a byte
// more.
func copyExactly(w io.Writer, r io.Reader, f manifest.File, size int64, where string) error {
	path := filepath.Join(where, filepath.FromSlash(f.Path))
	if size != f.Size {
		return fail(path, ErrContent, "it has %d bytes, the manifest says %d", size, f.Size)
	}
	n, err := io.Copy(w, io.LimitReader(r, f.Size+1))
	switch {
	case err != nil:
		return system(path, err)
	case n != f.Size:
		return fail(path, ErrContent, "its size changed while it was read")
	}
	return nil
}

func compare(f manifest.File, digest, where string) error {
	if digest == f.SHA256 {
		return nil
	}
	return fail(filepath.Join(where, filepath.FromSlash(f.Path)), ErrContent, "its SHA-256 is %s, the manifest says %s", digest, f.SHA256)
}
