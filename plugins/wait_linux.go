package plugins

import "golang.org/x/sys/unix"

// waitUntilExited blocks until the child has ended and leaves it to be reaped.
func waitUntilExited(pid int) {
	for {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return
		}
	}
}
