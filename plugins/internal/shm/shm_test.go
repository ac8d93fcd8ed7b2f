package shm

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ends(t *testing.T) (*Link, *Link) {
	t.Helper()
	here, f, err := NewLink()
	require.NoError(t, err)
	there, err := OpenLink(f)
	require.NoError(t, err)
	t.Cleanup(func() { _ = here.Close(); _ = there.Close() })
	return here, there
}

func create2(t *testing.T, size int, other Access) *Segment {
	t.Helper()
	s, err := Create(size, other)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestSegmentsAreShared(t *testing.T) {
	here, there := ends(t)
	for id, access := range map[uint64]Access{1: ReadOnly, 1 << 60: ReadWrite} {
		mine := create2(t, 5000, access)
		copy(mine.Mem, "hello")
		require.NoError(t, here.Send(id, mine.File()))
		mine.Release()
		got, f, err := there.Receive()
		require.NoError(t, err)
		assert.Equal(t, id, got)
		theirs, err := Map(f, 5000, access)
		require.NoError(t, err)
		assert.Equal(t, "hello", string(theirs.Mem[:5]))
		mine.Mem[4999] = 7
		assert.Equal(t, byte(7), theirs.Mem[4999])
		if access == ReadWrite {
			theirs.Mem[0] = 'j'
			assert.Equal(t, "jello", string(mine.Mem[:5]))
		}
		require.NoError(t, theirs.Close())
		require.NoError(t, theirs.Close(), "again")
	}
}

func TestManyInARow(t *testing.T) {
	here, there := ends(t)
	s := create2(t, 100, ReadWrite)
	for id := range uint64(50) {
		require.NoError(t, here.Send(id, s.File()))
	}
	for id := range uint64(50) {
		got, f, err := there.Receive()
		require.NoError(t, err)
		assert.Equal(t, id, got)
		require.NoError(t, f.Close())
	}
}

func TestTheOtherEndIsGone(t *testing.T) {
	here, there := ends(t)
	done := make(chan error)
	go func() {
		_, _, err := there.Receive()
		done <- err
	}()
	time.Sleep(10 * time.Millisecond)
	require.NoError(t, here.Close())
	require.ErrorIs(t, <-done, io.EOF)
	s := create2(t, 1, ReadOnly)
	require.Error(t, there.Send(1, s.File()))
	require.NoError(t, there.Close())
	_, _, err := there.Receive()
	require.Error(t, err)
}

func TestNobodyReads(t *testing.T) {
	here, _ := ends(t)
	s := create2(t, 1, ReadOnly)
	begin := time.Now()
	var err error
	for i := 0; err == nil && i < 1<<20; i++ {
		err = here.Send(uint64(i), s.File())
	}
	require.Error(t, err)
	assert.Less(t, time.Since(begin), 10*sendLimit)
}

func TestBadMessages(t *testing.T) {
	here, there := ends(t)
	s := create2(t, 1, ReadOnly)
	fd := int(s.File().Fd())
	for _, rights := range [][]byte{nil, unix.UnixRights(fd, fd)} {
		_, _, err := here.conn.WriteMsgUnix(make([]byte, 8), rights, nil)
		require.NoError(t, err)
		_, _, err = there.Receive()
		assert.ErrorContains(t, err, "descriptors")
	}
	_, _, err := here.conn.WriteMsgUnix([]byte("abc"), unix.UnixRights(fd), nil)
	require.NoError(t, err)
	require.NoError(t, here.Close())
	_, _, err = there.Receive()
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestWhatIsNoLink(t *testing.T) {
	f, err := os.Open(os.DevNull)
	require.NoError(t, err)
	_, err = OpenLink(f)
	require.Error(t, err)
	_, err = f.Stat()
	assert.ErrorIs(t, err, os.ErrClosed, "it was taken over")
}

func TestSizesAreChecked(t *testing.T) {
	for _, size := range []int{0, -1} {
		_, err := Create(size, ReadOnly)
		assert.ErrorContains(t, err, "a segment of")
	}
	s := create2(t, 5000, ReadWrite)
	for _, size := range []int{0, -1, 5001, 1 << 40} {
		fd, err := unix.Dup(int(s.File().Fd()))
		require.NoError(t, err)
		_, err = Map(os.NewFile(uintptr(fd), "dup"), size, ReadOnly)
		assert.Error(t, err, size)
	}
}

func TestNothingStaysMapped(t *testing.T) {
	count := func() int {
		maps, _ := os.ReadFile("/proc/self/maps")
		return strings.Count(string(maps), "memfd:adjoint-plugin")
	}
	before := count()
	for range 100 {
		s, err := Create(1<<20, ReadOnly)
		require.NoError(t, err)
		require.NoError(t, s.Close())
	}
	assert.Equal(t, before, count())
}
