package shm

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Access says who may write a segment besides its maker.
type Access int

// What the other side may do.
const (
	ReadOnly Access = iota
	ReadWrite
)

// Segment is shared memory, mapped in this process.
type Segment struct {
	Mem  []byte
	file *os.File
}

// Create makes a segment of size bytes, all zero.
func Create(size int, other Access) (*Segment, error) {
	if size <= 0 {
		return nil, fmt.Errorf("shm: a segment of %d bytes", size)
	}
	return create(size, other)
}

// File returns the descriptor for the other side, until Release.
func (s *Segment) File() *os.File { return s.file }

// Release closes the descriptor. The memory stays.
func (s *Segment) Release() { _ = s.file.Close() }

// Close gives the memory up, on this side. It must not be used any more.
func (s *Segment) Close() error {
	_ = s.file.Close()
	mem := s.Mem
	s.Mem = nil
	if mem == nil {
		return nil
	}
	return unix.Munmap(mem)
}

// Map maps what the other side sent and takes f over. A segment that is smaller
// than size is an error, since an access past its end would end the process.
func Map(f *os.File, size int, access Access) (*Segment, error) {
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if size <= 0 || info.Size() < int64(size) {
		return nil, fmt.Errorf("shm: a segment of %d bytes where %d were announced", info.Size(), size)
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, size, protection(access), unix.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	return &Segment{Mem: mem, file: f}, nil
}

func protection(a Access) int {
	if a == ReadWrite {
		return unix.PROT_READ | unix.PROT_WRITE
	}
	return unix.PROT_READ
}
