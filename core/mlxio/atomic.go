package mlxio

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"

	"github.com/adjoint-go/adjoint/core"
)

// saveFile writes path at once or not at all: into a new file beside it, which
// takes its place when all of it is on the disk.
func saveFile(path string, format Format, arrays map[string]*core.Array, content func(w io.Writer) error) error {
	if err := evaluate(arrays); err != nil {
		return fault(path, format, "", err)
	}
	return fault(path, format, "", replace(path, content))
}

// evaluate computes arrays before a file is made for them, and says which one
// cannot be.
func evaluate(arrays map[string]*core.Array) error {
	for _, name := range names(arrays) {
		_, err := core.Try(func() *core.Array {
			if arrays[name] == nil {
				core.Fail("mlxio.Save", nil, core.ErrNil)
			}
			return arrays[name]
		})
		if err != nil {
			return at(array(name), err)
		}
	}
	return nil
}

func replace(path string, content func(w io.Writer) error) (err error) {
	// A link stays one: what it leads to is replaced.
	target, err := filepath.EvalSymlinks(path)
	mode, isNew := fs.FileMode(0o666), false
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Lstat(path); err == nil {
			return unsupported("the link leads nowhere: remove it, or make what it leads to")
		}
		target, isNew = path, true
	case err != nil:
		return err
	default:
		info, err := os.Stat(target)
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return unsupported("%v is no file to replace: write to it with the function for streams", info.Mode().Type())
		}
		mode = info.Mode().Perm()
	}
	temp, err := createBeside(target, mode)
	if err != nil {
		return err
	}
	done := false
	defer func() {
		if !done {
			temp.Close()
			os.Remove(temp.Name())
		}
	}()
	if !isNew { // the umask was taken off its mode once
		if err := temp.Chmod(mode); err != nil {
			return err
		}
	}
	if err := content(temp); err != nil {
		return err
	}
	if err := temp.Sync(); err != nil {
		return err
	}
	if err := temp.Close(); err != nil {
		return err
	}
	if err := os.Rename(temp.Name(), target); err != nil {
		return err
	}
	done = true
	return syncDir(filepath.Dir(target))
}

// createBeside makes an empty file in the folder of path. Unlike os.CreateTemp
// it leaves the mode to the umask, as the final file should.
func createBeside(path string, mode fs.FileMode) (*os.File, error) {
	for {
		name := filepath.Join(filepath.Dir(path), fmt.Sprintf(".adjoint-%016x.tmp", rand.Uint64()))
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}

// syncDir makes a rename last. Some file systems cannot, and need not.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}
