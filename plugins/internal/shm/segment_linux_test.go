package shm

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestSeals(t *testing.T) {
	for _, access := range []Access{ReadOnly, ReadWrite} {
		s := create2(t, 8192, access)
		fd := int(s.File().Fd())
		assert.ErrorIs(t, unix.Ftruncate(fd, 0), unix.EPERM)
		assert.ErrorIs(t, unix.Ftruncate(fd, 1<<20), unix.EPERM)
		_, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_WRITE)
		assert.ErrorIs(t, err, unix.EPERM)
		_, err = unix.Pwrite(fd, []byte{1}, 0)
		mem, merr := unix.Mmap(fd, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if access == ReadOnly {
			assert.ErrorIs(t, err, unix.EPERM)
			assert.ErrorIs(t, merr, unix.EPERM)
			s.Mem[1] = 1 // the maker may
			continue
		}
		require.NoError(t, errors.Join(err, merr))
		require.NoError(t, unix.Munmap(mem))
	}
}
