package shm

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

func create(size int, other Access) (_ *Segment, err error) {
	fd, err := unix.MemfdCreate("adjoint-plugin", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "segment")
	defer func() {
		if err != nil {
			_ = f.Close()
		}
	}()
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		return nil, os.NewSyscallError("ftruncate", err)
	}
	mem, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	seals := unix.F_SEAL_SHRINK | unix.F_SEAL_GROW
	if other == ReadOnly {
		// The mapping above stays writable; it must be there before the seal.
		seals |= unix.F_SEAL_FUTURE_WRITE
	}
	_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals)
	if errors.Is(err, unix.EINVAL) {
		// Before Linux 5.1 there is no seal against writing.
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW)
	}
	if err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SEAL)
	}
	if err != nil {
		_ = unix.Munmap(mem)
		return nil, os.NewSyscallError("fcntl", err)
	}
	return &Segment{Mem: mem, file: f}, nil
}

func pair() (int, int, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	return fds[0], fds[1], err
}
