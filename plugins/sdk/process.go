package sdk

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/adjoint-go/adjoint/plugins/internal/shm"
	"github.com/adjoint-go/adjoint/plugins/kernelpb"
)

// followHost takes shared memory from the host, and ends this process, and those
// it started, when the host is gone: the host may be killed without a chance to
// end its plugins.
func followHost(s *segments) error {
	text := os.Getenv(kernelpb.LinkEnv)
	if text == "" {
		s.lost = true
		return nil
	}
	fd, err := strconv.Atoi(text)
	if err != nil || fd < 3 {
		return fmt.Errorf("sdk: %s=%q is no file descriptor", kernelpb.LinkEnv, text)
	}
	unix.CloseOnExec(fd)
	link, err := shm.OpenLink(os.NewFile(uintptr(fd), "link"))
	if err != nil {
		return fmt.Errorf("sdk: the link to the host: %w", err)
	}
	go func() {
		s.follow(link)
		if unix.Getpgrp() == os.Getpid() {
			_ = unix.Kill(0, unix.SIGKILL)
		}
		os.Exit(1)
	}()
	return nil
}

// guardStdout keeps the handshake's channel for the handshake: os.Stdout moves
// to a descriptor of its own, and what C code or a child process writes to
// descriptor 1 goes to standard error.
func guardStdout() error {
	fd, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return fmt.Errorf("sdk: standard output: %w", err)
	}
	if err := replace(2, 1); err != nil {
		return fmt.Errorf("sdk: standard output: %w", err)
	}
	os.Stdout = os.NewFile(uintptr(fd), "handshake")
	return nil
}
