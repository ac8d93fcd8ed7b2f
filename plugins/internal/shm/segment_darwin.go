package shm

import (
	"crypto/rand"
	"errors"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The names of POSIX objects are at most 31 bytes.
func objectName() string { return "/adj" + rand.Text()[:20] }

// shmOpen calls the system directly: the library's function takes a variable
// number of arguments and cannot be called without C.
func shmOpen(name string, flags int) (*os.File, error) {
	p, err := syscall.BytePtrFromString(name)
	if err != nil {
		return nil, err
	}
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, _, errno := syscall.Syscall(syscall.SYS_SHM_OPEN, uintptr(unsafe.Pointer(p)), uintptr(flags), 0o600)
	runtime.KeepAlive(p)
	if errno != 0 {
		return nil, os.NewSyscallError("shm_open", errno)
	}
	syscall.CloseOnExec(int(fd))
	return os.NewFile(fd, "segment"), nil
}

func shmUnlink(name string) error {
	p, err := syscall.BytePtrFromString(name)
	if err != nil {
		return err
	}
	_, _, errno := syscall.Syscall(syscall.SYS_SHM_UNLINK, uintptr(unsafe.Pointer(p)), 0, 0)
	runtime.KeepAlive(p)
	if errno != 0 {
		return os.NewSyscallError("shm_unlink", errno)
	}
	return nil
}

func create(size int, other Access) (_ *Segment, err error) {
	name := objectName()
	f, err := shmOpen(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return nil, err
	}
	send := f
	defer func() {
		if err != nil {
			_ = send.Close()
			_ = f.Close()
		}
	}()
	// The system allows the size of such an object to be set once.
	err = os.NewSyscallError("ftruncate", unix.Ftruncate(int(f.Fd()), int64(size)))
	if err == nil && other == ReadOnly {
		send, err = shmOpen(name, os.O_RDONLY)
	}
	if err = errors.Join(err, shmUnlink(name)); err != nil {
		return nil, err
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	if send != f {
		_ = f.Close()
	}
	return &Segment{Mem: mem, file: send}, nil
}

func pair() (int, int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fds[0])
		unix.CloseOnExec(fds[1])
	}
	return fds[0], fds[1], err
}
