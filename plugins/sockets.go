package plugins

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	socketPrefix = "adjoint-plugins-"
	lockName     = "lock"
	// maxSocket is the length of a socket's path that every system takes; the
	// names below the registry's folder need about 50 bytes of it.
	maxSocket  = 103
	belowNames = 50
	// justMade protects a folder whose lock is not there yet.
	justMade = time.Minute
)

// sockets is the private folder of a registry. The lock in it tells other hosts
// that it is in use, and dies with this process.
type sockets struct {
	path string
	lock *os.File
}

func makeSockets() (*sockets, error) {
	base := os.TempDir()
	if len(base)+len(socketPrefix)+12+belowNames > maxSocket {
		base = "/tmp"
	}
	sweep(base)
	path, err := os.MkdirTemp(base, socketPrefix)
	if err != nil {
		return nil, fmt.Errorf("plugins: a folder for sockets: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(path, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	}
	if err != nil {
		_ = os.RemoveAll(path)
		return nil, fmt.Errorf("plugins: a folder for sockets: %w", err)
	}
	return &sockets{path, lock}, nil
}

func (s *sockets) remove() error {
	err := os.RemoveAll(s.path)
	_ = s.lock.Close()
	return err
}

// sweep removes the folders of hosts that were killed. What belongs to others
// cannot be locked or removed, and stays.
func sweep(base string) {
	stale, _ := filepath.Glob(filepath.Join(base, socketPrefix+"*"))
	for _, dir := range stale {
		lock, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|syscall.O_NOFOLLOW, 0)
		if err != nil {
			if info, err := os.Lstat(dir); err == nil && info.IsDir() && time.Since(info.ModTime()) > justMade {
				_ = os.RemoveAll(dir)
			}
			continue
		}
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(dir)
		}
		_ = lock.Close()
	}
}
