package shm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// sendLimit bounds the time that a message may wait for a reader.
const sendLimit = time.Second

// Link is one end of a connected pair of sockets. What the other end sends is
// read by [Link.Receive], which ends with io.EOF when the other end is gone.
type Link struct{ conn *net.UnixConn }

// NewLink makes a pair: an end to use, and one to be inherited by another process.
func NewLink() (*Link, *os.File, error) {
	here, there, err := pair()
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	other := os.NewFile(uintptr(there), "link")
	link, err := OpenLink(os.NewFile(uintptr(here), "link"))
	if err != nil {
		_ = other.Close()
		return nil, nil, err
	}
	return link, other, nil
}

// OpenLink takes over f, a connected unix stream socket.
func OpenLink(f *os.File) (*Link, error) {
	conn, err := net.FileConn(f)
	_ = f.Close()
	if err != nil {
		return nil, err
	}
	u, ok := conn.(*net.UnixConn)
	if !ok {
		_ = conn.Close()
		return nil, errors.New("shm: the link is no unix socket")
	}
	return &Link{u}, nil
}

// LinkOf uses a connection as a link.
func LinkOf(conn *net.UnixConn) *Link { return &Link{conn} }

// Close ends the link. A Receive that waits fails.
func (l *Link) Close() error { return l.conn.Close() }

// Send sends the descriptor of f under a number. f stays the caller's.
func (l *Link) Send(id uint64, f *os.File) error {
	if err := l.conn.SetWriteDeadline(time.Now().Add(sendLimit)); err != nil {
		return err
	}
	_, _, err := l.conn.WriteMsgUnix(binary.LittleEndian.AppendUint64(nil, id), unix.UnixRights(int(f.Fd())), nil)
	return err
}

// Receive waits for the next descriptor and its number. At the other end's end it
// returns io.EOF. A message without exactly one descriptor is an error.
func (l *Link) Receive() (uint64, *os.File, error) {
	var head [8]byte
	rights := make([]byte, unix.CmsgSpace(4*4))
	n, rn, _, _, err := l.conn.ReadMsgUnix(head[:], rights)
	if err != nil {
		return 0, nil, err
	}
	if n == 0 {
		return 0, nil, io.EOF
	}
	fds, err := descriptors(rights[:rn])
	if err == nil && len(fds) != 1 {
		err = fmt.Errorf("shm: a message with %d descriptors", len(fds))
	}
	if err == nil && n < len(head) {
		if _, err = io.ReadFull(l.conn, head[n:]); errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
	}
	if err != nil {
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
		return 0, nil, err
	}
	return binary.LittleEndian.Uint64(head[:]), os.NewFile(uintptr(fds[0]), "segment"), nil
}

func descriptors(rights []byte) (fds []int, err error) {
	messages, err := unix.ParseSocketControlMessage(rights)
	for i := range messages {
		got, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return fds, err
		}
		fds = append(fds, got...)
	}
	return fds, err
}
