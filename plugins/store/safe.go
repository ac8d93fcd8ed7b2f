package store

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// resolve returns the real path of a folder after a check that nobody else can
// put something in its place: it may not be open for everybody to write, and no
// folder above it either, unless it is sticky as /tmp is.
func resolve(dir string) (string, error) {
	named, err := filepath.Abs(dir)
	if err != nil {
		return "", system(dir, err)
	}
	full, err := filepath.EvalSymlinks(named)
	if err != nil {
		return "", system(dir, err)
	}
	if info, err := os.Stat(full); err != nil || !info.IsDir() || everybody(info) {
		switch {
		case err != nil:
			return "", system(dir, err)
		case !info.IsDir():
			return "", fail(dir, ErrUnsafe, "it is no folder")
		}
		return "", fail(dir, ErrUnsafe, "everybody may write to it; run chmod o-w on it")
	}
	// A link that leads here can be changed by who may write to its folder.
	for _, at := range []string{named, full} {
		for at != filepath.Dir(at) {
			at = filepath.Dir(at)
			info, err := os.Stat(at)
			if err != nil {
				return "", system(at, err)
			}
			if everybody(info) && info.Mode()&fs.ModeSticky == 0 {
				return "", fail(dir, ErrUnsafe, "everybody may write to %s, which is above it; run chmod o-w on that", at)
			}
		}
	}
	return full, nil
}

func everybody(info fs.FileInfo) bool { return info.Mode().Perm()&0o002 != 0 }

// step checks one entry below a folder that is safe: no link, and not for
// everybody to write.
func step(path string, info fs.FileInfo) error {
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return fail(path, ErrUnsafe, "it is a symbolic link; a plugin's folder holds plain folders and files")
	case everybody(info):
		return fail(path, ErrUnsafe, "everybody may write to it; run chmod o-w on it")
	}
	return nil
}

// descend checks every folder from dir, which is resolved, to its descendant.
func descend(dir, below string) error {
	at := dir
	for part := range strings.SplitSeq(filepath.ToSlash(below), "/") {
		at = filepath.Join(at, part)
		info, err := os.Lstat(at)
		if err != nil {
			return system(at, err)
		}
		if err := step(at, info); err != nil {
			return err
		}
		if !info.IsDir() {
			return fail(at, ErrUnsafe, "it is no folder")
		}
	}
	return nil
}

// open opens a plain file below root. Nothing of its path may be a link; what
// is not a plain file is not waited for.
func open(root *os.Root, name string) (*os.File, error) {
	path := filepath.Join(root.Name(), filepath.FromSlash(name))
	parts := strings.Split(name, "/")
	for i := range parts {
		rel := strings.Join(parts[:i+1], "/")
		info, err := root.Lstat(rel)
		if err != nil {
			return nil, system(path, err)
		}
		if err := step(filepath.Join(root.Name(), rel), info); err != nil {
			return nil, err
		}
	}
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, system(path, err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		err = system(path, err)
	case !info.Mode().IsRegular():
		err = fail(path, ErrUnsafe, "it is no plain file")
	default:
		err = step(path, info)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
