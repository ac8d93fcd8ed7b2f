package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/adjoint-go/adjoint/plugins/manifest"
	"github.com/adjoint-go/adjoint/plugins/trust"
)

// Installation says what to install, where, and on what condition.
type Installation struct {
	Source string       // a folder, a tar or a tar.gz file
	Dir    string       // the folder of plugins; it is made if it is missing
	Policy trust.Policy // what must vouch for the plugin
	Lock   string       // the lock file, in which the plugin is pinned; empty: none
}

// Installed is the outcome.
type Installed struct {
	Found
	Digest  string // of the manifest
	Already bool   // it was there, whole
}

// The beginnings of the names of folders that an installation or a removal uses
// and, if it was killed, left behind; and the file that lets one at a time work.
const (
	tempPrefix = ".installing-"
	oldPrefix  = ".removed-"
	lockName   = ".lock"
)

// Install copies a package for this machine into a folder of plugins, checks the
// copy, puts it in place at once, and pins it in the lock file. After an error,
// and when the process is killed, no part of it is in place. A version that is
// there with the same manifest is checked, and mended if it is damaged; one with
// another manifest is an [ErrInstalled].
func Install(ctx context.Context, i Installation) (*Installed, error) {
	p, err := Open(ctx, i.Source)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	if _, err := p.wanted(Platform()); err != nil {
		return nil, err
	}
	var lock *trust.Lock
	if i.Lock != "" {
		if lock, err = trust.ReadLock(i.Lock); err != nil {
			return nil, err
		}
	}
	if err := i.Policy.Check(p.Claim(), lock); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(i.Dir, 0o755); err != nil {
		return nil, system(i.Dir, err)
	}
	root, err := resolve(i.Dir)
	if err != nil {
		return nil, err
	}
	release, err := acquire(ctx, root)
	if err != nil {
		return nil, err
	}
	defer release()
	sweep(root)
	m := p.Manifest
	done := &Installed{Digest: manifest.Digest(p.Text), Found: Found{
		ID: m.ID, Version: m.Version, Root: root,
		Dir: filepath.Join(root, filepath.FromSlash(m.ID), m.Version, Platform()),
	}}
	if done.Already, err = done.present(ctx, p); err != nil {
		return nil, err
	}
	if !done.Already {
		if err := done.place(ctx, p); err != nil {
			return nil, err
		}
	}
	if i.Lock == "" {
		return done, nil
	}
	err = trust.UpdateLock(i.Lock, func(l *trust.Lock) error {
		if err := l.Check(m.ID, m.Version, p.Text); !errors.Is(err, trust.ErrNotLocked) {
			return err
		}
		l.Set(m.ID, m.Version, p.Text)
		return nil
	})
	if err != nil && !done.Already {
		err = errors.Join(err, done.Found.remove())
	}
	if err != nil {
		return nil, err
	}
	return done, nil
}

// present tells whether the same package is in place and whole.
func (d *Installed) present(ctx context.Context, p *Package) (bool, error) {
	if _, err := os.Lstat(d.Dir); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	old, err := d.Found.Open()
	if err != nil {
		return false, nil // damaged, and replaced
	}
	defer old.Close()
	if manifest.Digest(old.Text) != d.Digest {
		return false, fail(d.Dir, ErrInstalled, "remove it first, or give the new one another version")
	}
	if string(old.Signatures) != string(p.Signatures) {
		return false, nil
	}
	return old.Verify(ctx, Platform()) == nil, ctx.Err()
}

// place makes the package beside its place and moves it there.
func (d *Installed) place(ctx context.Context, p *Package) (err error) {
	temp, err := os.MkdirTemp(d.Root, tempPrefix)
	if err != nil {
		return system(d.Root, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(temp))
		}
	}()
	if err := p.extract(ctx, Platform(), temp, 0o644, 0o755); err != nil {
		return err
	}
	for name, text := range map[string][]byte{manifest.Name: p.Text, manifest.SignatureName: p.Signatures} {
		if text == nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(temp, name), text, 0o644); err != nil {
			return system(filepath.Join(temp, name), err)
		}
	}
	if err := open755(temp); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	parent := filepath.Dir(d.Dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return system(parent, err)
	}
	if err := d.Found.remove(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(parent, 0o755); err != nil { // remove takes empty folders with it
		return system(parent, err)
	}
	if err := os.Rename(temp, d.Dir); err != nil {
		return system(d.Dir, err)
	}
	return nil
}

// open755 lets others read the folders of a package that is complete.
func open755(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(path, 0o755)
		}
		if err != nil {
			return system(path, err)
		}
		return nil
	})
}

// Remove deletes an installed plugin. It is gone at once, or there.
func Remove(ctx context.Context, f Found) error {
	release, err := acquire(ctx, f.Root)
	if err != nil {
		return err
	}
	defer release()
	sweep(f.Root)
	return f.remove()
}

func (f Found) remove() error {
	// What a link leads to is not ours to delete.
	above, err := filepath.Rel(f.Root, filepath.Dir(f.Dir))
	if err == nil {
		err = descend(f.Root, above)
	}
	if err != nil {
		return err
	}
	old, err := os.MkdirTemp(f.Root, oldPrefix)
	if err != nil {
		return system(f.Root, err)
	}
	err = os.Rename(f.Dir, filepath.Join(old, "x"))
	if gone := os.RemoveAll(old); err == nil {
		err = gone
	}
	if err != nil {
		return system(f.Dir, err)
	}
	// The folders above it go with it when nothing else is in them.
	for at := filepath.Dir(f.Dir); strings.HasPrefix(at, f.Root+string(filepath.Separator)); at = filepath.Dir(at) {
		if os.Remove(at) != nil {
			break
		}
	}
	return nil
}

// acquire lets one process at a time change a folder of plugins. The system
// gives back what a process held that died.
func acquire(ctx context.Context, root string) (release func(), err error) {
	f, err := os.OpenFile(filepath.Join(root, lockName), os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, system(root, err)
	}
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			f.Close()
			return nil, system(root, err)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// sweep removes what processes left behind that were killed. The lock is held,
// so nobody is at work.
func sweep(root string) {
	for _, prefix := range []string{tempPrefix, oldPrefix} {
		left, _ := filepath.Glob(filepath.Join(root, prefix+"*"))
		for _, path := range left {
			_ = os.RemoveAll(path)
		}
	}
}
